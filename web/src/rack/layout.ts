import { accents, codes } from "./accents";
import type { Device, Documents, Fabric, Machine } from "./documents";
import { byKind, natural } from "./order";
import { accents as palette, letter, ofUse } from "./palette";
import { shares, slotLabel } from "./telling";

// From documents to what is drawn where: pure, so that it is tested without a
// page, and the same in a notebook and on the web page.

/** How the slots of a rack are put in rows. */
export type By = "kind" | "switch";

/** How one device is drawn. */
export interface Slot {
  id: string;
  /** Letter of the kind and number of the place: G3 */
  name: string;
  letter: string;
  x: number;
  y: number;
  /** How its use is drawn: one of the palette's patterns. */
  pattern: string;
  /** Number of its machine's accent; -1: none, or not to be seen by who looks. */
  accent: number;
  /** Code of its machine, where no name has room: at the first of its slots that stand side by side; else "". */
  code: string;
  /** What keeps it from being given out: the gravest, where there are several. */
  mark: "" | "failed" | "missing" | "degraded" | "cordoned" | "unfree";
  /** What happens to it now; "" for nothing. */
  changing: string;
  label: string;
  device: Device;
}

/** A machine's name under those of its devices that stand side by side. */
export interface Tag {
  key: string;
  x: number;
  y: number;
  width: number;
  text: string;
  accent: number;
}

/** The slots of one kind, or behind one switch, over as many lines as they need. */
export interface Row {
  key: string;
  title: string;
  y: number;
  height: number;
  free: number;
  all: number;
  slots: Slot[];
  tags: Tag[];
}

export interface Rack {
  fabric: Fabric;
  rows: Row[];
  width: number;
  height: number;
  /** "rack1: free 12 of 16 gpu, …" */
  summary: string;
  shares: Share[];
  /** True where it is told as numbers only, because the picture has too many slots. */
  folded: boolean;
  /** What it was made from, to be used again while nothing of it changes. */
  from: unknown[];
}

export interface Share {
  kind: string;
  free: number;
  all: number;
}

/** A machine as the legend tells it. */
export interface Key {
  machine: Machine;
  accent: number;
  /** Its code in the picture; "" where names stand there. */
  code: string;
  /** "2 gpu, 1 ssd" */
  parts: string;
}

export interface Picture {
  racks: Rack[];
  keys: Key[];
  size: Size;
  devices: number;
  summary: string;
}

/** What things measure, in pixels. */
export interface Size {
  name: "full" | "compact";
  slot: { width: number; height: number };
  gap: number;
  /** Below a line of slots, and below one with the names of machines. */
  below: number;
  belowTags: number;
  /** Width of a row's title. */
  title: number;
  perLine: number;
  pad: number;
  between: number;
}

const full: Size = { name: "full", slot: { width: 36, height: 26 }, gap: 4, below: 5, belowTags: 20, title: 64, perLine: 12, pad: 12, between: 6 };
const compact: Size = { name: "compact", slot: { width: 12, height: 12 }, gap: 2, below: 3, belowTags: 3, title: 86, perLine: 16, pad: 8, between: 5 };

/** Rows by switch have their kind in the title: no letter is drawn. */
const compactBySwitch: Size = { ...compact, title: 140 };

/** More devices than this are drawn as small squares without names. */
export const mostFull = 200;
/** More devices than this are not drawn: the racks that come last are told as numbers. */
export const mostDrawn = 4000;

/**
 * Lays documents out. Racks of which nothing changed are taken from the picture
 * before, as the same objects, so that only what changed is drawn again.
 */
export function layout(docs: Documents, by: By, before?: Picture): Picture {
  const there = new Map<string, Device[]>(Object.keys(docs.fabrics).map((name) => [name, []]));
  for (const d of Object.values(docs.devices)) there.get(d.fabric)?.push(d);
  const drawn = [...there.values()].reduce((sum, list) => sum + list.length, 0);
  const size = drawn <= mostFull ? full : by === "switch" ? compactBySwitch : compact;
  const accent = accents(Object.values(docs.machines), palette.length);
  const code = size.name === "compact" ? codes(Object.values(docs.machines)) : new Map<string, string>();
  const kept = new Map(before?.racks.map((r) => [r.fabric.name, r]));
  let room = mostDrawn;
  const racks = [...there].sort(([a], [b]) => natural(a, b)).map(([name, devices]) => {
    room -= devices.length;
    const machines = new Map<string, Machine>();
    for (const d of devices) {
      const m = d.machineId ? docs.machines[d.machineId] : undefined;
      if (m) machines.set(m.id, m);
    }
    const toldHere = [...machines.keys()].flatMap((id) => [accent.get(id), code.get(id)]);
    const from = [docs.fabrics[name], by, size, room < 0, ...devices, ...machines.values(), ...toldHere];
    const was = kept.get(name);
    return was && same(was.from, from) ? was : rack(docs.fabrics[name]!, devices, { machines, accent, code }, by, size, room < 0, from);
  });
  return { racks, keys: keys(docs, accent, code), size, devices: drawn, summary: racks.map((r) => r.summary).join(". ") };
}

function same(a: unknown[], b: unknown[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** How machines are told apart: the machines of a rack, and of all their accents and codes. */
interface Apart {
  machines: Map<string, Machine>;
  accent: Map<string, number>;
  code: Map<string, string>;
}

function rack(fabric: Fabric, devices: Device[], apart: Apart, by: By, size: Size, folded: boolean, from: unknown[]): Rack {
  const counted = [...grouped(devices, "kind")].map(([kind, list]) => ({ kind, free: list.filter((d) => d.free).length, all: list.length }));
  const rows: Row[] = [];
  let y = size.pad;
  for (const [title, list] of folded ? [] : grouped(devices, by, size.name === "compact")) {
    const row = place(title, list, apart, size, y);
    rows.push(row);
    y += row.height + size.between;
  }
  const longest = Math.max(1, ...rows.map((r) => Math.min(r.all, size.perLine)));
  return {
    fabric,
    rows,
    width: 2 * size.pad + size.title + longest * (size.slot.width + size.gap) - size.gap,
    height: rows.length === 0 ? 0 : y - size.between - size.below + size.pad,
    summary: `${fabric.name}${fabric.emulated ? " (emulated)" : ""}: ${counted.length ? `free ${shares(counted)}` : "no devices"}`,
    shares: counted,
    folded: folded && devices.length > 0,
    from,
  };
}

/** Devices by kind or by switch (and kind, where asked), in their order, each in natural order of places. */
function grouped(devices: Device[], by: By, kindToo = false): Map<string, Device[]> {
  const of = (d: Device) => (by === "kind" ? d.kind : (d.switch ?? "no switch"));
  const title = (d: Device) => (by === "switch" && kindToo ? `${of(d)}: ${d.kind}` : of(d));
  const groups = new Map<string, Device[]>();
  const order = by === "kind" ? byKind : natural;
  for (const d of [...devices].sort((a, b) => order(of(a), of(b)) || byKind(a.kind, b.kind) || natural(a.place, b.place))) {
    const list = groups.get(title(d));
    if (list) list.push(d);
    else groups.set(title(d), [d]);
  }
  return groups;
}

function place(title: string, list: Device[], apart: Apart, size: Size, y: number): Row {
  const row: Row = { key: title, title, y, height: 0, free: list.filter((d) => d.free).length, all: list.length, slots: [], tags: [] };
  for (let from = 0; from < list.length; from += size.perLine) {
    const line = list.slice(from, from + size.perLine).map((d, i) => {
      const machine = apart.machines.get(d.machineId ?? "");
      const x = size.pad + size.title + i * (size.slot.width + size.gap);
      return slot(d, machine, machine ? apart.accent.get(machine.id)! : -1, x, y + row.height);
    });
    const tagged = size.name === "full" ? tags(line, size) : [];
    if (size.name === "compact") encode(line, apart.code);
    row.slots.push(...line);
    row.tags.push(...tagged);
    row.height += size.slot.height + (tagged.length ? size.belowTags : size.below);
  }
  return row;
}

function slot(d: Device, machine: Machine | undefined, accent: number, x: number, y: number): Slot {
  const changing = happens(d, machine);
  return {
    id: d.id,
    name: letter(d.kind) + (/\d+$/.exec(d.place)?.[0] ?? ""),
    letter: letter(d.kind),
    x,
    y,
    pattern: ofUse(d.use).pattern,
    accent,
    code: "",
    mark: mark(d),
    changing,
    label: slotLabel(d, changing),
    device: d,
  };
}

/** What happens to a device now, told by its machine. */
function happens(d: Device, machine: Machine | undefined): string {
  if (!machine) return "";
  if (machine.devices.some((part) => part.id === d.id && part.state === "leaving")) return `leaving ${machine.name}`;
  if (d.use === "claimed") return machine.state === "queued" ? "" : `joining ${machine.name}`;
  return machine.state === "freeing" ? `leaving ${machine.name}` : "";
}

function mark(d: Device): Slot["mark"] {
  if (d.health === "failed" || d.health === "missing" || d.health === "degraded") return d.health;
  if (d.cordon) return "cordoned";
  return d.use === "free" && !d.free ? "unfree" : "";
}

/** One tag for each stretch of one machine's slots in a line; its name may go on below what has no tag. */
function tags(line: Slot[], size: Size): Tag[] {
  const out: Tag[] = [];
  let last = "";
  for (const s of line) {
    const id = s.accent < 0 ? "" : (s.device.machineId ?? "");
    if (id && id === last) out[out.length - 1]!.width += size.slot.width + size.gap;
    else if (id) out.push({ key: s.id, x: s.x, y: s.y + size.slot.height + 4, width: size.slot.width, text: s.device.machine ?? "", accent: s.accent });
    last = id;
  }
  const end = (line.at(-1)?.x ?? 0) + size.slot.width;
  return out.map((t, i) => ({ ...t, text: fitted(t.text, (out[i + 1]?.x ?? Math.max(end, t.x + 100)) - t.x - size.gap) }));
}

/** Gives each stretch of one machine's slots in a line its code: at the first with nothing else in it, else with no mark. */
function encode(line: Slot[], code: Map<string, string>) {
  for (let from = 0, to = 0; from < line.length; from = to) {
    const id = line[from]!.device.machineId;
    while (to < line.length && line[to]!.device.machineId === id) to++;
    const stretch = line.slice(from, to).filter((s) => s.accent >= 0 && !s.mark);
    const says = stretch.find((s) => !s.changing) ?? stretch[0];
    if (says && id) says.code = code.get(id) ?? "";
  }
}

/** As much of a text as a width takes, at 6 pixels a letter. */
function fitted(text: string, width: number): string {
  const most = Math.max(2, Math.floor(width / 6));
  return text.length <= most ? text : text.slice(0, most - 1) + "…";
}

/** The machines that have devices in the picture, by name. */
function keys(docs: Documents, accent: Map<string, number>, code: Map<string, string>): Key[] {
  const parts = new Map<string, Device[]>();
  for (const d of Object.values(docs.devices)) {
    if (!d.machineId || !docs.machines[d.machineId]) continue;
    const list = parts.get(d.machineId);
    if (list) list.push(d);
    else parts.set(d.machineId, [d]);
  }
  return [...parts]
    .map(([id, list]) => ({
      machine: docs.machines[id]!,
      accent: accent.get(id)!,
      code: code.get(id) ?? "",
      parts: [...grouped(list, "kind")].map(([kind, some]) => `${some.length} ${kind}`).join(", "),
    }))
    .sort((a, b) => natural(a.machine.name, b.machine.name) || natural(a.machine.id, b.machine.id));
}

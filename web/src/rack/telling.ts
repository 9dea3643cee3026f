import type { Device, Fabric, Machine } from "./documents";

// The words of the picture: everything that is drawn is also said.

const units: [number, string][] = [
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
];
const decimal: [number, string][] = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
];

/** What a device has: "80 GiB", "15.36 TB", "200 Gb/s", "32 cores"; "" where the fabric does not say. */
export function capacity(d: Device): string {
  const said = [];
  if (d.kind === "cpu" && d.cores) said.push(`${d.cores} cores`);
  if (d.memory) said.push(inUnits(d.memory, units));
  if (d.size) said.push(inUnits(d.size, decimal));
  if (d.speed) said.push(inUnits(d.speed, decimal).replace("B", "b") + "/s");
  return said.join(", ");
}

function inUnits(n: number, units: [number, string][]): string {
  const [size, name] = units.find(([size]) => n >= size) ?? [1, "bytes"];
  return `${Number((n / size).toFixed(2))} ${name}`;
}

/** How a device is used, in words. */
export function use(d: Device): string {
  const machine = d.machine ?? "";
  switch (d.use) {
    case "free":
      return d.free ? "free" : `not free: ${d.whyNot || "not to be had now"}`;
    case "claimed":
      return machine ? `claimed for ${machine}` : "claimed for a machine of another project";
    case "attached":
      return machine ? `attached to ${machine}` : "attached to a machine of another project";
    case "foreign":
      return "foreign: in a machine or group that is not Composa's";
    default:
      return d.use;
  }
}

/** What a slot is called by those who hear it. */
export function slotLabel(d: Device, changing: string): string {
  const said = [d.place, d.model ? `${d.kind} ${d.model}` : d.kind, use(d)];
  if (changing) said.push(changing);
  if (d.health !== "ok") said.push(d.health);
  if (d.cordon) said.push(`cordoned: ${d.cordon.reason}`);
  return said.join(", ");
}

/** The details of a device, as name and text. since is the caller's own clock's way to write a moment. */
export function details(d: Device, machine: Machine | undefined, changing: string, moment: (at: string) => string): [string, string][] {
  const lines: [string, string][] = [
    ["kind", d.kind],
    ["model", [d.vendor, d.model].filter(Boolean).join(" ")],
    ["has", capacity(d)],
    ["use", use(d)],
    ["now", changing],
    ["health", d.health === "ok" ? "" : d.health],
    ["cordoned", d.cordon ? `${d.cordon.reason} (by ${d.cordon.by})` : ""],
    ["holds data", d.hygiene === "used" ? "perhaps: it was in use since it was last erased" : ""],
    ["pool", d.pool ?? ""],
    ["machine", machine ? `${machine.name}, ${machine.state}, of ${machine.owner}, since ${moment(machine.createdAt)}` : ""],
    ["switch", d.switch ?? ""],
  ];
  return lines.filter(([, text]) => text !== "");
}

/** What is wrong with what is known of a fabric; "" where nothing is. */
export function fabricTrouble(f: Fabric, moment: (at: string) => string): string {
  switch (f.state) {
    case "silent":
      return `silent since ${f.silentSince ? moment(f.silentSince) : "an unknown moment"}: shown as last seen`;
    case "stale":
      return "as before the server started: not read again yet";
    case "new":
      return "not read yet";
    default:
      return "";
  }
}

/** How much of each kind is free: "12 of 16 gpu". */
export function shares(rows: { kind: string; free: number; all: number }[]): string {
  return rows.map((r) => `${r.free} of ${r.all} ${r.kind}`).join(", ");
}

import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, test } from "vitest";
import type { News } from "../src/rack/news";
import { silence, tell } from "../src/rack/news";
import { accents, broken, uses } from "../src/rack/palette";
import Racks from "../src/rack/Racks.svelte";
import widget, { type Model } from "../src/widget";
import { device, documents, held, machine } from "./documents";

afterEach(cleanup);

const live: News = { state: "live", since: "2026-01-01T00:00:00Z", reason: "" };
const train = [held("rack1/gpu0", "train"), held("rack1/gpu1", "train", { use: "claimed" })];
const docs = documents([...train, device("rack1/gpu2"), device("rack1/ssd0"), device("rack2/gpu0")], [machine("train", train, { state: "changing" })], [
  { name: "rack1", emulated: true },
]);

const slots = () => screen.getAllByRole("gridcell");
const slot = (place: string) => slots().find((s) => s.getAttribute("aria-label")!.startsWith(place + ","))!;
const tabbable = () => slots().filter((s) => s.getAttribute("tabindex") === "0");

describe("the picture", () => {
  test("every slot says what it is, and every row and rack how much is free", () => {
    render(Racks, { docs, news: live });
    expect(slots().map((s) => s.getAttribute("aria-label"))).toEqual([
      "rack1/gpu0, gpu A100, attached to train",
      "rack1/gpu1, gpu A100, claimed for train, joining train",
      "rack1/gpu2, gpu A100, free",
      "rack1/ssd0, ssd A100, free",
      "rack2/gpu0, gpu A100, free",
    ]);
    expect(screen.getAllByRole("row").map((r) => r.getAttribute("aria-label")).filter(Boolean)).toEqual([
      "gpu: 1 of 3 free",
      "ssd: 1 of 1 free",
      "gpu: 1 of 1 free",
    ]);
    expect(screen.getAllByRole("grid")[0]!.getAttribute("aria-label")).toContain("rack1 (emulated): free 1 of 3 gpu, 1 of 1 ssd");
    expect(document.querySelector("table")!.textContent).toContain("rack1 (emulated)");
  });

  test("one slot is in the order of Tab, and the arrows carry it along", async () => {
    render(Racks, { docs, news: live });
    expect(tabbable()).toEqual([slot("rack1/gpu0")]);
    slot("rack1/gpu0").focus();
    await fireEvent.keyDown(slot("rack1/gpu0"), { key: "ArrowRight" });
    expect(document.activeElement).toBe(slot("rack1/gpu1"));
    expect(tabbable()).toEqual([slot("rack1/gpu1")]);
    await fireEvent.keyDown(slot("rack1/gpu1"), { key: "ArrowDown" });
    expect(document.activeElement).toBe(slot("rack1/ssd0"));
  });

  test("Enter pins the details, Escape lets go of them and then leaves", async () => {
    render(Racks, { docs, news: live });
    slot("rack1/gpu0").focus();
    await fireEvent.keyDown(slot("rack1/gpu0"), { key: "Enter" });
    expect(slot("rack1/gpu0").getAttribute("aria-selected")).toBe("true");
    expect(screen.getByRole("note").textContent).toMatch(/rack1\/gpu0.*attached to train.*train, changing, of ana, since/s);
    await fireEvent.pointerOver(slot("rack2/gpu0"));
    expect(screen.getByRole("note").textContent).toContain("rack1/gpu0");
    await fireEvent.keyDown(slot("rack1/gpu0"), { key: "Escape" });
    expect(screen.getByRole("note").textContent).toContain("rack2/gpu0");
    expect(document.activeElement).toBe(slot("rack1/gpu0"));
    await fireEvent.keyDown(slot("rack1/gpu0"), { key: "Escape" });
    expect(document.activeElement).not.toBe(slot("rack1/gpu0"));
  });

  test("keys that it takes do not reach the notebook, others do", async () => {
    const heard: string[] = [];
    const listen = (e: KeyboardEvent) => heard.push(e.key);
    render(Racks, { docs, news: live });
    document.body.addEventListener("keydown", listen);
    for (const key of ["ArrowDown", "Enter", "Escape", "Tab", "s"]) await fireEvent.keyDown(slot("rack1/gpu0"), { key });
    document.body.removeEventListener("keydown", listen);
    expect(heard).toEqual(["Tab", "s"]);
  });

  test("a change draws that slot anew and keeps the others, and the focus", async () => {
    const { rerender } = render(Racks, { docs, news: live });
    const before = slots();
    slot("rack1/gpu2").focus();
    const failed = { ...docs, devices: { ...docs.devices, "dev_rack1/gpu2": device("rack1/gpu2", { health: "failed", free: false, whyNot: "failed" }) } };
    await rerender({ docs: failed, news: live });
    expect(slots()).toEqual(before);
    expect(document.activeElement!.getAttribute("aria-label")).toBe("rack1/gpu2, gpu A100, not free: failed, failed");
  });

  test("the slot of Tab that leaves gives its place to the first", async () => {
    const { rerender } = render(Racks, { docs, news: live });
    slot("rack2/gpu0").focus();
    await rerender({ docs: documents(Object.values(docs.devices).filter((d) => d.fabric === "rack1")), news: live });
    expect(tabbable()).toEqual([slot("rack1/gpu0")]);
  });

  test("names are text, whatever is in them", () => {
    const evil = held("rack1/gpu0", "<img src=x onerror=alert(1)>", { model: "<script>", machineId: "mach_e" });
    render(Racks, { docs: documents([evil], [machine("<img src=x onerror=alert(1)>", [evil], { id: "mach_e" })]), news: live });
    expect(document.querySelector("img, script")).toBeNull();
  });

  test("small slots tell each trouble in another way, and the legend in the same", () => {
    const marks = { failed: { health: "failed" }, missing: { health: "missing" }, degraded: { health: "degraded" }, cordoned: { cordon: { reason: "fan", by: "ops" } } } as const;
    const troubled = Object.values(marks).map((m, i) => device(`rack1/gpu${i}`, m));
    const many = [...troubled, ...Array.from({ length: 201 }, (_, i) => device(`rack1/gpu${i + 4}`))];
    render(Racks, { docs: documents(many), news: live });
    const drawn = troubled.map((d) => slot(d.place).querySelector(".cross")!.getAttribute("d"));
    expect(new Set(drawn).size).toBe(4);
    const legend = Object.keys(marks).map((word) => [...document.querySelectorAll(".legend li")].find((li) => li.textContent!.trim() === word)!);
    expect(legend.map((li) => li.querySelector(".cross")!.getAttribute("d"))).toEqual(drawn);
  });

  test("the slot that has the focus is described by its details", async () => {
    render(Racks, { docs, news: live });
    expect(slot("rack1/gpu0").getAttribute("aria-describedby")).toBeNull();
    slot("rack1/gpu0").focus();
    await fireEvent.focusIn(slot("rack1/gpu0"));
    expect(document.getElementById(slot("rack1/gpu0").getAttribute("aria-describedby")!)!.textContent).toContain("attached to train");
    expect(slot("rack1/gpu1").getAttribute("aria-describedby")).toBeNull();
  });

  test("a thousand devices in twenty racks are all there", () => {
    const many = Array.from({ length: 1000 }, (_, i) => device(`rack${i % 20}/gpu${Math.floor(i / 20)}`));
    render(Racks, { docs: documents(many), news: live });
    expect(document.querySelectorAll('[role="gridcell"]').length).toBe(1000);
    expect(document.querySelectorAll('[role="row"][aria-label="gpu: 50 of 50 free"]').length).toBe(20);
  });

  test("no documents: it says that there is nothing", () => {
    render(Racks, { docs: documents([]), news: { ...live, state: "silent", since: "" } });
    expect(screen.getByText("There is no rack to draw.")).toBeTruthy();
    expect(screen.getByRole("status").textContent).toBe("no news yet");
  });
});

test.each([
  [{ state: "live", since: "2026-01-01T00:00:00Z", reason: "" }, "live", ""],
  [{ state: "silent", since: "2026-01-01T00:00:00Z", reason: "refused" }, "no news: refused", "for 12 s"],
  [{ state: "silent", since: "2025-12-31T23:00:12Z", reason: "" }, "no news", "for 60 min"],
] as const)("news %j are told", (news, said, since) => {
  expect(tell(news)).toBe(said);
  expect(silence(news, Date.parse("2026-01-01T00:00:12Z"))).toBe(since);
});

/** A model as anywidget gives it. */
class Fake implements Model {
  private heard = new Map<string, Set<() => void>>();
  constructor(private values: Record<string, unknown>) {}
  get = (name: string) => this.values[name];
  on = (event: string, call: () => void) => void this.heard.set(event, (this.heard.get(event) ?? new Set()).add(call));
  off = (event: string, call: () => void) => void this.heard.get(event)?.delete(call);
  set(values: Record<string, unknown>) {
    this.values = { ...this.values, ...values };
    for (const name of Object.keys(values)) this.tell(`change:${name}`);
  }
  tell = (event: string) => this.heard.get(event)?.forEach((call) => call());
  get listeners() {
    return [...this.heard.values()].reduce((n, calls) => n + calls.size, 0);
  }
}

describe("the widget", () => {
  const settled = () => new Promise((done) => setTimeout(done));

  test("draws documents, the changes since them, and news; lets go when it is removed", async () => {
    const model = new Fake({ documents: { number: 1, ...docs }, changes: { of: 1 }, news: live });
    const el = document.body.appendChild(document.createElement("div"));
    const remove = widget.render({ model, el });
    expect(slot("rack1/gpu2").getAttribute("aria-label")).toContain("free");
    model.set({ changes: { of: 1, devices: { "dev_rack1/gpu2": held("rack1/gpu2", "train"), "dev_rack2/gpu0": null } } });
    await settled();
    expect(slot("rack1/gpu2").getAttribute("aria-label")).toContain("attached to train");
    expect(slots().length).toBe(4);
    model.set({ changes: { of: 0, devices: { "dev_rack1/gpu2": null } } }); // of documents that are gone
    await settled();
    expect(slots().length).toBe(5);
    model.set({ news: { ...live, state: "silent", reason: "the server is gone" } });
    await settled();
    expect(screen.getByRole("status").textContent).toBe("no news: the server is gone");
    model.tell("comm_live_update");
    await settled();
    expect(screen.getByRole("status").textContent).toContain("the kernel ended");
    remove();
    await settled();
    expect([el.textContent, model.listeners]).toEqual(["", 0]);
    el.remove();
  });
});

test("accents and uses have 3:1 and more with their grounds", () => {
  const luminance = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (a: string, b: string) => {
    const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
    return (x! + 0.05) / (y! + 0.05);
  };
  for (const accent of accents) for (const ground of ["#ffffff", "#111111"]) expect([accent, contrast(accent, ground) >= 3]).toEqual([accent, true]);
  for (const mark of [...Object.values(uses), broken]) {
    expect([mark.light, contrast(mark.light, "#ffffff") >= 3]).toEqual([mark.light, true]);
    expect([mark.dark, contrast(mark.dark, "#111111") >= 3]).toEqual([mark.dark, true]);
  }
  // What is written on an attached slot.
  expect(contrast(uses["attached"]!.light, "#ffffff")).toBeGreaterThan(4.5);
  expect(contrast(uses["attached"]!.dark, "#0b0e12")).toBeGreaterThan(4.5);
});

test("of many machines each is told apart by more than its colour, and all are listed where that is asked for", async () => {
  const names = Array.from({ length: 70 }, (_, i) => `m${i}`);
  const devices = names.flatMap((name, i) => [0, 1, 2].map((j) => held(`rack1/gpu${3 * i + j}`, name)));
  render(Racks, { docs: documents(devices, names.map((name) => machine(name, devices.filter((d) => d.machine === name)))), news: live });
  const listed = () => [...document.querySelectorAll(".legend ul:not([aria-label=uses]) li")].map((li) => [li.querySelector("strong")!.textContent, li.querySelector("b")!.textContent]);
  expect(listed().length).toBe(24);
  const more = document.querySelector(".legend details") as HTMLDetailsElement;
  expect(more.querySelector("summary")!.textContent).toBe("… and 46 more machines");
  more.open = true;
  await fireEvent(more, new Event("toggle"));
  expect(listed().map(([name]) => name)).toEqual(names);
  const drawn = new Map(slots().map((s) => [s.getAttribute("aria-label")!.split(", ")[2], s.querySelector(".code")?.textContent] as const).filter(([, code]) => code));
  for (const [name, code] of listed()) expect(drawn.get(`attached to ${name}`)).toBe(code);
});

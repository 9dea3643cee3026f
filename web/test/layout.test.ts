import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accents, codes } from "../src/rack/accents";
import { changed, kept } from "../src/rack/documents";
import { layout, mostDrawn, mostFull } from "../src/rack/layout";
import { natural } from "../src/rack/order";
import { next } from "../src/rack/walking";
import { device, documents, held, machine } from "./documents";

const kinds = ["cpu", "gpu", "ssd", "scm", "nic", "fpga", "memory", "dpu"];

const anyDevice = fc
  .record({
    fabric: fc.constantFrom("rack1", "rack2", "rack10"),
    kind: fc.constantFrom(...kinds),
    n: fc.nat(40),
    use: fc.constantFrom("free", "claimed", "attached", "foreign", "borrowed"),
    machine: fc.constantFrom("", "a", "b", "c"),
    health: fc.constantFrom("ok", "degraded", "failed", "missing"),
    switch: fc.constantFrom("0x1", "0x2", undefined),
  })
  .map((r) =>
    device(`${r.fabric}/${r.kind}${r.n}`, {
      use: r.use,
      free: r.use === "free" && r.health === "ok",
      health: r.health,
      ...(r.switch ? { switch: r.switch } : {}),
      ...(r.machine && r.use !== "free" ? { machine: r.machine, machineId: `mach_${r.machine}` } : {}),
    }),
  );
const anyDocuments = fc
  .uniqueArray(anyDevice, { selector: (d) => d.id, maxLength: 120 })
  .map((devices) => documents(devices, ["a", "b", "c"].map((name) => machine(name, devices.filter((d) => d.machine === name)))));

describe("layout", () => {
  test("every device has one slot, inside its rack, that overlaps no other", () => {
    fc.assert(
      fc.property(anyDocuments, fc.constantFrom("kind" as const, "switch" as const), (docs, by) => {
        const picture = layout(docs, by);
        const slots = picture.racks.flatMap((r) => r.rows.flatMap((row) => row.slots));
        expect(slots.map((s) => s.id).sort()).toEqual(Object.keys(docs.devices).sort());
        for (const rack of picture.racks) {
          const there = rack.rows.flatMap((r) => r.slots);
          const { width, height } = picture.size.slot;
          for (const s of there) {
            expect(s.device.fabric).toBe(rack.fabric.name);
            expect(s.x + width).toBeLessThanOrEqual(rack.width);
            expect(s.y + height).toBeLessThanOrEqual(rack.height);
          }
          for (const [i, a] of there.entries()) {
            for (const b of there.slice(i + 1)) {
              expect(Math.abs(a.x - b.x) >= width || Math.abs(a.y - b.y) >= height).toBe(true);
            }
          }
        }
      }),
    );
  });

  test("counts add up, and the summary says them", () => {
    fc.assert(
      fc.property(anyDocuments, (docs) => {
        for (const rack of layout(docs, "kind").racks) {
          for (const share of rack.shares) {
            const all = Object.values(docs.devices).filter((d) => d.fabric === rack.fabric.name && d.kind === share.kind);
            expect(share).toEqual({ kind: share.kind, free: all.filter((d) => d.free).length, all: all.length });
            expect(rack.summary).toContain(`${share.free} of ${share.all} ${share.kind}`);
          }
        }
      }),
    );
  });

  test("racks, kinds and places are in the order people expect", () => {
    const docs = documents(["rack10/gpu0", "rack2/ssd0", "rack2/gpu10", "rack2/gpu2", "rack2/pcpu0"].map((p) => device(p)));
    const picture = layout(docs, "kind");
    expect(picture.racks.map((r) => r.fabric.name)).toEqual(["rack2", "rack10"]);
    expect(picture.racks[0]!.rows.map((r) => r.slots.map((s) => s.name))).toEqual([["C0"], ["G2", "G10"], ["S0"]]);
  });

  test("rows by switch", () => {
    const docs = documents([device("rack1/gpu0", { switch: "0x2" }), device("rack1/ssd0", { switch: "0x1" }), device("rack1/gpu1")]);
    expect(layout(docs, "switch").racks[0]!.rows.map((r) => [r.title, r.slots.map((s) => s.name)])).toEqual([
      ["0x1", ["S0"]],
      ["0x2", ["G0"]],
      ["no switch", ["G1"]],
    ]);
  });

  test("a rack of which nothing changed is the same object, one that changed is another", () => {
    const devices = [device("rack1/gpu0"), device("rack2/gpu0")];
    const before = layout(documents(devices), "kind");
    const docs = kept(documents(devices), documents([device("rack1/gpu0", { health: "failed" }), device("rack2/gpu0")]));
    const same = { ...docs, fabrics: Object.fromEntries(before.racks.map((r) => [r.fabric.name, r.fabric])), devices: { ...docs.devices, [devices[1]!.id]: devices[1]! } };
    const after = layout(same, "kind", before);
    expect(after.racks[0]).not.toBe(before.racks[0]);
    expect(after.racks[1]).toBe(before.racks[1]);
    expect(layout(same, "switch", after).racks[1]).not.toBe(after.racks[1]);
  });

  test("the picture after changes is the one made at once", () => {
    fc.assert(
      fc.property(anyDocuments, anyDocuments, (a, b) => {
        const plain = (docs: typeof a, before?: ReturnType<typeof layout>) =>
          layout(docs, "kind", before).racks.map((r) => ({ ...r, from: [] }));
        expect(plain(kept(a, b), layout(a, "kind"))).toEqual(plain(b));
      }),
    );
  });

  test("neighbours of one machine share a tag; a line and a stranger end it", () => {
    const mine = [0, 1, 3, 11, 12].map((n) => held(`rack1/gpu${n}`, "train"));
    const others = [2, 4, 5, 6, 7, 8, 9, 10].map((n) => device(`rack1/gpu${n}`));
    const [rack] = layout(documents([...mine, ...others], [machine("train", mine)]), "kind").racks;
    expect(rack!.rows[0]!.tags.map((t) => [t.text, t.width])).toEqual([
      ["train", 76],
      ["train", 36],
      ["train", 36],
      ["train", 36],
    ]);
  });

  test.each([
    ["free", device("rack1/gpu0"), "", "none", "rack1/gpu0, gpu A100, free"],
    ["not free for a reason", device("rack1/gpu0", { free: false, whyNot: "in pool vision" }), "unfree", "none", "rack1/gpu0, gpu A100, not free: in pool vision"],
    ["foreign", device("rack1/gpu0", { use: "foreign", free: false }), "", "hatch", "rack1/gpu0, gpu A100, foreign: in a machine or group that is not Composa's"],
    ["claimed by others", device("rack1/gpu0", { use: "claimed", free: false }), "", "dots", "rack1/gpu0, gpu A100, claimed for a machine of another project"],
    ["failed and cordoned", device("rack1/gpu0", { health: "failed", free: false, whyNot: "failed", cordon: { reason: "fan", by: "ana" } }), "failed", "none", "rack1/gpu0, gpu A100, not free: failed, failed, cordoned: fan"],
    ["a use of a newer server", device("rack1/gpu0", { use: "lent", free: false }), "", "none", "rack1/gpu0, gpu A100, lent"],
  ])("a slot that is %s", (_, d, mark, pattern, label) => {
    const slot = layout(documents([d]), "kind").racks[0]!.rows[0]!.slots[0]!;
    expect([slot.mark, slot.pattern, slot.label]).toEqual([mark, pattern, label]);
  });

  test.each([
    ["composing", "claimed", "claimed", "joining train"],
    ["queued", "claimed", "claimed", ""],
    ["ready", "attached", "attached", ""],
    ["freeing", "attached", "attached", "leaving train"],
    ["changing", "attached", "leaving", "leaving train"],
    ["changing", "attached", "attached", ""],
  ])("in a machine that is %s, %s, %s: %s", (state, use, part, changing) => {
    const d = held("rack1/gpu0", "train", { use });
    const docs = documents([d], [machine("train", [d], { state, devices: [{ id: d.id, state: part }] })]);
    expect(layout(docs, "kind").racks[0]!.rows[0]!.slots[0]!.changing).toBe(changing);
  });

  test("many devices are small squares, and more than can be drawn are told as numbers", () => {
    const many = (n: number) => documents(Array.from({ length: n }, (_, i) => device(`rack${Math.floor(i / 100)}/gpu${i % 100}`)));
    expect(layout(many(mostFull), "kind").size.name).toBe("full");
    expect(layout(many(mostFull + 1), "kind").size.name).toBe("compact");
    const racks = layout(many(mostDrawn + 100), "kind").racks;
    expect(racks.map((r) => r.folded)).toEqual([...Array(mostDrawn / 100).fill(false), true]);
    expect(racks.at(-1)!.shares).toEqual([{ kind: "gpu", free: 100, all: 100 }]);
  });

  test("a rack without devices is there", () => {
    expect(layout(documents([], [], [{ name: "rack1", emulated: true }]), "kind").racks[0]!.summary).toBe("rack1 (emulated): no devices");
  });
});

test("changes: what is null left, what is new came, the rest stays", () => {
  const was = documents([device("rack1/gpu0"), device("rack1/gpu1")]);
  const now = changed(was, { devices: { "dev_rack1/gpu0": null, "dev_rack1/gpu2": device("rack1/gpu2") } });
  expect(Object.keys(now.devices)).toEqual(["dev_rack1/gpu1", "dev_rack1/gpu2"]);
  expect(now.devices["dev_rack1/gpu1"]).toBe(was.devices["dev_rack1/gpu1"]);
});

describe("walking", () => {
  const picture = layout(documents(["rack1/gpu0", "rack1/gpu1", "rack1/ssd0", "rack2/gpu0"].map((p) => device(p))), "kind");
  test.each([
    ["gpu0 of rack1", "dev_rack1/gpu0", "ArrowRight", "rack1/gpu1"],
    ["the end of a line", "dev_rack1/gpu1", "ArrowRight", "rack1/ssd0"],
    ["below what is not there", "dev_rack1/gpu1", "ArrowDown", "rack1/ssd0"],
    ["into the next rack", "dev_rack1/ssd0", "ArrowDown", "rack2/gpu0"],
    ["and back", "dev_rack2/gpu0", "ArrowUp", "rack1/ssd0"],
    ["the first", "dev_rack1/gpu0", "ArrowLeft", "rack1/gpu0"],
    ["the last", "dev_rack2/gpu0", "ArrowDown", "rack2/gpu0"],
    ["Home", "dev_rack1/gpu1", "Home", "rack1/gpu0"],
    ["End", "dev_rack1/gpu0", "End", "rack1/gpu1"],
    ["a slot that left", "dev_gone", "ArrowRight", "rack1/gpu0"],
  ] as const)("%s", (_, id, key, place) => {
    expect(next(picture, id, key)?.device.place).toBe(place);
  });

  test("from every slot every other can be reached with two keys", () => {
    fc.assert(
      fc.property(anyDocuments, (docs) => {
        const all = layout(docs, "kind");
        const slots = all.racks.flatMap((r) => r.rows.flatMap((row) => row.slots));
        let at = slots[0];
        for (const expected of slots.slice(1)) {
          at = next(all, at!.id, "ArrowRight");
          expect(at).toBe(expected);
        }
        for (let i = 0; at !== slots[0] && i < slots.length; i++) at = next(all, at!.id, "ArrowLeft");
        expect(at).toBe(slots[0]);
      }),
    );
  });
});

describe("accents", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 20 });
  test("up to as many machines as accents have one each", () => {
    fc.assert(
      fc.property(names, (ids) => {
        const given = accents(ids.slice(0, 8).map((id) => machine(id, [])), 8);
        expect(new Set(given.values()).size).toBe(given.size);
      }),
    );
  });
  test("a newer machine changes the accent of none", () => {
    fc.assert(
      fc.property(names, (ids) => {
        const all = ids.map((id, i) => machine(id, [], { createdAt: new Date(i * 1000).toISOString() }));
        const [before, after] = [accents(all.slice(0, -1), 8), accents(all, 8)];
        for (const [id, accent] of before) expect(after.get(id)).toBe(accent);
      }),
    );
  });
});

describe("codes", () => {
  const crowd = (n: number) => {
    const names = Array.from({ length: n }, (_, i) => `m${i}`);
    const devices = names.flatMap((name, i) => [0, 1, 2].map((j) => held(`rack1/gpu${3 * i + j}`, name)));
    return documents(devices, names.map((name) => machine(name, devices.filter((d) => d.machine === name))));
  };

  test("up to 1,024 machines have one each, and a newer machine changes none", () => {
    const all = Array.from({ length: 1024 }, (_, i) => machine(`m${i}`, [], { createdAt: new Date(i * 1000).toISOString() }));
    const given = codes(all);
    expect(new Set(given.values()).size).toBe(1024);
    for (const code of given.values()) expect(code).toMatch(/^[2-9A-HJ-NP-Z]{2}$/);
    for (const [id, code] of codes(all.slice(0, 700))) expect(given.get(id)).toBe(code);
  });

  test("in small squares each stretch of a machine's devices in a line has its code, which the legend has", () => {
    const docs = crowd(70);
    const picture = layout(docs, "kind");
    expect(picture.size.name).toBe("compact");
    const codeOf = new Map(picture.keys.map((k) => [k.machine.id, k.code]));
    expect(new Set(codeOf.values()).size).toBe(70);
    const { perLine } = picture.size;
    const slots = picture.racks[0]!.rows[0]!.slots;
    for (const [i, s] of slots.entries()) {
      const begins = i % perLine === 0 || slots[i - 1]!.device.machineId !== s.device.machineId;
      expect(s.code).toBe(begins ? codeOf.get(s.device.machineId!) : "");
    }
  });

  test("a mark has its slot for itself: the next one says whose it is", () => {
    const docs = crowd(70);
    const first = docs.devices["dev_rack1/gpu0"]!;
    docs.devices[first.id] = { ...first, health: "failed" };
    const [broken, next] = layout(docs, "kind").racks[0]!.rows[0]!.slots;
    expect(broken!.code).toBe("");
    expect(next!.code).not.toBe("");
  });

  test("what is changing leaves the code to the next that is not", () => {
    const docs = crowd(70);
    const first = docs.devices["dev_rack1/gpu0"]!;
    docs.devices[first.id] = { ...first, use: "claimed" };
    const codes = () => layout(docs, "kind").racks[0]!.rows[0]!.slots.slice(0, 3).map((s) => s.code !== "");
    expect(codes()).toEqual([false, true, false]);
    for (const n of [1, 2]) docs.devices[`dev_rack1/gpu${n}`] = { ...docs.devices[`dev_rack1/gpu${n}`]!, use: "claimed" };
    expect(codes()).toEqual([true, false, false]);
  });

  test("where names have room there are none", () => {
    const picture = layout(crowd(30), "kind");
    expect(picture.keys.map((k) => k.code).join("")).toBe("");
    expect(picture.racks[0]!.rows[0]!.slots.map((s) => s.code).join("")).toBe("");
  });
});

test("natural order is an order", () => {
  const name = fc.stringMatching(/^[a-z]{0,2}[0-9]{0,3}[a-z]?[0-9]{0,2}$/);
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      expect(Math.sign(natural(a, b))).toBe(-Math.sign(natural(b, a)) + 0);
      if (natural(a, b) <= 0 && natural(b, c) <= 0) expect(natural(a, c)).toBeLessThanOrEqual(0);
      expect(natural(a, b) === 0).toBe(a === b);
    }),
  );
});

test("rows by switch name their kind where slots have no letters", () => {
  const many = Array.from({ length: 202 }, (_, i) => device(`rack1/${i % 2 ? "ssd" : "gpu"}${i}`, { switch: "0x1" }));
  const titles = (devices: typeof many) => layout(documents(devices), "switch").racks[0]!.rows.map((r) => r.title);
  expect(titles(many)).toEqual(["0x1: gpu", "0x1: ssd"]);
  expect(titles(many.slice(2))).toEqual(["0x1"]);
});

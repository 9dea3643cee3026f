import type { Device, Documents, Fabric, Machine } from "../src/rack/documents";

/** A device at a place such as rack1/gpu3, free unless said. */
export function device(place: string, said: Partial<Device> = {}): Device {
  const [fabric = "", name = ""] = place.split("/");
  const kind = { link: "nic", pcpu: "cpu" }[name.replace(/\d+$/, "")] ?? name.replace(/\d+$/, "");
  return { id: `dev_${place}`, place, fabric, kind, model: "A100", health: "ok", use: "free", free: true, ...said };
}

export function machine(name: string, devices: Device[], said: Partial<Machine> = {}): Machine {
  const parts = devices.map((d) => ({ id: d.id, state: "attached" }));
  return { id: `mach_${name}`, name, project: "default", owner: "ana", state: "ready", createdAt: "2026-01-01T00:00:00Z", devices: parts, ...said };
}

/** A device that a machine has. */
export function held(place: string, name: string, said: Partial<Device> = {}): Device {
  return device(place, { use: "attached", free: false, whyNot: "attached", machine: name, machineId: `mach_${name}`, ...said });
}

export function documents(devices: Device[], machines: Machine[] = [], fabrics: Partial<Fabric>[] = []): Documents {
  const names = [...new Set(devices.map((d) => d.fabric))].map((name): Fabric => ({ name, state: "ok" }));
  const said = fabrics.map((f): Fabric => ({ name: "rack1", state: "ok", ...f }));
  return {
    fabrics: Object.fromEntries([...names, ...said].map((f) => [f.name, f])),
    devices: Object.fromEntries(devices.map((d) => [d.id, d])),
    machines: Object.fromEntries(machines.map((m) => [m.id, m])),
  };
}

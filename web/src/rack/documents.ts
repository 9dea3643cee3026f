// What the picture is drawn from: documents of the REST interface, as far as a
// picture needs them. Absent means not known, as there.

export interface Fabric {
  name: string;
  driver?: string;
  emulated?: boolean;
  /** new, ok, stale or silent */
  state?: string;
  seen?: string;
  silentSince?: string;
  reason?: string;
}

export interface Device {
  id: string;
  place: string;
  fabric: string;
  kind: string;
  vendor?: string;
  model?: string;
  switch?: string;
  /** bytes */
  memory?: number;
  /** bytes */
  size?: number;
  /** bits per second */
  speed?: number;
  cores?: number;
  /** ok, degraded, failed or missing */
  health: string;
  /** free, claimed, attached or foreign */
  use: string;
  free: boolean;
  whyNot?: string;
  hygiene?: string;
  cordon?: { reason: string; by: string };
  /** only where it is in a project of who looks */
  machine?: string;
  machineId?: string;
  project?: string;
  pool?: string;
}

export interface Machine {
  id: string;
  name: string;
  project: string;
  owner: string;
  state: string;
  createdAt: string;
  devices: { id: string; state: string }[];
}

/** Documents by id: the name of a fabric, the id of a device or a machine. */
export interface Documents {
  fabrics: Record<string, Fabric>;
  devices: Record<string, Device>;
  machines: Record<string, Machine>;
}

/** What became of documents since: null for those that left. */
export interface Changes {
  fabrics?: Record<string, Fabric | null>;
  devices?: Record<string, Device | null>;
  machines?: Record<string, Machine | null>;
}

export const nothing: Documents = { fabrics: {}, devices: {}, machines: {} };

/** The documents after changes. */
export function changed(was: Documents, by: Changes): Documents {
  return {
    fabrics: replaced(was.fabrics, by.fabrics),
    devices: replaced(was.devices, by.devices),
    machines: replaced(was.machines, by.machines),
  };
}

/** The documents as they are now; those that say what they said before are the same objects as before. */
export function kept(before: Documents, now: Documents): Documents {
  return {
    fabrics: same(before.fabrics, now.fabrics),
    devices: same(before.devices, now.devices),
    machines: same(before.machines, now.machines),
  };
}

function same<D>(before: Record<string, D>, now: Record<string, D>): Record<string, D> {
  return Object.fromEntries(
    Object.entries(now).map(([id, doc]) => {
      const was = before[id];
      return [id, was !== undefined && (was === doc || JSON.stringify(was) === JSON.stringify(doc)) ? was : doc];
    }),
  );
}

function replaced<D>(was: Record<string, D>, by: Record<string, D | null> = {}): Record<string, D> {
  const all = Object.entries({ ...was, ...by });
  return Object.fromEntries(all.filter((entry): entry is [string, D] => entry[1] !== null));
}

import type { Machine } from "./documents";

/**
 * The accent of each machine, a number below count. Older machines choose
 * first, each the accent its id asks for or the next that nobody has, so that
 * a new machine takes no colour away; of more machines than accents some share.
 */
export function accents(machines: Iterable<Machine>, count: number): Map<string, number> {
  const chosen = new Map<string, number>();
  const oldest = [...machines].sort((a, b) => compare(a.createdAt, b.createdAt) || compare(a.id, b.id));
  let taken = new Set<number>();
  for (const m of oldest) {
    if (taken.size === count) taken = new Set();
    let at = hash(m.id) % count;
    while (taken.has(at)) at = (at + 1) % count;
    taken.add(at);
    chosen.set(m.id, at);
  }
  return chosen;
}

// Of what codes are made: what is taken for another in small type is left out.
const letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/**
 * The code of each machine, two characters, which tell it apart where no name
 * has room, also for who sees no colours. They are chosen as accents are; of
 * more machines than codes, 1,024, some share.
 */
export function codes(machines: Iterable<Machine>): Map<string, string> {
  const n = letters.length;
  const chosen = accents(machines, n * n);
  return new Map([...chosen].map(([id, at]) => [id, letters[Math.floor(at / n)]! + letters[at % n]!]));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** FNV-1a: spreads ids that differ little. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

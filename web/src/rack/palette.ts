import said from "./palette.json";

// The colours and signs of python/src/composa/palette.py, as palette.json: a
// test of the Python module holds the two equal.

/** How one thing is shown; see palette.py. */
export interface Mark {
  word: string;
  sign: string;
  /** Its colour on a light background. */
  light: string;
  /** Its colour on a dark background. */
  dark: string;
  /** How an area is filled. */
  pattern: string;
}

export const uses: Record<string, Mark> = said.uses;
export const broken: Mark = said.broken;
export const unknown: Mark = said.unknown;
export const underWay: Mark = said.conditions["under way"];
export const letters: Record<string, string> = said.kinds;
export const kinds: string[] = Object.keys(said.kinds);

/** The mark of a use; a use that is not known gets one that says so. */
export function ofUse(use: string): Mark {
  return uses[use] ?? unknown;
}

/** The letter of a kind; of a kind that is not known its first. */
export function letter(kind: string): string {
  return letters[kind] ?? kind.slice(0, 1).toUpperCase();
}

/**
 * The accents of machines. They have 3:1 and more on light and on dark; a
 * machine's name stands beside its accent wherever there is room, and always in the key.
 */
export const accents = ["#0072b2", "#c8551b", "#008f68", "#b8558f", "#7a5ccc", "#957000", "#c2304a", "#3f87a6"];

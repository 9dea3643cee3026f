import type { Slot } from "./layout";
import { broken } from "./palette";

// How a slot tells what keeps it from being given out: by a sign where there is
// room, by strokes where there is not. No two are alike.

export type Mark = Exclude<Slot["mark"], "">;

export const signs: Record<Mark, string> = { failed: broken.sign, missing: "?", degraded: "!", cordoned: "⊘", unfree: "–" };

/** What each is called in the legend. */
export const words: Record<Mark, string> = { failed: "failed", missing: "missing", degraded: "degraded", cordoned: "cordoned", unfree: "not to be had now" };

/** The strokes across a slot of a size; "" for unfree, whose outline is dashed. */
export function strokes(mark: Mark, w: number, h: number): string {
  switch (mark) {
    case "failed":
      return `M3 3L${w - 3} ${h - 3}M${w - 3} 3L3 ${h - 3}`;
    case "missing":
      return `M${w / 2} 2V${h - 2}M2 ${h / 2}H${w - 2}`;
    case "degraded":
      return `M2 ${h - 2}L${w - 2} 2`;
    case "cordoned":
      return `M2 ${h / 2}H${w - 2}`;
    case "unfree":
      return "";
  }
}

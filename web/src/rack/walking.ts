import type { Picture, Rack, Slot } from "./layout";

/** Keys that move from slot to slot. */
export type Step = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown" | "Home" | "End";

const steps: ReadonlySet<string> = new Set<Step>(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);

export function isStep(key: string): key is Step {
  return steps.has(key);
}

/** The slot that a key leads to from one of an id; that slot itself where there is none further. */
export function next(picture: Picture, id: string, step: Step): Slot | undefined {
  const lines = picture.racks.flatMap(linesOf);
  const all = lines.flat();
  const at = all.findIndex((s) => s.id === id);
  const here = all[at];
  if (!here) return all[0];
  const line = lines.findIndex((l) => l.includes(here));
  switch (step) {
    case "ArrowLeft":
      return all[at - 1] ?? here;
    case "ArrowRight":
      return all[at + 1] ?? here;
    case "ArrowUp":
      return nearest(lines[line - 1], here);
    case "ArrowDown":
      return nearest(lines[line + 1], here);
    case "Home":
      return lines[line]![0];
    case "End":
      return lines[line]!.at(-1);
  }
}

/** The slots of a rack line by line, as they are seen. */
function linesOf(rack: Rack): Slot[][] {
  const lines = new Map<number, Slot[]>();
  for (const slot of rack.rows.flatMap((r) => r.slots)) {
    const line = lines.get(slot.y);
    if (line) line.push(slot);
    else lines.set(slot.y, [slot]);
  }
  return [...lines.values()];
}

function nearest(line: Slot[] | undefined, here: Slot): Slot {
  return (line ?? [here]).reduce((best, s) => (Math.abs(s.x - here.x) < Math.abs(best.x - here.x) ? s : best));
}

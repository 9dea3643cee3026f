import { kinds } from "./palette";

/** Orders as people do: gpu2 before gpu10. */
export function natural(a: string, b: string): number {
  const as = a.match(/\d+|\D+/g) ?? [];
  const bs = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(as.length, bs.length); i++) {
    const order = part(as[i]!, bs[i]!);
    if (order !== 0) return order;
  }
  return as.length - bs.length || text(a, b);
}

function part(a: string, b: string): number {
  if (!/^\d/.test(a) || !/^\d/.test(b)) return text(a, b);
  const [x, y] = [a.replace(/^0+(?=\d)/, ""), b.replace(/^0+(?=\d)/, "")];
  return x.length - y.length || text(x, y);
}

function text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Orders kinds as every list of Composa does; kinds of a newer server come last. */
export function byKind(a: string, b: string): number {
  return rank(a) - rank(b) || text(a, b);
}

function rank(kind: string): number {
  const at = kinds.indexOf(kind);
  return at < 0 ? kinds.length : at;
}

/** One thing as lines of name and value; further lines of a value stand below each other. */
import type { Style } from "./style.ts";
import { showable } from "./text.ts";

export type Field = readonly [name: string, value: string | readonly string[]];

/** Fields with nothing in them are left out. */
export function fieldLines(fields: readonly Field[], style: Style): readonly string[] {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.flatMap(([name, value]) => {
    const values = typeof value === "string" ? [value] : value;
    return values
      .filter((text) => text !== "")
      .map((text, i) => `${style.dim((i === 0 ? name : "").padEnd(width))}  ${showable(text)}`);
  });
}

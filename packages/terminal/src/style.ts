/** Colours for terminals that want them, and nothing at all for everyone else. */
import type { OutputStream } from "./host.ts";

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;

export type StyleName = keyof typeof CODES;
export type Style = Readonly<Record<StyleName, (text: string) => string>>;

/** True for a terminal, unless NO_COLOR (no-color.org) or a dumb terminal forbids colours. */
export function wantsColour(
  stream: Pick<OutputStream, "isTerminal">,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

export function createStyle(coloured: boolean): Style {
  const paint = (name: StyleName) => (text: string) => {
    const [on, off] = CODES[name];
    return coloured && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  };
  const names = Object.keys(CODES) as StyleName[];
  return Object.fromEntries(names.map((name) => [name, paint(name)])) as Style;
}

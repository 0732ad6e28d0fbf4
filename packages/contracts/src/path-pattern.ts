/**
 * Paths as routes write them, segment by segment, in the form that the path parser makes of
 * requests.
 */

export type PatternSegment =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "parameter"; readonly name: string }
  /** All segments from here on, none included; only last. */
  | { readonly kind: "rest"; readonly name: string };

const PARAMETER = /^\{([A-Za-z_][A-Za-z0-9_]{0,63})(\.\.\.)?\}$/;
/** What no segment of a parsed path holds, and what would read as part of a URL or a parameter. */
// eslint-disable-next-line no-control-regex -- the control characters are what is refused
const REFUSED = /[{}?#\\\u0000-\u0020\u007f-\u009f]/;
const DOTS = /^\.{1,2}(?:;|$)/;

/** The segments of `/a/{b}/{rest...}`; undefined when it is no such path. `/` has none. */
export function parsePathPattern(path: string): readonly PatternSegment[] | undefined {
  if (!path.startsWith("/") || path.startsWith("//")) return undefined;
  if (path === "/") return [];
  const texts = path.slice(1).split("/");
  const segments: PatternSegment[] = [];
  const names = new Set<string>();
  for (const [i, text] of texts.entries()) {
    const segment = segmentOf(text);
    if (segment === undefined) return undefined;
    if (segment.kind === "rest" && i < texts.length - 1) return undefined;
    if (segment.kind !== "text") {
      if (names.has(segment.name)) return undefined;
      names.add(segment.name);
    }
    segments.push(segment);
  }
  return segments;
}

function segmentOf(text: string): PatternSegment | undefined {
  const named = PARAMETER.exec(text);
  if (named === null)
    return REFUSED.test(text) || DOTS.test(text) ? undefined : { kind: "text", text };
  const name = named[1] ?? "";
  return { kind: named[2] === undefined ? "parameter" : "rest", name };
}

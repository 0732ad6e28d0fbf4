/**
 * What a route changes of the headers of a request on its way, and of an answer on its way back.
 */
import type { Route } from "@skerry/contracts";
import { renderHeader, type TemplateValues } from "./render.ts";

export type HeaderChanges = NonNullable<NonNullable<Route["rewrite"]>["request"]>;

/**
 * Framing and connections are each hop's own, and what the platform says is said by nobody else.
 * The host follows from where the request goes.
 */
const NOT_A_ROUTES: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "expect", "host", "http2-settings", "keep-alive"],
  ...["proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "service-worker-allowed"],
]);
const PLATFORM_PREFIX = "x-skerry-";

/** What is wrong with changes; empty when nothing is. */
export function headerProblems({ set, remove }: HeaderChanges): readonly string[] {
  return [...new Set([...Object.keys(set), ...remove])]
    .filter((name) => !isRoutes(name.toLowerCase()))
    .map((name) => `${name} is the platform's to set.`);
}

/**
 * A flat list with the changes made: first what is removed, then what is set, which takes the place
 * of every header of its name. Total: what `headerProblems` names is left as it is.
 */
export function rewriteHeaders(
  changes: HeaderChanges | undefined,
  flat: readonly string[],
  values: TemplateValues,
): readonly string[] {
  if (changes === undefined) return flat;
  const set = Object.entries(changes.set)
    .map(([name, template]) => [name.toLowerCase(), template] as const)
    .filter(([name]) => isRoutes(name));
  const gone = new Set([
    ...changes.remove.map((name) => name.toLowerCase()).filter(isRoutes),
    ...set.map(([name]) => name),
  ]);
  const out: string[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i] ?? "";
    if (!gone.has(name.toLowerCase())) out.push(name, flat[i + 1] ?? "");
  }
  for (const [name, template] of set) out.push(name, renderHeader(template, values));
  return out;
}

function isRoutes(lower: string): boolean {
  return !NOT_A_ROUTES.has(lower) && !lower.startsWith(PLATFORM_PREFIX);
}

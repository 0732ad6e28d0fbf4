/** How gateway APIs are shown: their routes, and what differs between two lists of them. */
import type { GatewayApiDiff } from "@skerry/api-schema";
import type { Route, RouteTarget } from "@skerry/contracts";
import { diffJson, diffLines, type Column, type Style } from "@skerry/terminal";

export const ROUTE_COLUMNS: readonly Column<Route>[] = [
  { title: "METHODS", text: methodsText },
  { title: "PATH", text: placeText },
  { title: "TO", text: ({ to }) => targetText(to), flexible: true },
  {
    title: "AUTH",
    text: ({ auth }) => (typeof auth === "string" ? auth : Object.keys(auth).join()),
  },
  { title: "ALSO", text: alsoText, flexible: true, spare: true },
];

function methodsText({ methods }: Route): string {
  return methods?.join(",") ?? "all";
}

function placeText({ host = "", path }: Route): string {
  return `${host}${path}`;
}

function targetText(to: RouteTarget): string {
  if ("redirect" in to) return `${to.status} ${to.redirect}`;
  if ("answer" in to) return `answers ${to.answer.status}`;
  if ("upstream" in to) return to.upstream;
  const behind = to.qualifier === undefined ? "" : `:${to.qualifier}`;
  return "files" in to ? `files of ${to.files}${behind}` : `${to.function}${behind}`;
}

/** Names of what else a route says. */
function alsoText(route: Route): string {
  const { cors, limits, ips, schemas, rewrite, cache, idempotency, ...more } = route;
  const { downgrade, retries, breaker } = more;
  const all = { cors, limits, ips, schemas, rewrite, cache, idempotency };
  return Object.entries({ ...all, downgrade, retries, breaker })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
    .join(" ");
}

/** No line when nothing differs. */
export function diffText(diff: GatewayApiDiff, style: Style): readonly string[] {
  const { added, removed, changed, qualifier, variables } = diff;
  const paints = { removed: style.red, added: style.green, changed: style.yellow };
  const settings = Object.entries(variables).flatMap(([how, names]) =>
    names.map((name) => paints[how as keyof typeof variables](`${MARKS[how]} variable ${name}`)),
  );
  return [
    ...(qualifier === null
      ? []
      : [style.yellow(`~ leads to ${qualifier.to}, led to ${qualifier.from}`)]),
    ...settings,
    ...removed.map((route) => style.red(`- ${route}`)),
    ...added.map((route) => style.green(`+ ${route}`)),
    ...changed.flatMap(({ route, before, after }) => [
      style.yellow(`~ ${route}`),
      ...diffLines(diffJson(before, after), style).map((line) => `    ${line}`),
    ]),
  ];
}

const MARKS: Readonly<Record<string, string>> = { removed: "-", added: "+", changed: "~" };

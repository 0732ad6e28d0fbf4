/** How gateway APIs are shown: their routes, and what differs between two lists of them. */
import type { Route, RouteTarget } from "@skerry/contracts";
import { diffJson, diffLines, type Column, type Style } from "@skerry/terminal";

/** What a stage serves, or would. */
export interface Served {
  /** Such as `draft` or `release:3`. */
  readonly name: string;
  readonly routes: readonly Route[];
  /** Of a publication. */
  readonly qualifier?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** What differs between two of them. */
export interface RoutesDiff {
  readonly from: string;
  readonly to: string;
  readonly added: readonly Route[];
  readonly removed: readonly Route[];
  readonly changed: readonly { readonly before: Route; readonly after: Route }[];
  /** Of what is no route. */
  readonly settings: {
    readonly before: Readonly<Record<string, unknown>>;
    readonly after: Readonly<Record<string, unknown>>;
  };
}

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
  const { cors, limits, ips, schemas, rewrite, cache, downgrade, retries, breaker } = route;
  const all = { cors, limits, ips, schemas, rewrite, cache, downgrade, retries, breaker };
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
    .join(" ");
}

/** A route in one line. */
function routeText(route: Route): string {
  return `${methodsText(route)} ${placeText(route)} → ${targetText(route.to)}`;
}

/** Two routes are the same one when they have one name, or take the same requests. */
function identityOf(route: Route): string {
  const { name, host = "", path, methods = [] } = route;
  return name === undefined ? JSON.stringify([host, path, methods.toSorted()]) : `name ${name}`;
}

export function diffServed(from: Served, to: Served): RoutesDiff {
  const before = new Map(from.routes.map((route) => [identityOf(route), route]));
  const after = new Map(to.routes.map((route) => [identityOf(route), route]));
  const changed = [...after].flatMap(([key, route]) => {
    const former = before.get(key);
    if (former === undefined || diffJson(former, route).differences.length === 0) return [];
    return [{ before: former, after: route }];
  });
  return {
    ...{ from: from.name, to: to.name },
    added: [...after].filter(([key]) => !before.has(key)).map(([, route]) => route),
    removed: [...before].filter(([key]) => !after.has(key)).map(([, route]) => route),
    changed,
    settings: settingsOf(from, to),
  };
}

/** Routes that are worked on have none: there is nothing to compare then. */
function settingsOf(from: Served, to: Served): RoutesDiff["settings"] {
  const told = ({ qualifier, variables }: Served) => ({ qualifier, variables });
  const isDraft = from.qualifier === undefined || to.qualifier === undefined;
  return isDraft ? { before: {}, after: {} } : { before: told(from), after: told(to) };
}

/** No line when nothing differs. */
export function diffText(diff: RoutesDiff, style: Style): readonly string[] {
  const { added, removed, changed, settings } = diff;
  return [
    ...diffLines(diffJson(settings.before, settings.after), style),
    ...removed.map((route) => style.red(`- ${routeText(route)}`)),
    ...added.map((route) => style.green(`+ ${routeText(route)}`)),
    ...changed.flatMap(({ before, after }) => [
      style.yellow(`~ ${routeText(after)}`),
      ...diffLines(diffJson(before, after), style).map((line) => `    ${line}`),
    ]),
  ];
}

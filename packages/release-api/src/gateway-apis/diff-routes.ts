/** What is different between two states of routes and of what they are served with. Pure. */
import type { GatewayApiDiff } from "@skerry/api-schema";
import { sortedEntries } from "@skerry/base";
import type { Route } from "@skerry/contracts";
import { routeLabel } from "@skerry/routes/route-name";

/** Routes, and what they are or would be served with; null where nothing says it. */
export interface RoutesState {
  readonly routes: readonly Route[];
  readonly served: {
    readonly qualifier: string;
    readonly variables: Readonly<Record<string, string>>;
  } | null;
}

type Difference = Omit<GatewayApiDiff, "from" | "to">;

/** A route is the same one by its name, or else by its methods and its place. */
export function diffRoutes(from: RoutesState, to: RoutesState): Difference {
  const before = byLabel(from.routes);
  const after = byLabel(to.routes);
  const routes = {
    added: [...after.keys()].filter((label) => !before.has(label)),
    removed: [...before.keys()].filter((label) => !after.has(label)),
    changed: [...after].flatMap(([route, next]) => {
      const former = before.get(route);
      if (former === undefined) return [];
      const keys = changedKeys(former, next);
      return keys.length === 0 ? [] : [{ route, keys, before: former, after: next }];
    }),
  };
  const settings = differentSettings(from.served, to.served);
  const { qualifier, variables } = settings;
  const lists = [...Object.values(routes), ...Object.values(variables)];
  const isSame = qualifier === null && lists.every(({ length }) => length === 0);
  return { isSame, ...routes, ...settings };
}

function differentSettings(
  from: RoutesState["served"],
  to: RoutesState["served"],
): Pick<Difference, "qualifier" | "variables"> {
  if (from === null || to === null) {
    return { qualifier: null, variables: { added: [], removed: [], changed: [] } };
  }
  const isLed = from.qualifier !== to.qualifier;
  const [before, after] = [from.variables, to.variables];
  const has = (all: Readonly<Record<string, string>>, name: string) => Object.hasOwn(all, name);
  const names = Object.keys(after).sort();
  return {
    qualifier: isLed ? { from: from.qualifier, to: to.qualifier } : null,
    variables: {
      added: names.filter((name) => !has(before, name)),
      removed: Object.keys(before)
        .sort()
        .filter((name) => !has(after, name)),
      changed: names.filter((name) => has(before, name) && before[name] !== after[name]),
    },
  };
}

/** Of two with one label, which names alone cannot have, the first counts, and so on. */
function byLabel(routes: readonly Route[]): ReadonlyMap<string, Route> {
  const labelled = new Map<string, Route>();
  const times = new Map<string, number>();
  for (const route of routes) {
    const label = routeLabel(route);
    const time = (times.get(label) ?? 0) + 1;
    times.set(label, time);
    labelled.set(time === 1 ? label : `${label} (${time})`, route);
  }
  return labelled;
}

function changedKeys(before: Route, after: Route): string[] {
  const [old, next] = [before as Record<string, unknown>, after as Record<string, unknown>];
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((key) => canonical(old[key]) !== canonical(next[key]))
    .sort();
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (isRecord(part) ? sorted(part) : part));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(sortedEntries(record));
}

/** Routes between which nothing decides: they take the same requests with the same priority. */
import { parsePathPattern, type Route } from "@skerry/contracts";

/** What a route is called towards people: its name, or its place in the list. */
export function calledRoute({ name, path }: Route, place: number): string {
  return name ?? `routes.${place} (${path})`;
}

/** For each route that takes what another one before it takes, why. */
export function duplicateRoutes(routes: readonly Route[]): readonly string[] {
  const takenBy = new Map<string, string>();
  return routes.flatMap((route, i) => {
    const called = calledRoute(route, i);
    const taken = (route.methods ?? [ALL]).flatMap((method) => {
      const key = `${method} ${shapeOf(route)}`;
      const former = takenBy.get(key);
      takenBy.set(key, former ?? called);
      return former ?? [];
    });
    return taken.slice(0, 1).map((former) => `${called} takes the same requests as ${former}`);
  });
}

/** One that names methods is more specific than one that takes all. */
const ALL = "*";

function shapeOf({ host = "", path, priority }: Route): string {
  const segments = (parsePathPattern(path) ?? []).map((segment) => {
    if (segment.kind === "text") return segment.text;
    return segment.kind === "parameter" ? "{}" : "{...}";
  });
  return JSON.stringify([host, priority, segments]);
}

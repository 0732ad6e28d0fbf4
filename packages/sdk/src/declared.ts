/**
 * What `skerry.yaml` declares beside functions: timers, topic triggers, rules, actions and APIs. A
 * deployment makes and changes what the file names, and removes what an earlier deployment made and
 * the file names no more. What was made by hand stays; the file takes over what it names.
 */
import type { ProjectManifest } from "@skerry/api-schema";
import { sortedEntries } from "@skerry/base";
import { listedApi, normalApi, presentApi } from "./declared-apis.ts";
import { everyItem } from "./pages.ts";
import type { Client } from "./types.ts";

export type DeclaredKind = "timer" | "trigger" | "rule" | "action" | "api";
type Settings = Readonly<Record<string, unknown>>;

/** One resource as the file has it. */
export interface Declared {
  readonly kind: DeclaredKind;
  readonly name: string;
  readonly settings: Settings;
}

/** What becomes of one resource. */
export interface DeclaredChange {
  readonly kind: DeclaredKind;
  readonly name: string;
  readonly change: "create" | "change" | "same" | "remove";
  /** Keys that differ. */
  readonly changes: readonly string[];
  /** What it is set to; undefined when it goes. */
  readonly request: Settings | undefined;
}

/** One that is there. */
type Present = Settings & { readonly name: string; readonly madeBy: string | null };

interface Kind {
  /** Those of an app, perhaps without their larger parts. */
  list(client: Client, app: string): AsyncIterable<Present>;
  /** All of one, as far as a file speaks of it. */
  get(client: Client, at: Place, settings: Settings): Promise<unknown>;
  put(client: Client, at: Place, request: Settings): Promise<unknown>;
  remove(client: Client, at: Place): Promise<unknown>;
}
interface Place {
  readonly app: string;
  readonly name: string;
}

const PAGE = 1_000;

const KINDS: Readonly<Record<DeclaredKind, Kind>> = {
  timer: {
    list: (client, app) =>
      everyItem((cursor) =>
        client.listTimers({ params: { app }, query: { limit: PAGE, cursor } }),
      ) as AsyncIterable<Present>,
    get: (client, { app, name }) => client.getTimer({ params: { app, timer: name } }),
    put: (client, { app, name }, request) =>
      client.putTimer({ params: { app, timer: name }, body: request as never }),
    remove: (client, { app, name }) => client.deleteTimer({ params: { app, timer: name } }),
  },
  trigger: {
    list: (client, app) =>
      everyItem((cursor) =>
        client.listTopicTriggers({ params: { app }, query: { limit: PAGE, cursor } }),
      ) as AsyncIterable<Present>,
    get: (client, { app, name }) => client.getTopicTrigger({ params: { app, trigger: name } }),
    put: (client, { app, name }, request) =>
      client.putTopicTrigger({ params: { app, trigger: name }, body: request as never }),
    remove: (client, { app, name }) =>
      client.deleteTopicTrigger({ params: { app, trigger: name } }),
  },
  rule: {
    list: (client, app) =>
      everyItem((cursor) =>
        client.listRules({ params: { app }, query: { limit: PAGE, cursor } }),
      ) as AsyncIterable<Present>,
    get: (client, { app, name }) => client.getRule({ params: { app, rule: name } }),
    put: (client, { app, name }, request) =>
      client.putRule({ params: { app, rule: name }, body: request as never }),
    remove: (client, { app, name }) => client.deleteRule({ params: { app, rule: name } }),
  },
  action: {
    list: (client, app) =>
      everyItem((cursor) =>
        client.listActions({ params: { app }, query: { limit: PAGE, cursor } }),
      ) as AsyncIterable<Present>,
    get: (client, { app, name }) => client.getAction({ params: { app, action: name } }),
    put: (client, { app, name }, request) =>
      client.putAction({ params: { app, action: name }, body: request as never }),
    remove: (client, { app, name }) => client.deleteAction({ params: { app, action: name } }),
  },
  api: {
    list: (client, app) => listedApi(client, app) as AsyncIterable<Present>,
    get: (client, { app, name }, settings) => presentApi(client, { app, api: name }, settings),
    put: (client, { app, name }, request) =>
      client.putGatewayApi({ params: { app, api: name }, body: request as never }),
    remove: (client, { app, name }) => client.deleteGatewayApi({ params: { app, api: name } }),
  },
};

/** All that a file declares, in the order in which it is made. */
export function declaredBy({
  timers,
  triggers,
  rules,
  actions,
  apis,
}: ProjectManifest): readonly Declared[] {
  const all: Readonly<Record<string, Readonly<Record<string, Settings>>>> = {
    timer: timers,
    trigger: triggers,
    rule: rules,
    action: actions,
    api: Object.fromEntries(Object.entries(apis).map(([name, api]) => [name, normalApi(api)])),
  };
  return Object.entries(all).flatMap(([kind, named]) =>
    Object.entries(named).map(([name, settings]) => {
      return { kind: kind as DeclaredKind, name, settings };
    }),
  );
}

/** What a deployment of `declared` would do; undefined declares nothing and touches nothing. */
export async function planDeclared(
  client: Client,
  app: string,
  declared: readonly Declared[] | undefined,
): Promise<readonly DeclaredChange[]> {
  if (declared === undefined) return [];
  const changes: DeclaredChange[] = [];
  for (const [key, { get, list }] of Object.entries(KINDS)) {
    const kind = key as DeclaredKind;
    const own = declared.filter((one) => one.kind === kind);
    const named = new Map(own.map(({ name, settings }) => [name, settings]));
    const present: Present[] = [];
    for await (const found of list(client, app)) {
      const { name } = found;
      const settings = named.get(name);
      present.push(
        settings === undefined ? found : ((await get(client, { app, name }, settings)) as Present),
      );
    }
    changes.push(...decideDeclared(kind, own, present));
  }
  return changes;
}

/** Makes it so. Each is done or not; what was cut off, the next deployment does. */
export async function performDeclared(
  client: Client,
  app: string,
  changes: readonly DeclaredChange[],
): Promise<void> {
  for (const { kind, name, change, request } of changes) {
    if (change === "same") continue;
    const { put, remove } = KINDS[kind];
    await (request === undefined
      ? remove(client, { app, name })
      : put(client, { app, name }, request));
  }
}

/** Pure: what the file says against what is there, by name. */
export function decideDeclared(
  kind: DeclaredKind,
  declared: readonly Declared[],
  present: readonly Present[],
): readonly DeclaredChange[] {
  const there = new Map(present.map((one) => [one.name, one]));
  const wanted = declared.map(({ name, settings }): DeclaredChange => {
    const found = there.get(name);
    const request = { ...settings, ...enabledOf(kind, settings, found), madeBy: "manifest" };
    if (found === undefined) return { kind, name, change: "create", changes: [], request };
    const isPaused = (found["pausedBecause"] ?? null) !== null;
    const changes = [...changedKeys(request, found), ...(isPaused ? ["pausedBecause"] : [])];
    return { kind, name, change: changes.length === 0 ? "same" : "change", changes, request };
  });
  const named = new Set(declared.map(({ name }) => name));
  const gone = present.filter(({ name, madeBy }) => madeBy === "manifest" && !named.has(name));
  return [
    ...wanted,
    ...gone.map(({ name }): DeclaredChange => {
      return { kind, name, change: "remove", changes: [], request: undefined };
    }),
  ];
}

/** What a file does not say stays; what the platform paused goes on. */
function enabledOf(kind: DeclaredKind, settings: Settings, found: Present | undefined): object {
  if (kind === "action" || kind === "api") return {};
  const isPaused = (found?.["pausedBecause"] ?? null) !== null;
  const before = isPaused ? true : found?.["enabled"];
  return { enabled: settings["enabled"] ?? before ?? true };
}

/** Keys of which a resource knows another value; what it does not tell is not compared. */
function changedKeys(request: Settings, found: Present): readonly string[] {
  const keys = new Set([...Object.keys(request), ...OPTIONAL]);
  return [...keys].filter((key) => {
    if (!(key in found)) return false;
    return comparable(key, request[key]) !== comparable(key, found[key]);
  });
}

/** Keys that a file may leave out, and a resource then has null. */
const OPTIONAL = ["cron", "at", "payload", "orderingKey", "function", "topic"];

/** Text that is the same for the same JSON, in whatever order its keys stand. */
function comparable(key: string, value: unknown): string {
  if (key === "at" && typeof value === "string") return String(Date.parse(value));
  return JSON.stringify(value ?? null, (_key, one: unknown) => {
    if (typeof one !== "object" || one === null || Array.isArray(one)) return one;
    return Object.fromEntries(sortedEntries({ ...one }));
  });
}

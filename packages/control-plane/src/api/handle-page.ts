/** What the start page asks beside everything else: sign-ins, traffic, calls, saved events. */
import { EMPTY, json, type OperationHandlers, pageOfAll } from "@skerry/api-serving";
import { mintTicket, type ConsoleSession } from "@skerry/accounts";
import { Bursts } from "@skerry/bursts";
import type {
  ConsoleSessionResource,
  FunctionTraffic,
  SavedEventResource,
} from "@skerry/api-schema";
import { authorize, type Principal } from "@skerry/contracts";
import type { SavedEvent } from "@skerry/functions/catalogue";
import { fail } from "../errors.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";

type SignIns = "createSignInLink" | "listConsoleSessions" | "deleteConsoleSession";
type Calls = "getTraffic" | "callFunction" | "burstFunction";
type Events = "listSavedEvents" | "putSavedEvent" | "deleteSavedEvent";

const NO_STORE: readonly string[] = ["Cache-Control", "no-store"];

export function signInHandlers(deps: ApiDeps): Pick<OperationHandlers, SignIns> {
  const { clock, ids, limits, random, store, apiUrl } = deps;
  return {
    createSignInLink: async ({ principal, stamp }) => {
      // A session that could make links would never have to end.
      if (principal.consoleSessionId !== undefined) throw fail("CONSOLE_SESSION_CANNOT");
      const { accountId, keyId } = principal;
      const id = ids.id("sil");
      const { text, secretSha256 } = mintTicket(id, random);
      const createdAtMs = clock.wallMs();
      const expiresAtMs = createdAtMs + limits.signInLinkTtlMs;
      const link = { id, accountId, keyId, secretSha256, createdAtMs, expiresAtMs };
      // Behind the number sign: it reaches no server, log or referrer on its way.
      const url = `${apiUrl}/#sign-in=${text}`;
      const made = { url, expiresAt: new Date(expiresAtMs).toISOString() };
      await store.call(storeModule, "createSignInLink", { stamp: stamp(made), link });
      return json(made);
    },
    listConsoleSessions: async ({ principal, query: { cursor, limit } }) => {
      const wallMs = clock.wallMs();
      const { accountId } = principal;
      const all = await store.call(storeModule, "consoleSessions", { accountId, wallMs });
      const own = all.filter(reachableBy(principal));
      const page = { cursor, limit, item: sessionResourceOf, key: keyOfSession };
      return json(pageOfAll(own, page));
    },
    deleteConsoleSession: async ({ principal, params: { session: id }, stamp }) => {
      const wallMs = clock.wallMs();
      const { accountId } = principal;
      const all = await store.call(storeModule, "consoleSessions", { accountId, wallMs });
      const isOwn = all.filter(reachableBy(principal)).some((session) => session.id === id);
      if (!isOwn) throw fail("CONSOLE_SESSION_NOT_FOUND", { session: id });
      await store.call(storeModule, "endConsoleSession", { stamp: stamp(), id });
      return EMPTY;
    },
  };
}

export function callHandlers(deps: ApiDeps): Pick<OperationHandlers, Calls> {
  const { store, page } = deps;
  const bursts = new Bursts({ ...deps, ...page });
  return {
    getTraffic: async ({ principal, query: { windowMs: asked } }) => {
      const { accountId } = principal;
      const names = await store.call(storeModule, "accountFunctions", { accountId });
      const { windowMs, functions } = await page.traffic.traffic({ windowMs: asked });
      const counts = new Map(functions.map((count) => [count.functionId, count]));
      const mayRead = (app: string): boolean =>
        authorize(principal, "logs.read", { accountId, app });
      const shown = names.flatMap(({ id, app, name }): readonly FunctionTraffic[] => {
        const count = counts.get(id);
        if (count === undefined || !mayRead(app)) return [];
        const { calls, errors, cold, p50Ms, p95Ms, billedMs, series } = count;
        return [{ app, function: name, calls, errors, cold, p50Ms, p95Ms, billedMs, series }];
      });
      return json({ windowMs, functions: shown, prices: page.prices }, NO_STORE);
    },
    callFunction: async ({ principal: { accountId }, params: { app, fn }, body, signal }) => {
      await store.call(storeModule, "getFunction", { accountId, app, name: fn });
      const event = JSON.stringify(body.event ?? null);
      return json(await page.caller.call({ app, fn, event, signal }), NO_STORE);
    },
    burstFunction: async ({ principal: { accountId }, params: { app, fn }, body, signal }) => {
      const found = await store.call(storeModule, "getFunction", { accountId, app, name: fn });
      const { id: functionId, latest } = found;
      const { callers, callsEach } = body;
      const event = JSON.stringify(body.event ?? null);
      const { memoryMb } = latest.config;
      const request = { ...{ app, fn, functionId, memoryMb, event }, callers, callsEach, signal };
      return { kind: "lines", lines: bursts.start(request) };
    },
  };
}

export function eventHandlers({ store, clock }: ApiDeps): Pick<OperationHandlers, Events> {
  return {
    listSavedEvents: async ({ principal: { accountId }, params: { app, fn: name }, query }) => {
      const { id } = await store.call(storeModule, "getFunction", { accountId, app, name });
      const saved = await store.call(storeModule, "savedEvents", { functionId: id });
      return json(pageOfAll(saved, { ...query, item: savedEventOf, key: keyOfEvent }));
    },
    putSavedEvent: async ({ params: { app, fn, event: name }, body, stamp }) => {
      const saved = { name, event: body.event ?? null, updatedAtMs: clock.wallMs() };
      const answer = savedEventOf(saved);
      await store.call(storeModule, "putSavedEvent", { stamp: stamp(answer), app, fn, saved });
      return json(answer);
    },
    deleteSavedEvent: async ({ params: { app, fn, event: name }, stamp }) => {
      await store.call(storeModule, "deleteSavedEvent", { stamp: stamp(), app, fn, name });
      return EMPTY;
    },
  };
}

/** Everyone sees and ends sessions of their own key; who may make keys, all of them. */
function reachableBy(principal: Principal): (session: ConsoleSession) => boolean {
  const { accountId } = principal;
  const mayAll = authorize(principal, "keys.write", { accountId });
  return ({ keyId }) => mayAll || keyId === principal.keyId;
}

const keyOfSession = ({ id }: ConsoleSession): string => id;
const keyOfEvent = ({ name }: SavedEvent): string => name;

function sessionResourceOf(session: ConsoleSession): ConsoleSessionResource {
  const { id, keyId, createdAtMs, expiresAtMs } = session;
  const createdAt = new Date(createdAtMs).toISOString();
  return { id, keyId, createdAt, expiresAt: new Date(expiresAtMs).toISOString() };
}

function savedEventOf({ name, event, updatedAtMs }: SavedEvent): SavedEventResource {
  return { name, event, updatedAt: new Date(updatedAtMs).toISOString() };
}

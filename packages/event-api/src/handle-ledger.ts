/**
 * Accepted invocations. They lie in another database than the audit, so a change is recorded before
 * it is made; an acceptance is recorded nowhere else, like a call.
 */
import {
  idempotencyKeyOf,
  json,
  type Answer,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import type { RequestId } from "@skerry/base";
import type { AcceptedInvocationDetails } from "@skerry/api-schema";
import { invalid, LIMITS, type Principal } from "@skerry/contracts";
import { fail } from "./errors.ts";
import type { LedgerFilter, LedgerName, LedgerScope } from "./ledger-ports.ts";
import { onceOf } from "./once.ts";
import type { EventApiDeps } from "./ports.ts";
import { recordedChange } from "./recorded-change.ts";

type Reads =
  | "acceptInvocation"
  | "getFunctionLane"
  | "listAcceptedInvocations"
  | "getAcceptedInvocation"
  | "followInvocation"
  | "getAcceptedPayload"
  | "getAcceptedResult";
type Changes = "cancelInvocation" | "replayInvocation";

export function ledgerHandlers(deps: EventApiDeps): Pick<OperationHandlers, Reads | Changes> {
  return { ...readHandlers(deps), ...changeHandlers(deps) };
}

function readHandlers(deps: EventApiDeps): Pick<OperationHandlers, Reads> {
  const { ledger, platform, clock } = deps;
  return {
    acceptInvocation: async ({ params: { app, fn: name }, principal, body, req }) => {
      const { accountId } = principal;
      const functionId = await platform.functionId({ accountId, app, name });
      const { event = null, contentType, delayMs, notBefore, orderingKey } = body;
      const idempotencyKey = body.idempotencyKey ?? idempotencyKeyOf(req);
      if (delayMs !== undefined && notBefore !== undefined) {
        throw invalid("body", ["notBefore: stands beside delayMs; send one of them"]);
      }
      const nowMs = clock.wallMs();
      const dueMs = delayMs === undefined ? timeOf(notBefore) : nowMs + delayMs;
      if (dueMs !== undefined && dueMs > nowMs + LIMITS.asyncDelayMsMax) {
        throw invalid("body", ["notBefore: is within a year"]);
      }
      const how = { contentType, dueMs, orderingKey, idempotencyKey };
      return json(await ledger.accept({ functionId, event: JSON.stringify(event), ...how }));
    },
    getFunctionLane: async ({ params: { app, fn: name }, principal: { accountId } }) =>
      json(ledger.lane(await platform.functionId({ accountId, app, name }))),
    listAcceptedInvocations: async ({ principal, query }) => {
      const { limit, cursor, state, sourceId, idempotencyKey, requestId } = query;
      const filter = await filterOf(deps, principal, query);
      const page = { limit, cursor, sourceId, idempotencyKey, requestId };
      return json(await ledger.list({ ...filter, state, ...page }));
    },
    getAcceptedInvocation: async ({ params, principal }) =>
      json(await find(deps, nameOf(principal, params.request))),
    followInvocation: async ({ params, principal, signal, isHead }) => {
      const name = nameOf(principal, params.request);
      await find(deps, name);
      return { kind: "lines", lines: isHead ? NOTHING : ledger.follow(name, signal) };
    },
    getAcceptedPayload: async ({ params, principal }) => {
      const name = nameOf(principal, params.request);
      return bytesOf(await ledger.payload(name)) ?? notFound(name);
    },
    getAcceptedResult: async ({ params, principal }) => {
      const name = nameOf(principal, params.request);
      const found = bytesOf(await ledger.result(name));
      if (found !== undefined) return found;
      const { id, state } = await find(deps, name);
      throw fail("ACCEPTED_RESULT_MISSING", { id, state });
    },
  };
}

function changeHandlers(deps: EventApiDeps): Pick<OperationHandlers, Changes> {
  const { ledger } = deps;
  return {
    cancelInvocation: (call) =>
      change(deps, { ...call, operation: "cancelInvocation" }, async (name) => {
        const said = await ledger.cancel(name);
        return said === undefined ? notFound(name) : { id: name.id, ...said };
      }),
    replayInvocation: async (call) => {
      const { qualifier } = call.body;
      if (qualifier !== undefined) await checkReplayed(deps, call, qualifier);
      return await change(deps, { ...call, operation: "replayInvocation" }, async (name) => {
        const once = onceOf(call, "replayInvocation");
        return (await ledger.replay({ ...name, once, qualifier })) ?? notFound(name);
      });
    },
  };
}

/** What leads nowhere would wait, and be tried, until it is too old. */
async function checkReplayed(
  deps: EventApiDeps,
  { principal, params }: Pick<OneCall, "principal" | "params">,
  qualifier: string,
): Promise<void> {
  const { accountId } = principal;
  const { app, function: name } = await find(deps, nameOf(principal, params.request));
  await deps.platform.checkQualifier({ accountId, app, name, qualifier });
}

/** Records a change of one invocation, makes it, and keeps what it answers. */
async function change(
  deps: EventApiDeps,
  { operation, params, principal, stamp }: OneCall & { readonly operation: string },
  perform: (name: LedgerName) => Promise<object>,
): Promise<Answer> {
  const asked = nameOf(principal, params.request);
  const { id, app, function: fn } = await find(deps, asked);
  const name = { ...asked, id: id as RequestId };
  const details = { operation, app, function: fn };
  const told = { stamp, action: "invocations.write", subject: `invocation/${name.id}`, details };
  return await recordedChange(deps, told, () => perform(name));
}

type OneCall = Pick<OperationCall<"cancelInvocation">, "params" | "principal" | "stamp">;

const NOTHING: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

/** Which apps a principal reaches. */
export function scopeOf({ accountId, apps }: Principal): LedgerScope {
  return { accountId, apps: apps ?? null };
}

function nameOf(principal: Principal, id: RequestId): LedgerName {
  return { ...scopeOf(principal), id };
}

interface Asked {
  readonly app?: string | undefined;
  readonly function?: string | undefined;
  readonly source?: LedgerFilter["source"];
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** What of the ledger is meant, of the apps that the principal reaches. */
export async function filterOf(
  deps: EventApiDeps,
  principal: Principal,
  asked: Asked,
): Promise<LedgerFilter> {
  const { app, function: name, source, from, to } = asked;
  const { accountId, apps } = scopeOf(principal);
  const filter = { accountId, source, fromMs: timeOf(from), toMs: timeOf(to) };
  if (app === undefined) {
    if (name === undefined) return { ...filter, apps };
    throw invalid("input", ["function: needs the app"]);
  }
  const reached = apps === null || apps.includes(app) ? [app] : [];
  if (name === undefined || reached.length === 0) return { ...filter, apps: reached };
  const functionId = await deps.platform.functionId({ accountId, app, name });
  return { ...filter, apps: reached, functionId };
}

async function find(
  { ledger }: EventApiDeps,
  name: LedgerName,
): Promise<AcceptedInvocationDetails> {
  return (await ledger.get(name)) ?? notFound(name);
}

function notFound({ id }: LedgerName): never {
  throw fail("ACCEPTED_INVOCATION_NOT_FOUND", { id });
}

function bytesOf(bytes: Uint8Array | undefined): Answer | undefined {
  return bytes === undefined ? undefined : { kind: "bytes", bytes };
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

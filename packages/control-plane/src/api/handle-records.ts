/** Logs and invocation records of functions, keys, and the audit. */
import {
  type Answer,
  EMPTY,
  json,
  type OperationCall,
  type OperationHandlers,
  pageOfRows,
  readCursor,
} from "@skerry/api-serving";
import { mintKey, type KeyRecord } from "@skerry/accounts";
import { isRequestId, type FunctionId, type GatewayApiId, type RevisionId } from "@skerry/base";
import { readLogFilter } from "@skerry/api-schema";
import { invalid } from "@skerry/contracts";
import { fail } from "../errors.ts";
import type { LogSelection } from "../ports.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import { auditResourceOf, keyResourceOf } from "./resources.ts";

type HandledRecords =
  | "listLogs"
  | "listGatewayApiLogs"
  | "listInvocations"
  | "getInvocation"
  | "getInvocationTrace"
  | "listAudit";
type HandledKeys = "listKeys" | "createKey" | "deleteKey";

export function recordHandlers(deps: ApiDeps): Pick<OperationHandlers, HandledRecords> {
  const { store, logs, invocations } = deps;
  return {
    listLogs: async (call) => {
      const revisionIds = await revisionIdsOf(deps, call);
      const of = { functionId: await functionIdOf(deps, call), revisionIds };
      return await answerLines(logs, call, logSelection(call, of));
    },
    listGatewayApiLogs: async (call) => {
      const { accountId } = call.principal;
      const api = await store.call(storeModule, "oneGatewayApi", { accountId, ...call.params });
      const functionId = api.id as GatewayApiId;
      return await answerLines(logs, call, logSelection(call, { functionId }));
    },
    listInvocations: async (call) => {
      const functionId = await functionIdOf(deps, call);
      const { cursor, limit } = call.query;
      const from = cursor === undefined ? {} : { cursor };
      return json(await invocations.list({ functionId, limit, ...from }));
    },
    getInvocation: async (call) => {
      const functionId = await functionIdOf(deps, call);
      const { request: requestId } = call.params;
      return jsonIfFound(call, await invocations.get({ functionId, requestId }));
    },
    getInvocationTrace: async (call) => {
      const functionId = await functionIdOf(deps, call);
      const { request: requestId } = call.params;
      return jsonIfFound(call, await invocations.trace({ functionId, requestId }));
    },
    listAudit: async ({ principal: { accountId }, query: { cursor, limit } }) => {
      const before = readCursor(cursor, null);
      const rows = await store.call(storeModule, "listAudit", { accountId, before, limit });
      return json(pageOfRows(rows, limit, { item: auditResourceOf, key: ({ id }) => id }));
    },
  };
}

export function keyHandlers(deps: ApiDeps): Pick<OperationHandlers, HandledKeys> {
  const { store, clock, ids, random } = deps;
  return {
    listKeys: async ({ principal: { accountId }, query: { cursor, limit } }) => {
      const after = readCursor(cursor, "");
      const rows = await store.call(storeModule, "listKeys", { accountId, after, limit });
      return json(pageOfRows(rows, limit, { item: keyResourceOf, key: ({ id }) => id }));
    },
    createKey: async ({ principal: { accountId }, body, stamp, signal }) => {
      const id = ids.id("key");
      const { text, secretSha256 } = mintKey(id, random);
      const { name, role, apps } = body;
      const fields = { id, accountId, name, role, apps, secretSha256 };
      const record: KeyRecord = { ...fields, local: false, createdAtMs: clock.wallMs() };
      const made = { ...keyResourceOf(record), key: text };
      const args = { stamp: stamp(made), record };
      await awaitApplied(deps, await store.call(storeModule, "createKey", args), signal);
      return json(made);
    },
    deleteKey: async ({ params: { key: id }, stamp, signal }) => {
      const seq = await store.call(storeModule, "deleteKey", { stamp: stamp(), id });
      await awaitApplied(deps, seq, signal);
      return EMPTY;
    },
  };
}

/** Throws INVOCATION_NOT_FOUND when there is nothing. */
function jsonIfFound({ params }: FunctionCall, found: object | undefined): Answer {
  const { app, fn, request } = params;
  if (found !== undefined) return json(found);
  throw fail("INVOCATION_NOT_FOUND", { request, function: `${app}/${fn}` });
}

type FunctionCall = Pick<OperationCall<"getFunction">, "principal" | "params">;

/**
 * Records belong to the function of that name now: those of an earlier one of the same name are not
 * shown.
 */
async function functionIdOf(deps: ApiDeps, call: FunctionCall): Promise<FunctionId> {
  const { app, fn: name } = call.params;
  const { accountId } = call.principal;
  return (await deps.store.call(storeModule, "getFunction", { accountId, app, name })).id;
}

/** Of the version that is asked for, if one is. */
async function revisionIdsOf(
  deps: ApiDeps,
  { principal: { accountId }, params, query }: OperationCall<"listLogs">,
): Promise<readonly RevisionId[] | undefined> {
  const { app, fn: name } = params;
  if (query.version === undefined) return undefined;
  const args = { accountId, app, name, qualifier: query.version };
  return await deps.store.call(storeModule, "qualifiedRevisions", args);
}

type LogCall = Pick<OperationCall<"listGatewayApiLogs">, "query" | "signal" | "isHead">;

async function answerLines(
  logs: ApiDeps["logs"],
  { query, signal, isHead }: LogCall,
  selection: LogSelection,
): Promise<Answer> {
  if (isHead) return { kind: "lines", lines: linesOf([]) };
  if (query.follow) return { kind: "lines", lines: logs.follow({ ...selection, signal }) };
  const { limit, tail } = query;
  const lines = await logs.list({ ...selection, limit, tail, signal });
  return { kind: "lines", lines: linesOf(lines) };
}

/** Throws INPUT_INVALID. */
function logSelection(
  { query }: LogCall,
  {
    functionId,
    revisionIds,
  }: Pick<LogSelection, "functionId"> & { revisionIds?: readonly RevisionId[] | undefined },
): LogSelection {
  const { request, cursor, tail, follow } = query;
  if (tail && follow) {
    throw invalid("query", ["tail: a log is followed from a cursor, not from its end"]);
  }
  if (request !== undefined && !isRequestId(request)) {
    throw invalid("query", ["request: this is not the id of a request"]);
  }
  const filter = readLogFilter({ ...query, revisionIds });
  return {
    functionId,
    ...(filter === undefined ? {} : { filter }),
    ...(request === undefined ? {} : { requestId: request }),
    ...(cursor === undefined ? {} : { after: cursor }),
  };
}

async function* linesOf<T>(items: readonly T[]): AsyncIterable<T> {
  yield* items;
}

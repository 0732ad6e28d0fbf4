/**
 * The API's part about versions and aliases. That a caller may, and what it sends, is checked
 * before; what changes is answered once it is in force at every gateway and agent that is there, or
 * with the names of those that did not confirm it in time.
 */
import {
  json,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import { invalid } from "@skerry/contracts";
import { patternProblems } from "@skerry/functions";
import { answered, below } from "./answered.ts";
import { appReleaseHandlers, type AppReleaseHandlers } from "./handle-app-releases.ts";
import type { ReleaseApiDeps } from "./ports.ts";

type Reads = "listVersions" | "getVersion" | "listAliases" | "getAlias" | "listAliasHistory";
type Changes =
  | "publishVersion"
  | "publishApp"
  | "deleteVersion"
  | "pruneVersions"
  | "putAlias"
  | "deleteAlias"
  | "rollbackAlias"
  | "rollbackApp";

/** Handlers by operation. */
export type ReleaseHandlers = Pick<OperationHandlers, Reads | Changes> & AppReleaseHandlers;

/** Creates the handlers. */
export function releaseHandlers(deps: ReleaseApiDeps): ReleaseHandlers {
  return {
    ...readHandlers(deps),
    ...versionHandlers(deps),
    ...aliasHandlers(deps),
    ...appReleaseHandlers(deps),
  };
}

function readHandlers({ store, module, gatewayUrl }: ReleaseApiDeps): Pick<ReleaseHandlers, Reads> {
  return {
    listVersions: async (call) => {
      const { cursor, limit } = call.query;
      const rows = await store.call(module, "versionPage", {
        ...of(call),
        below: below(cursor),
        limit,
      });
      const page = { item: same, key: ({ version }: { version: number }) => `${version}` };
      return json(pageOfRows(rows, limit, page));
    },
    getVersion: async (call) => {
      const version = Number(call.params.version);
      return json(await store.call(module, "oneVersion", { ...of(call), version }));
    },
    listAliases: async (call) => {
      const { cursor, limit } = call.query;
      const args = { ...of(call), after: readCursor(cursor, ""), limit };
      const rows = await store.call(module, "aliasPage", args);
      return json(pageOfRows(rows, limit, { item: same, key: ({ name }) => name }));
    },
    getAlias: async (call) => {
      const found = await store.call(module, "oneAlias", { ...of(call), alias: call.params.alias });
      return tagged(found, found.etag);
    },
    listAliasHistory: async (call) => {
      const { cursor, limit } = call.query;
      const { alias } = call.params;
      const args = { ...of(call), alias, below: below(cursor), limit };
      const rows = await store.call(module, "aliasChangePage", args);
      return json(pageOfRows(rows, limit, { item: same, key: ({ number }) => `${number}` }));
    },
  };

  function of({ principal: { accountId }, params: { app, fn: name } }: OfFunction) {
    return { accountId, app, name, gatewayUrl };
  }
}

type Named<N extends keyof ReleaseHandlers> = Pick<ReleaseHandlers, N>;

function versionHandlers(
  deps: ReleaseApiDeps,
): Named<"publishVersion" | "publishApp" | "deleteVersion" | "pruneVersions"> {
  const { store, module } = deps;
  return {
    publishVersion: async (call) => {
      const { alias = null, ...body } = call.body;
      const ifVersion = versionOf(call.req.headers["if-match"]);
      const args = { ...changeOf(deps, call), ...body, alias, ifVersion };
      return await answered(deps, call, await store.call(module, "publishVersion", args));
    },
    publishApp: async (call) => {
      const { alias = null, ...body } = call.body;
      const args = { ...changeOf(deps, call), ...body, alias };
      return await answered(deps, call, await store.call(module, "publishApp", args));
    },
    deleteVersion: async (call) => {
      const args = { ...changeOf(deps, call), version: Number(call.params.version) };
      return await answered(deps, call, await store.call(module, "deleteVersion", args));
    },
    pruneVersions: async (call) => {
      const args = { ...changeOf(deps, call), ...call.body };
      return await answered(deps, call, await store.call(module, "pruneVersions", args));
    },
  };
}

function aliasHandlers(
  deps: ReleaseApiDeps,
): Named<"putAlias" | "deleteAlias" | "rollbackAlias" | "rollbackApp"> {
  const { store, module } = deps;
  return {
    putAlias: async (call) => {
      const problems = patternProblems(call.body.target);
      if (problems.length > 0) throw invalid("body", problems);
      const args = { ...aliasChangeOf(deps, call), ...call.body };
      return await answered(deps, call, await store.call(module, "putAlias", args));
    },
    deleteAlias: async (call) => {
      const done = await store.call(module, "deleteAlias", aliasChangeOf(deps, call));
      return await answered(deps, call, done);
    },
    rollbackAlias: async (call) => {
      const { to = null, reason } = call.body;
      const args = { ...aliasChangeOf(deps, call), to, reason };
      return await answered(deps, call, await store.call(module, "rollbackAlias", args));
    },
    rollbackApp: async (call) => {
      const { reason } = call.body;
      const args = { ...changeOf(deps, call), alias: call.params.alias, reason };
      return await answered(deps, call, await store.call(module, "rollbackApp", args));
    },
  };
}

type OfFunction = Pick<OperationCall<"getVersion">, "params" | "principal">;
type Changing = Pick<OperationCall<"deleteAlias">, "params" | "stamp">;

function changeOf({ gatewayUrl }: ReleaseApiDeps, { params: { app, fn }, stamp }: Changing) {
  return { app, fn, gatewayUrl, stamp: stamp() };
}

function aliasChangeOf(
  deps: ReleaseApiDeps,
  call: Changing & Pick<OperationCall<"deleteAlias">, "req">,
) {
  const ifChange = versionOf(call.req.headers["if-match"]);
  return { ...changeOf(deps, call), alias: call.params.alias, ifChange };
}

function same<T>(row: T): T {
  return row;
}

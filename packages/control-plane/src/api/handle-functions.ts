/** Apps and functions: what is deployed. */
import { storeModule } from "../store-module.ts";
import { fail } from "../errors.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import { EMPTY, json, type OperationHandlers } from "./call.ts";
import { pageOfRows, readCursor } from "./pages.ts";
import { appResourceOf, etagOf, functionResourceOf } from "./resources.ts";

type Handled = "listApps" | "deleteApp" | "listFunctions" | "getFunction" | "deleteFunction";

const ETAG = /^"([1-9][0-9]{0,14})"$/;

export function functionHandlers(deps: ApiDeps): Pick<OperationHandlers, Handled> {
  const { store, urlsOf, changes } = deps;
  return {
    listApps: async ({ principal, query }) => {
      const { accountId, apps } = principal;
      const after = readCursor(query.cursor, "");
      const args = { accountId, names: apps ?? null, after, limit: query.limit };
      const rows = await store.call(storeModule, "listApps", args);
      return json(pageOfRows(rows, query.limit, { item: appResourceOf, key: ({ name }) => name }));
    },
    deleteApp: async ({ params, stamp, signal }) => {
      const seq = await store.call(storeModule, "deleteApp", { stamp: stamp(), app: params.app });
      changes.announceAll();
      await awaitApplied(deps, seq, signal);
      return EMPTY;
    },
    listFunctions: async ({ principal: { accountId }, params: { app }, query }) => {
      const args = { accountId, app, after: readCursor(query.cursor, ""), limit: query.limit };
      const rows = await store.call(storeModule, "listFunctions", args);
      const item = (row: (typeof rows)[number]): unknown => functionResourceOf(row, urlsOf);
      return json(pageOfRows(rows, query.limit, { item, key: ({ name }) => name }));
    },
    getFunction: async ({ principal: { accountId }, params: { app, fn: name } }) => {
      const record = await store.call(storeModule, "getFunction", { accountId, app, name });
      return json(functionResourceOf(record, urlsOf), ["ETag", etagOf(record)]);
    },
    deleteFunction: async ({ params: { app, fn: name }, req, stamp, signal }) => {
      const ifVersion = versionOf(req.headers["if-match"]);
      const args = { stamp: stamp(), app, name, ifVersion };
      const seq = await store.call(storeModule, "deleteFunction", args);
      changes.announceAll();
      await awaitApplied(deps, seq, signal);
      return EMPTY;
    },
  };
}

/** The version that the client insists on; null for any. */
function versionOf(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch.trim() === "*") return null;
  const version = ETAG.exec(ifMatch.trim())?.[1];
  if (version === undefined) throw fail("IF_MATCH_INVALID");
  return Number(version);
}

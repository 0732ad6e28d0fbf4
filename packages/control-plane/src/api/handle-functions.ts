/** Apps and functions: what is deployed. */
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import { EMPTY, json, tagged, type OperationHandlers } from "./call.ts";
import { pageOfRows, readCursor } from "./pages.ts";
import { versionOf } from "./preconditions.ts";
import { appResourceOf, etagOf, functionResourceOf } from "./resources.ts";

type Handled = "listApps" | "deleteApp" | "listFunctions" | "getFunction" | "deleteFunction";

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
      return tagged(functionResourceOf(record, urlsOf), etagOf(record));
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

/** Apps and functions: what is deployed. */
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import {
  EMPTY,
  json,
  type OperationHandlers,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
} from "@skerry/api-serving";
import { appResourceOf, etagOf, functionResourceOf } from "./resources.ts";

type Handled = "listApps" | "deleteApp" | "listFunctions" | "getFunction" | "deleteFunction";

export function functionHandlers(deps: ApiDeps): Pick<OperationHandlers, Handled> {
  const { store, urlsOf, changes, clock, events, log } = deps;
  const triggersRemain = (error: unknown): void =>
    log.warn("triggers of what was removed remain; what they run fails", { error });
  return {
    listApps: async ({ principal, query }) => {
      const { accountId, apps } = principal;
      const after = readCursor(query.cursor, "");
      const args = { accountId, names: apps ?? null, after, limit: query.limit };
      const rows = await store.call(storeModule, "listApps", args);
      return json(pageOfRows(rows, query.limit, { item: appResourceOf, key: ({ name }) => name }));
    },
    deleteApp: async ({ params: { app }, principal: { accountId }, stamp, signal }) => {
      const seq = await store.call(storeModule, "deleteApp", { stamp: stamp(), app });
      await events.appRemoved({ accountId, app }).catch(triggersRemain);
      changes.announceAll();
      await awaitApplied(deps, seq, signal);
      return EMPTY;
    },
    listFunctions: async ({ principal: { accountId }, params: { app }, query }) => {
      const args = { accountId, app, after: readCursor(query.cursor, ""), limit: query.limit };
      const rows = await store.call(storeModule, "listFunctions", args);
      const item = (row: (typeof rows)[number]): unknown =>
        functionResourceOf(row, urlsOf, clock.wallMs());
      return json(pageOfRows(rows, query.limit, { item, key: ({ name }) => name }));
    },
    getFunction: async ({ principal: { accountId }, params: { app, fn: name } }) => {
      const record = await store.call(storeModule, "getFunction", { accountId, app, name });
      return tagged(functionResourceOf(record, urlsOf, clock.wallMs()), etagOf(record));
    },
    deleteFunction: async ({ params: { app, fn: name }, principal, req, stamp, signal }) => {
      const ifVersion = versionOf(req.headers["if-match"]);
      const { accountId } = principal;
      const { id } = await store.call(storeModule, "getFunction", { accountId, app, name });
      const args = { stamp: stamp(), app, name, ifVersion };
      const seq = await store.call(storeModule, "deleteFunction", args);
      await events.functionRemoved(id).catch(triggersRemain);
      changes.announceAll();
      await awaitApplied(deps, seq, signal);
      return EMPTY;
    },
  };
}

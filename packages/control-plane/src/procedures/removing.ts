/**
 * Transactions that remove functions and apps. Deployments that are still under way for them are
 * given up with it.
 */
import {
  deleteAppRows,
  deleteFunctionRows,
  failCatalogue,
  findAppId,
  functionConfigKey,
  listFunctions,
  overtakeDeployments,
  removeConfig,
} from "@skerry/functions";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { recordChange, type ChangeStamp } from "./change.ts";

/**
 * Removes one function. Throws FUNCTION_NOT_FOUND or FUNCTION_CHANGED. Returns the config log's
 * number.
 */
export function* deleteFunction(
  tx: Tx,
  args: {
    readonly stamp: ChangeStamp;
    readonly app: string;
    readonly name: string;
    readonly ifVersion: number | null;
  },
): TxStep<number> {
  const { stamp, app, name, ifVersion } = args;
  const { accountId, atMs: wallMs } = stamp;
  const removed = yield* deleteFunctionRows(tx, { accountId, app, name, ifVersion });
  const seq = yield* removeConfig(tx, functionConfigKey(removed.id));
  yield* overtakeDeployments(tx, { accountId, app, functionName: name, wallMs });
  yield* recordChange(tx, stamp, {
    action: "functions.delete",
    resource: `function/${app}/${name}`,
    details: { operation: "deleteFunction", functionId: removed.id },
  });
  return seq ?? 0;
}

/** Removes an app with all its functions. Throws APP_NOT_FOUND. Returns the config log's number. */
export function* deleteApp(
  tx: Tx,
  args: { readonly stamp: ChangeStamp; readonly app: string },
): TxStep<number> {
  const { stamp, app } = args;
  const { accountId, atMs: wallMs } = stamp;
  const appId = yield* findAppId(tx, { accountId, name: app });
  if (appId === undefined) throw failCatalogue("APP_NOT_FOUND", { app });
  const limit = LIMITS.functionsPerAppMax;
  const functions = yield* listFunctions(tx, { accountId, app, after: "", limit });
  let seq = 0;
  for (const { id, name } of functions) {
    yield* deleteFunctionRows(tx, { accountId, app, name, ifVersion: null });
    seq = (yield* removeConfig(tx, functionConfigKey(id))) ?? seq;
  }
  yield* deleteAppRows(tx, { accountId, appId, name: app });
  yield* overtakeDeployments(tx, { accountId, app, functionName: null, wallMs });
  yield* recordChange(tx, stamp, {
    action: "functions.delete",
    resource: `app/${app}`,
    details: { operation: "deleteApp", appId, functions: functions.map(({ name }) => name) },
  });
  return seq;
}

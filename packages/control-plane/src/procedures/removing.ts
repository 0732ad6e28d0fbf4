/**
 * Transactions that remove functions and apps. Deployments that are still under way for them are
 * given up with it.
 */
import {
  actionConfigKey,
  deleteAppRows,
  deleteFunctionRows,
  failCatalogue,
  findAppId,
  functionConfigKey,
  listFunctions,
  overtakeDeployments,
  configObjectConfigKey,
  removeConfig,
  removeActionsOfApp,
  removeConfigObjectsOfApp,
  secretConfigKey,
} from "@skerry/functions/catalogue";
import type { AccountId } from "@skerry/base";
import { LIMITS, serverKeyScope } from "@skerry/contracts";
import { removeGatewayApisOf } from "@skerry/release-api/procedures";
import { removeReleasesOf } from "@skerry/releases";
import { removeSecretsOfApp } from "@skerry/secrets";
import type { Tx, TxStep } from "@skerry/store";
import type { ChangeStamp } from "@skerry/api-serving";
import { recordChange } from "./change.ts";
import { tellEvent } from "./told-events.ts";

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
  yield* tellRemoved(tx, { stamp, app, name });
  yield* recordChange(tx, stamp, {
    action: "functions.delete",
    resource: `function/${app}/${name}`,
    details: { operation: "deleteFunction", functionId: removed.id },
  });
  return seq ?? 0;
}

/**
 * Removes an app with its functions, secrets and config objects; it may have these alone. Throws
 * APP_NOT_FOUND. Returns the config log's number.
 */
export function* deleteApp(
  tx: Tx,
  args: { readonly stamp: ChangeStamp; readonly app: string },
): TxStep<number> {
  const { stamp, app } = args;
  const { accountId, atMs: wallMs } = stamp;
  const appId = yield* findAppId(tx, { accountId, name: app });
  const settingsSeq = yield* removeSettings(tx, { accountId, app });
  if (appId === undefined && settingsSeq === undefined)
    throw failCatalogue("APP_NOT_FOUND", { app });
  const limit = LIMITS.functionsPerAppMax;
  const functions =
    appId === undefined ? [] : yield* listFunctions(tx, { accountId, app, after: "", limit });
  const apisSeq = appId === undefined ? undefined : yield* removeGatewayApisOf(tx, appId);
  let seq = apisSeq ?? settingsSeq ?? 0;
  for (const { id, name } of functions) {
    yield* deleteFunctionRows(tx, { accountId, app, name, ifVersion: null });
    yield* tellRemoved(tx, { stamp, app, name });
    seq = (yield* removeConfig(tx, functionConfigKey(id))) ?? seq;
  }
  if (appId !== undefined) yield* removeReleasesOf(tx, appId);
  yield* deleteAppRows(tx, { accountId, appId, name: app });
  yield* overtakeDeployments(tx, { accountId, app, functionName: null, wallMs });
  yield* recordChange(tx, stamp, {
    action: "functions.delete",
    resource: `app/${app}`,
    details: {
      operation: "deleteApp",
      appId: appId ?? null,
      functions: functions.map(({ name }) => name),
    },
  });
  return seq;
}

/**
 * Removes an app's secrets, server keys, config objects and actions; the config log's number when
 * there were any.
 */
function* removeSettings(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string },
): TxStep<number | undefined> {
  const { accountId, app } = args;
  const secrets = [
    ...(yield* removeSecretsOfApp(tx, args)),
    ...(yield* removeSecretsOfApp(tx, { accountId, app: serverKeyScope(app) })),
  ];
  const actions = yield* removeActionsOfApp(tx, args);
  const objects = yield* removeConfigObjectsOfApp(tx, args);
  let seq: number | undefined;
  for (const key of [
    ...secrets.map(secretConfigKey),
    ...objects.map(configObjectConfigKey),
    ...actions.map(actionConfigKey),
  ]) {
    seq = (yield* removeConfig(tx, key)) ?? seq;
  }
  return seq;
}

function* tellRemoved(
  tx: Tx,
  args: { readonly stamp: ChangeStamp; readonly app: string; readonly name: string },
): TxStep<void> {
  const { stamp, app, name } = args;
  yield* tellEvent(tx, {
    ...{ id: `${stamp.id}/${name}`, accountId: stamp.accountId, app, timeMs: stamp.atMs },
    ...{ subject: `${app}/${name}`, type: "skerry.function.removed.v1" },
    data: { app, function: name },
  });
}

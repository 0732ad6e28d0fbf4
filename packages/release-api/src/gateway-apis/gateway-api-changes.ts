/** Transactions on gateway APIs as a whole. Each is one commit with its entries and its record. */
import type { ChangedGatewayApi } from "@skerry/api-schema";
import type { ChangeStamp } from "@skerry/api-serving";
import type { AppId, GatewayApiId } from "@skerry/base";
import { DRAFT, LIMITS, stageDefaults, type StageSettings } from "@skerry/contracts";
import { readConfigSeq, removeConfig } from "@skerry/functions/catalogue";
import {
  domainsOfApi,
  failGatewayApi,
  findApi,
  findStage,
  forgetRoutes,
  insertApi,
  keepRoutes,
  listApis,
  listStages,
  purgesConfigKey,
  removeApiRows,
  stageConfigKey,
  unsetStage,
  writeDraft,
  writeStage,
  type GatewayApiRecord,
  type RoutesText,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { Tx, TxStep } from "@skerry/store";
import { appOf } from "../app-releases.ts";
import type { Done, Told } from "../recorded.ts";
import { removeDomain } from "./domain-changes.ts";
import { getApi } from "./found-gateway-api.ts";
import { servedStages } from "./gateway-api-reads.ts";
import { listedApiOf } from "./gateway-api-resources.ts";
import { publishStage } from "./publish-stage.ts";

/** What every change of an API says. */
export interface ChangeOfApi {
  readonly stamp: ChangeStamp;
  readonly app: string;
  readonly api: string;
}
/** Settings of a stage; what is undefined is as from the beginning. */
export interface AskedSettings {
  readonly qualifier?: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
  readonly follows?: boolean | undefined;
}
interface PutApi extends ChangeOfApi {
  readonly freshId: GatewayApiId;
  /** Checked by then. */
  readonly routes: RoutesText;
  readonly stages: Readonly<Record<string, AskedSettings>>;
  readonly madeBy: GatewayApiRecord["madeBy"];
  readonly reason: string;
  readonly ifVersion: number | null;
}

/**
 * Throws APP_NOT_FOUND, GATEWAY_API_CHANGED, GATEWAY_APIS_LIMIT, STAGES_LIMIT, and what
 * `publishStage` does for stages that follow.
 */
export function* putGatewayApi(tx: Tx, args: PutApi): TxStep<Done & Told> {
  const { stamp, reason, routes } = args;
  const { api, isNew } = yield* writtenApi(tx, args);
  for (const [name, asked] of Object.entries(args.stages)) {
    yield* setStage(tx, { api, name, asked });
  }
  const published: ChangedGatewayApi["published"] = [];
  for (const stage of yield* listStages(tx, api)) {
    if (!stage.follows) continue;
    const note = { ...stamp, reason };
    const from = { digest: routes.digest, source: DRAFT, restores: null };
    const done = yield* publishStage(tx, { api, stage, ...from, note });
    if (done.isNew) published.push({ stage: stage.name, number: done.publication.number });
  }
  yield* forgetRoutes(tx, api.id);
  const shown = listedApiOf(api, yield* servedStages(tx, api));
  return {
    answer: { ...shown, isNew, published, behind: [] } satisfies ChangedGatewayApi,
    seq: yield* readConfigSeq(tx),
    ...{ action: "functions.deploy", resource: resourceOf(args) },
    details: { operation: "putGatewayApi", isNew, routes: routes.count, reason, published },
  };
}

/** Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND, GATEWAY_API_CHANGED. */
export function* deleteGatewayApi(
  tx: Tx,
  args: ChangeOfApi & { readonly ifVersion: number | null },
): TxStep<Done & Told> {
  const { accountId } = args.stamp;
  const api = yield* getApi(tx, { ...args, accountId });
  assertTag(args, api.version);
  yield* assertNoDomains(tx, api, null);
  yield* removeApi(tx, api);
  return {
    ...{ answer: null, seq: yield* readConfigSeq(tx) },
    ...{ action: "functions.delete", resource: resourceOf(args) },
    details: { operation: "deleteGatewayApi", apiId: api.id },
  };
}

/** Removes all of an app that is being removed; the config log's number when there were any. */
export function* removeGatewayApisOf(tx: Tx, appId: AppId): TxStep<number | undefined> {
  const limit = LIMITS.gatewayApisPerAppMax;
  const all = yield* listApis(tx, { appId, after: "", limit });
  for (const api of all) yield* removeApi(tx, api);
  return all.length === 0 ? undefined : yield* readConfigSeq(tx);
}

/** Throws STAGES_LIMIT, STAGE_NAME_TAKEN. */
export function* setStage(
  tx: Tx,
  {
    api,
    name,
    asked,
  }: { readonly api: GatewayApiRecord; readonly name: string; readonly asked: AskedSettings },
): TxStep<StageRecord> {
  const before = yield* findStage(tx, api, name);
  if (before === undefined) yield* assertRoomForStage(tx, api, name);
  const known = before ?? unsetStage(api, name);
  const settings = settingsOf(name, asked);
  const isSame = JSON.stringify(settings) === JSON.stringify(settingsIn(known));
  if (before !== undefined && isSame) return before;
  const next = { ...known, ...settings, change: known.change + 1 };
  yield* writeStage(tx, api.id, next);
  return next;
}

/** Throws GATEWAY_API_IN_USE while domains lead there; with `stage` to that stage of it. */
export function* assertNoDomains(
  tx: Tx,
  { id: apiId, app, name }: GatewayApiRecord,
  stage: string | null,
): TxStep<void> {
  const domains = (yield* domainsOfApi(tx, { apiId, stage })).map(({ host }) => host);
  if (domains.length === 0) return;
  const what = [app, name, ...(stage === null ? [] : [stage])].join("/");
  throw failGatewayApi("GATEWAY_API_IN_USE", { what, domains: domains.slice(0, 10) });
}

export function resourceOf({ app, api }: Pick<ChangeOfApi, "app" | "api">): string {
  return `app/${app}/gateway-api/${api}`;
}

function settingsOf(name: string, { qualifier, variables, follows }: AskedSettings): StageSettings {
  const defaults = stageDefaults(name);
  return {
    qualifier: qualifier ?? defaults.qualifier,
    variables: { ...variables },
    follows: follows ?? defaults.follows,
  };
}

function settingsIn({ qualifier, variables, follows }: StageRecord): StageSettings {
  return { qualifier, variables, follows };
}

function* writtenApi(
  tx: Tx,
  args: PutApi,
): TxStep<{ readonly api: GatewayApiRecord; readonly isNew: boolean }> {
  const { stamp, app, api: name, freshId, routes, madeBy } = args;
  const { accountId, atMs: wallMs } = stamp;
  const appId = yield* appOf(tx, { accountId, app });
  const before = yield* findApi(tx, { appId, name });
  assertTag(args, before?.version ?? 0);
  if (before === undefined) yield* assertRoomForApi(tx, { appId, app });
  const id = before?.id ?? freshId;
  yield* keepRoutes(tx, id, routes);
  const { digest } = routes;
  if (before === undefined) {
    yield* insertApi(tx, { id, accountId, appId, app, name, digest, madeBy, wallMs });
  } else if (before.digest !== digest || before.madeBy !== madeBy) {
    yield* writeDraft(tx, { id, digest, madeBy, wallMs });
  }
  return { api: yield* getApi(tx, { accountId, app, api: name }), isNew: before === undefined };
}

function* removeApi(tx: Tx, api: GatewayApiRecord): TxStep<void> {
  for (const { host } of yield* domainsOfApi(tx, { apiId: api.id, stage: null })) {
    yield* removeDomain(tx, host);
  }
  for (const { name } of yield* listStages(tx, api)) {
    yield* removeConfig(tx, stageConfigKey(api.id, name));
    yield* removeConfig(tx, purgesConfigKey(api.id, name));
  }
  yield* removeApiRows(tx, api.id);
}

function assertTag(
  { app, api, ifVersion }: ChangeOfApi & { readonly ifVersion: number | null },
  actual: number,
): void {
  if (ifVersion === null || ifVersion === actual) return;
  throw failGatewayApi("GATEWAY_API_CHANGED", { api: `${app}/${api}`, actual: `"${actual}"` });
}

function* assertRoomForApi(
  tx: Tx,
  { appId, app }: { readonly appId: AppId; readonly app: string },
): TxStep<void> {
  const apisMax = LIMITS.gatewayApisPerAppMax;
  const all = yield* listApis(tx, { appId, after: "", limit: apisMax });
  if (all.length >= apisMax) throw failGatewayApi("GATEWAY_APIS_LIMIT", { app, apisMax });
}

function* assertRoomForStage(tx: Tx, api: GatewayApiRecord, name: string): TxStep<void> {
  if (name === DRAFT) throw failGatewayApi("STAGE_NAME_TAKEN", { stage: name });
  const stagesMax = LIMITS.stagesPerApiMax;
  if ((yield* listStages(tx, api)).length < stagesMax) return;
  throw failGatewayApi("STAGES_LIMIT", { api: `${api.app}/${api.name}`, stagesMax });
}

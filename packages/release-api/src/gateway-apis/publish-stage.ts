/**
 * How a stage gets a publication: routes, qualifier and variables are frozen, numbered and in the
 * config log by one transaction, or none of it is.
 */
import type { ChangeStamp } from "@skerry/api-serving";
import { sortedEntries } from "@skerry/base";
import { functionsOfRoutes, LIMITS, type Route, type StageEntry } from "@skerry/contracts";
import { listFunctions, putConfig, readConfigSeq, removeConfig } from "@skerry/functions/catalogue";
import {
  failGatewayApi,
  findPublication,
  insertPublication,
  readRoutes,
  stageConfigKey,
  variablesOfRoutes,
  writeStage,
  type GatewayApiRecord,
  type PublicationRecord,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { Tx, TxStep } from "@skerry/store";

export interface Publishing {
  readonly api: GatewayApiRecord;
  /** As it is to be served: its qualifier and variables are published. */
  readonly stage: StageRecord;
  /** Of routes that are kept. */
  readonly digest: string;
  readonly source: string | null;
  readonly restores: number | null;
  readonly note: Pick<ChangeStamp, "id" | "keyId" | "atMs"> & { readonly reason: string };
  /** It was served before: what it lacks by now is no reason to leave it out. */
  readonly isUnchecked?: boolean;
  /** Look whether it could be, and write nothing. */
  readonly dryRun?: boolean;
}

export interface Published {
  readonly stage: StageRecord;
  readonly publication: PublicationRecord;
  /** False: the stage serves exactly that already, and was left as it is. */
  readonly isNew: boolean;
  /** From this number of the config log on it is in force. */
  readonly seq: number;
}

/** Throws ROUTE_FUNCTIONS_MISSING, STAGE_VARIABLES_MISSING. */
export function* publishStage(tx: Tx, publishing: Publishing): TxStep<Published> {
  const { api, stage, digest, source, restores, note, dryRun = false } = publishing;
  const { qualifier, variables, name } = stage;
  const at = { apiId: api.id, stage: name, number: stage.publication };
  const serving = yield* findPublication(tx, at);
  if (serving !== undefined && isServed(serving, publishing)) {
    return { stage, publication: serving, isNew: false, seq: yield* readConfigSeq(tx) };
  }
  const routes = yield* readRoutes(tx, { apiId: api.id, digest });
  if (publishing.isUnchecked !== true) {
    yield* assertFunctionsThere(tx, api, routes);
    assertVariables(routes, stage);
  }
  const number = stage.publication + 1;
  const { id: auditId, keyId, atMs, reason } = note;
  const publication = {
    ...{ stage: name, number, digest, routeCount: routes.length, qualifier, variables },
    ...{ keyId, reason, source, restores, auditId, atMs },
  };
  const next = { ...stage, change: stage.change + 1, publication: number };
  if (dryRun) return { stage: next, publication, isNew: true, seq: 0 };
  yield* insertPublication(tx, api.id, publication);
  yield* writeStage(tx, api.id, next);
  const { id: apiId, accountId, appId, app, name: apiName } = api;
  const value: StageEntry = {
    ...{ kind: "stage", apiId, accountId, appId, app, api: apiName, stage: name },
    ...{ publication: number, qualifier, variables, routes },
  };
  const seq = yield* putConfig(tx, { key: stageConfigKey(apiId, name), value });
  return { stage: next, publication, isNew: true, seq };
}

/** Has a stage serve nothing. Its number goes up, as with a publication. */
export function* unserveStage(
  tx: Tx,
  { api, stage }: Pick<Publishing, "api" | "stage">,
): TxStep<StageRecord> {
  const next = { ...stage, change: stage.change + 1, publication: stage.publication + 1 };
  yield* writeStage(tx, api.id, next);
  yield* removeConfig(tx, stageConfigKey(api.id, stage.name));
  return next;
}

/** Whether a stage that serves that publication serves these routes with its settings. */
export function isServed(
  serving: PublicationRecord,
  { stage, digest }: Pick<Publishing, "stage" | "digest">,
): boolean {
  return (
    serving.digest === digest &&
    serving.qualifier === stage.qualifier &&
    sortedText(serving.variables) === sortedText(stage.variables)
  );
}

function sortedText(variables: Readonly<Record<string, string>>): string {
  return JSON.stringify(sortedEntries(variables));
}

/** Variables that routes name, and the stage does not have. */
export function absentVariables(
  routes: readonly Route[],
  { variables }: Pick<StageRecord, "variables">,
): readonly string[] {
  return variablesOfRoutes(routes).filter((one) => !Object.hasOwn(variables, one));
}

/** Throws STAGE_VARIABLES_MISSING. */
export function assertVariables(
  routes: readonly Route[],
  stage: Pick<StageRecord, "name" | "variables">,
): void {
  const variables = absentVariables(routes, stage);
  if (variables.length === 0) return;
  throw failGatewayApi("STAGE_VARIABLES_MISSING", { stage: stage.name, variables });
}

/** Throws ROUTE_FUNCTIONS_MISSING. */
export function* assertFunctionsThere(
  tx: Tx,
  { accountId, app, name: api }: GatewayApiRecord,
  routes: readonly Route[],
): TxStep<void> {
  const named = functionsOfRoutes(routes);
  if (named.length === 0) return;
  const limit = LIMITS.functionsPerAppMax;
  const all = yield* listFunctions(tx, { accountId, app, after: "", limit });
  const there = new Set(all.map(({ name }) => name));
  const functions = named.filter((name) => !there.has(name));
  if (functions.length > 0)
    throw failGatewayApi("ROUTE_FUNCTIONS_MISSING", { app, api, functions });
}

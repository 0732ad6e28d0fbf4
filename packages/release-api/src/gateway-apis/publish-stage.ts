/**
 * How a stage gets a publication: routes, qualifier and variables are frozen, numbered and in the
 * config log by one transaction, or none of it is.
 */
import type { ChangeStamp } from "@skerry/api-serving";
import { functionsOfRoutes, LIMITS, type StageEntry } from "@skerry/contracts";
import { listFunctions, putConfig, readConfigSeq } from "@skerry/functions";
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
  if (serving !== undefined && isSame(serving, publishing)) {
    return { stage, publication: serving, isNew: false, seq: yield* readConfigSeq(tx) };
  }
  const routes = yield* readRoutes(tx, { apiId: api.id, digest });
  yield* assertFunctionsThere(tx, api, functionsOfRoutes(routes));
  const absent = variablesOfRoutes(routes).filter((one) => !Object.hasOwn(variables, one));
  if (absent.length > 0) {
    throw failGatewayApi("STAGE_VARIABLES_MISSING", { stage: name, variables: absent });
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

function isSame(serving: PublicationRecord, { stage, digest }: Publishing): boolean {
  return (
    serving.digest === digest &&
    serving.qualifier === stage.qualifier &&
    sortedText(serving.variables) === sortedText(stage.variables)
  );
}

function sortedText(variables: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(variables).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function* assertFunctionsThere(
  tx: Tx,
  { accountId, app, name: api }: GatewayApiRecord,
  named: readonly string[],
): TxStep<void> {
  if (named.length === 0) return;
  const limit = LIMITS.functionsPerAppMax;
  const all = yield* listFunctions(tx, { accountId, app, after: "", limit });
  const there = new Set(all.map(({ name }) => name));
  const functions = named.filter((name) => !there.has(name));
  if (functions.length > 0)
    throw failGatewayApi("ROUTE_FUNCTIONS_MISSING", { app, api, functions });
}

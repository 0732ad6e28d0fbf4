/** Transactions that only read gateway APIs, their stages and publications. */
import type {
  GatewayApiListed,
  GatewayApiResource,
  PublicationContent,
  PublicationResource,
  StageResource,
} from "@skerry/api-schema";
import {
  failGatewayApi,
  findPublication,
  listApis,
  listPublications,
  listStages,
  readRoutes,
  type GatewayApiRecord,
  type PublicationRecord,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { Tx, TxStep } from "@skerry/store";
import { appOf } from "../app-releases.ts";
import { getApi, getStage, type ApiNamed, type StageNamed } from "./found-gateway-api.ts";
import {
  apiResourceOf,
  listedApiOf,
  publicationContentOf,
  publicationResourceOf,
  stageResourceOf,
  type ServedStage,
} from "./gateway-api-resources.ts";

interface Shown {
  readonly gatewayUrl: string;
}

/** What a stage serves; undefined: nothing. */
export function* servedBy(
  tx: Tx,
  api: GatewayApiRecord,
  { name: stage, publication: number }: StageRecord,
): TxStep<PublicationRecord | undefined> {
  return yield* findPublication(tx, { apiId: api.id, stage, number });
}

/** All stages of an API, each with what it serves. */
export function* servedStages(tx: Tx, api: GatewayApiRecord): TxStep<readonly ServedStage[]> {
  const served: ServedStage[] = [];
  for (const stage of yield* listStages(tx, api)) {
    served.push({ stage, publication: yield* servedBy(tx, api, stage) });
  }
  return served;
}

/** By name from `after` on, one more than `limit` when there are more. Throws APP_NOT_FOUND. */
function* gatewayApiPage(
  tx: Tx,
  args: Omit<ApiNamed, "api"> & { readonly after: string; readonly limit: number },
): TxStep<readonly GatewayApiListed[]> {
  const appId = yield* appOf(tx, args);
  const listed: GatewayApiListed[] = [];
  for (const api of yield* listApis(tx, { ...args, appId })) {
    listed.push(listedApiOf(api, yield* servedStages(tx, api)));
  }
  return listed;
}

/** Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND, as all of these do. */
function* oneGatewayApi(tx: Tx, args: ApiNamed): TxStep<GatewayApiResource> {
  const api = yield* getApi(tx, args);
  const routes = yield* readRoutes(tx, { apiId: api.id, digest: api.digest });
  return apiResourceOf(api, yield* servedStages(tx, api), routes);
}

function* allStages(tx: Tx, args: ApiNamed & Shown): TxStep<readonly StageResource[]> {
  const api = yield* getApi(tx, args);
  const served = yield* servedStages(tx, api);
  return served.map((one) => stageResourceOf(api, one, args.gatewayUrl));
}

/** Throws STAGE_NOT_FOUND. */
function* oneStage(tx: Tx, args: StageNamed & Shown): TxStep<StageResource> {
  const api = yield* getApi(tx, args);
  const stage = yield* getStage(tx, api, args.stage);
  const served = { stage, publication: yield* servedBy(tx, api, stage) };
  return stageResourceOf(api, served, args.gatewayUrl);
}

/** Newest first, one more than `limit` when there are more. Throws STAGE_NOT_FOUND. */
function* publicationPage(
  tx: Tx,
  args: StageNamed & { readonly below: number; readonly limit: number },
): TxStep<readonly PublicationResource[]> {
  const api = yield* getApi(tx, args);
  yield* getStage(tx, api, args.stage);
  const rows = yield* listPublications(tx, { ...args, apiId: api.id });
  return rows.map((row) => publicationResourceOf(api, row));
}

/** Throws STAGE_NOT_FOUND, PUBLICATION_NOT_FOUND. */
function* onePublication(
  tx: Tx,
  args: StageNamed & { readonly number: number },
): TxStep<PublicationContent> {
  const api = yield* getApi(tx, args);
  yield* getStage(tx, api, args.stage);
  const found = yield* getPublication(tx, api, args);
  const routes = yield* readRoutes(tx, { apiId: api.id, digest: found.digest });
  return publicationContentOf(api, found, routes);
}

/** Throws PUBLICATION_NOT_FOUND. */
export function* getPublication(
  tx: Tx,
  { id: apiId }: GatewayApiRecord,
  { stage, number }: { readonly stage: string; readonly number: number },
): TxStep<PublicationRecord> {
  const found = yield* findPublication(tx, { apiId, stage, number });
  if (found !== undefined) return found;
  throw failGatewayApi("PUBLICATION_NOT_FOUND", { stage, number });
}

export const GATEWAY_API_READS = {
  gatewayApiPage,
  oneGatewayApi,
  allStages,
  oneStage,
  publicationPage,
  onePublication,
} as const;

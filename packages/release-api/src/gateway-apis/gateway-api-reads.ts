/** Transactions that only read gateway APIs, their stages and publications. */
import type {
  GatewayApiListed,
  GatewayApiResource,
  PublicationContent,
  PublicationResource,
  StageResource,
} from "@skerry/api-schema";
import { DRAFT, type Route } from "@skerry/contracts";
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
import type { RoutesState } from "./diff-routes.ts";
import { getApi, getStage, type ApiNamed, type StageNamed } from "./found-gateway-api.ts";
import type { OpenApiAbout } from "./openapi-of-routes.ts";
import {
  apiResourceOf,
  listedApiOf,
  publicationContentOf,
  publicationResourceOf,
  stageResourceOf,
  urlsOf,
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

/** `draft`, what a stage serves, or one of its publications. */
export interface SideNamed {
  readonly stage: string | null;
  /** Null: the one that it serves. */
  readonly number: number | null;
}

/** A side of a comparison; of a draft `served` is null. */
function* stateOf(tx: Tx, api: GatewayApiRecord, side: SideNamed): TxStep<RoutesState> {
  const publication = yield* publicationOf(tx, api, side);
  const digest = publication === null ? api.digest : publication.digest;
  return { routes: yield* readRoutes(tx, { apiId: api.id, digest }), served: publication };
}

/** Null for the draft. Throws STAGE_NOT_FOUND, STAGE_UNPUBLISHED, PUBLICATION_NOT_FOUND. */
function* publicationOf(
  tx: Tx,
  api: GatewayApiRecord,
  { stage, number }: SideNamed,
): TxStep<PublicationRecord | null> {
  if (stage === null) return null;
  const found = yield* getStage(tx, api, stage);
  if (number !== null) return yield* getPublication(tx, api, { stage, number });
  const serving = yield* servedBy(tx, api, found);
  if (serving === undefined) throw failGatewayApi("STAGE_UNPUBLISHED", { stage });
  return serving;
}

/** The two sides. A draft would be served as the other side's stage is set. */
function* twoStates(
  tx: Tx,
  args: ApiNamed & { readonly from: SideNamed; readonly to: SideNamed },
): TxStep<{ readonly from: RoutesState; readonly to: RoutesState }> {
  const api = yield* getApi(tx, args);
  const from = yield* stateOf(tx, api, args.from);
  const to = yield* stateOf(tx, api, args.to);
  const other = args.from.stage ?? args.to.stage;
  const set = other === null ? null : yield* getStage(tx, api, other);
  return { from: { ...from, served: from.served ?? set }, to: { ...to, served: to.served ?? set } };
}

/** Routes of a stage or of the draft, and where they are reached. */
function* documentedRoutes(
  tx: Tx,
  args: ApiNamed & Shown & { readonly stage: string | null },
): TxStep<{ readonly routes: readonly Route[]; readonly about: OpenApiAbout }> {
  const api = yield* getApi(tx, args);
  const { stage, gatewayUrl } = args;
  const publication = yield* publicationOf(tx, api, { stage, number: null });
  const digest = publication?.digest ?? api.digest;
  const version = publication === null ? DRAFT : `${publication.stage}:${publication.number}`;
  return {
    routes: yield* readRoutes(tx, { apiId: api.id, digest }),
    about: {
      ...{ title: `${api.app}/${api.name}`, version },
      servers: stage === null ? [] : urlsOf(api, stage, gatewayUrl),
    },
  };
}

export const GATEWAY_API_READS = {
  twoStates,
  documentedRoutes,
  gatewayApiPage,
  oneGatewayApi,
  allStages,
  oneStage,
  publicationPage,
  onePublication,
} as const;

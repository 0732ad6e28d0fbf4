/** Turns records of gateway APIs into resources of the API. */
import type {
  GatewayApiListed,
  GatewayApiResource,
  PublicationContent,
  PublicationResource,
  StageResource,
} from "@skerry/api-schema";
import { STAGE_HOST_SUFFIX, STAGE_PATH_PREFIX, type Route } from "@skerry/contracts";
import type { GatewayApiRecord, PublicationRecord, StageRecord } from "@skerry/gateway-apis";

/** A stage, and what it serves. */
export interface ServedStage {
  readonly stage: StageRecord;
  readonly publication: PublicationRecord | undefined;
}

export function listedApiOf(
  api: GatewayApiRecord,
  stages: readonly ServedStage[],
): GatewayApiListed {
  const { id, app, name, routeCount, madeBy, createdAtMs, updatedAtMs } = api;
  return {
    ...{ id, app, name, routeCount },
    stages: stages.map(({ stage, publication }) => {
      const { name: called, follows } = stage;
      return { stage: called, publication: publication?.number ?? null, follows };
    }),
    ...{ madeBy, createdAt: timeOf(createdAtMs), updatedAt: timeOf(updatedAtMs) },
    etag: `"${api.version}"`,
  };
}

export function apiResourceOf(
  api: GatewayApiRecord,
  stages: readonly ServedStage[],
  routes: readonly Route[],
): GatewayApiResource {
  return { ...listedApiOf(api, stages), routes: [...routes] };
}

export function stageResourceOf(
  api: GatewayApiRecord,
  { stage, publication }: ServedStage,
  gatewayUrl: string,
): StageResource {
  const { name, qualifier, variables, follows, change } = stage;
  return {
    ...{ app: api.app, api: api.name, stage: name, urls: urlsOf(api, name, gatewayUrl) },
    ...{ qualifier, variables, follows },
    publication: publication === undefined ? null : publicationResourceOf(api, publication),
    etag: `"${change}"`,
  };
}

export function publicationResourceOf(
  { app, name: api }: GatewayApiRecord,
  publication: PublicationRecord,
): PublicationResource {
  const { stage, number, routeCount, qualifier, variables, reason, restores } = publication;
  return {
    ...{ app, api, stage, number, routeCount, qualifier, variables },
    ...{ from: publication.source, restores, reason },
    ...{ publishedBy: publication.keyId, at: timeOf(publication.atMs) },
  };
}

export function publicationContentOf(
  api: GatewayApiRecord,
  publication: PublicationRecord,
  routes: readonly Route[],
): PublicationContent {
  return { ...publicationResourceOf(api, publication), routes: [...routes] };
}

/** Both forms of URL of a stage, from the gateway's base URL. */
export function urlsOf(
  { app, name }: Pick<GatewayApiRecord, "app" | "name">,
  stage: string,
  gatewayUrl: string,
): string[] {
  const { protocol, host, port } = new URL(gatewayUrl);
  const suffix = `${STAGE_HOST_SUFFIX}${port === "" ? "" : `:${port}`}`;
  return [
    `${protocol}//${stage}.${name}.${app}${suffix}/`,
    `${protocol}//${host}/${STAGE_PATH_PREFIX}/${app}/${name}/${stage}/`,
  ];
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

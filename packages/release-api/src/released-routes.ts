/**
 * Which routes a release publishes, as it begins: those that are worked on, or what the stage
 * serves from which it goes on. They are kept from then on, and so are the settings with which the
 * stage is to serve them, whatever is deployed meanwhile. A stage that follows the draft has them
 * already, and is left alone.
 */
import type { AppId, ReleaseId } from "@skerry/base";
import { DRAFT, LIMITS, type Route } from "@skerry/contracts";
import {
  findPublication,
  findStage,
  holdRoutes,
  listApis,
  readRoutes,
  type GatewayApiRecord,
  type PublicationRecord,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { ReleasedRoutes } from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";
import { diffRoutes } from "./gateway-apis/diff-routes.ts";
import {
  absentVariables,
  assertFunctionsThere,
  assertVariables,
  isServed,
} from "./gateway-apis/publish-stage.ts";

export interface ReleasingRoutes {
  readonly appId: AppId;
  /** Through which it goes, in order. */
  readonly stages: readonly string[];
  /** Null: the draft's are published. */
  readonly fromStage: string | null;
}

/**
 * Each stage that gets other routes or settings, and each that is left out as there is nothing at
 * the stage from which it would get them. Throws as `publishStage` does.
 */
export function* releasedRoutes(
  tx: Tx,
  { appId, stages, fromStage }: ReleasingRoutes,
): TxStep<readonly ReleasedRoutes[]> {
  const limit = LIMITS.gatewayApisPerAppMax;
  const released: ReleasedRoutes[] = [];
  for (const api of yield* listApis(tx, { appId, after: "", limit })) {
    const next = yield* nextOf(tx, api, fromStage);
    for (const name of stages) {
      const stage = yield* findStage(tx, api, name);
      if (stage === undefined || stage.follows) continue;
      const one =
        next === undefined
          ? yield* leftOut(tx, { api, stage, fromStage })
          : yield* releasedTo(tx, { api, stage, next });
      if (one !== undefined) released.push(one);
    }
  }
  return released;
}

/** Keeps what it publishes, and that to which it may go back. */
export function* holdReleased(
  tx: Tx,
  id: ReleaseId,
  released: readonly ReleasedRoutes[],
): TxStep<void> {
  for (const { apiId, digest, former } of released) {
    for (const kept of [digest, ...(former === null ? [] : [former.digest])]) {
      yield* holdRoutes(tx, { apiId, digest: kept, holder: id });
    }
  }
}

interface Next {
  readonly digest: string;
  readonly source: string;
  readonly routes: readonly Route[];
}

/** Undefined when the stage from which it goes on serves nothing. */
function* nextOf(
  tx: Tx,
  api: GatewayApiRecord,
  fromStage: string | null,
): TxStep<Next | undefined> {
  const found =
    fromStage === null
      ? { digest: api.digest, source: DRAFT }
      : yield* servedAt(tx, api, yield* findStage(tx, api, fromStage));
  if (found === undefined) return undefined;
  return { ...found, routes: yield* readRoutes(tx, { apiId: api.id, digest: found.digest }) };
}

function* servedAt(
  tx: Tx,
  api: GatewayApiRecord,
  stage: StageRecord | undefined,
): TxStep<Omit<Next, "routes"> | undefined> {
  const serving = stage && (yield* servingOf(tx, api, stage));
  return serving && { digest: serving.digest, source: `${serving.stage}:${serving.number}` };
}

function servingOf(
  tx: Tx,
  api: GatewayApiRecord,
  { name: stage, publication: number }: StageRecord,
): TxStep<PublicationRecord | undefined> {
  return findPublication(tx, { apiId: api.id, stage, number });
}

/** Undefined: it serves just that. */
function* releasedTo(
  tx: Tx,
  of: { readonly api: GatewayApiRecord; readonly stage: StageRecord; readonly next: Next },
): TxStep<ReleasedRoutes | undefined> {
  const { api, stage, next } = of;
  const { digest, source, routes } = next;
  const { qualifier, variables } = stage;
  const serving = yield* servingOf(tx, api, stage);
  if (serving !== undefined && isServed(serving, { stage, digest })) return undefined;
  yield* assertFunctionsThere(tx, api, routes);
  const lacks = serving === undefined ? absentVariables(routes, stage) : [];
  if (lacks.length === 0) assertVariables(routes, stage);
  return {
    ...{ apiId: api.id, api: api.name, stage: stage.name, source, lacks },
    ...{ digest, qualifier, variables },
    former: serving === undefined ? null : formerOf(serving),
    ...{ expected: stage.publication, publication: stage.publication + 1 },
    state: lacks.length === 0 ? "ahead" : "skipped",
    difference: yield* differenceOf(tx, serving, of),
  };
}

/** It is named, and stays as it is. */
function* leftOut(
  tx: Tx,
  of: {
    readonly api: GatewayApiRecord;
    readonly stage: StageRecord;
    readonly fromStage: string | null;
  },
): TxStep<ReleasedRoutes> {
  const { api, stage, fromStage } = of;
  const { qualifier, variables } = stage;
  const serving = yield* servingOf(tx, api, stage);
  return {
    ...{ apiId: api.id, api: api.name, stage: stage.name, source: fromStage ?? DRAFT, lacks: [] },
    ...{ digest: serving?.digest ?? api.digest, qualifier, variables },
    former: serving === undefined ? null : formerOf(serving),
    ...{ expected: stage.publication, publication: stage.publication, state: "skipped" },
    difference: { added: 0, removed: 0, changed: 0, settings: false },
  };
}

function formerOf({ number, digest, qualifier, variables }: PublicationRecord) {
  return { number, digest, qualifier, variables };
}

function* differenceOf(
  tx: Tx,
  serving: PublicationRecord | undefined,
  of: { readonly api: GatewayApiRecord; readonly stage: StageRecord; readonly next: Next },
): TxStep<ReleasedRoutes["difference"]> {
  const { api, stage, next } = of;
  const isSame = serving?.digest === next.digest;
  const before = isSame
    ? next.routes
    : serving && (yield* readRoutes(tx, { apiId: api.id, digest: serving.digest }));
  const from = { routes: before ?? [], served: serving ?? null };
  const found = diffRoutes(from, { routes: next.routes, served: stage });
  const { added, removed, changed, qualifier, variables } = found;
  const settings = qualifier !== null || Object.values(variables).some(({ length }) => length > 0);
  const count = { added: added.length, removed: removed.length, changed: changed.length };
  return { ...count, settings };
}

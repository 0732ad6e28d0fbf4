/** Transactions on stages. Each is one commit with its entry, its history and its record. */
import type { ChangedStage, MadePublication } from "@skerry/api-schema";
import { DRAFT } from "@skerry/contracts";
import { readConfigSeq, removeConfig } from "@skerry/functions/catalogue";
import {
  failGatewayApi,
  findStage,
  forgetRoutes,
  purgesConfigKey,
  raiseFloor,
  removeStageRows,
  stageConfigKey,
  writeStage,
  type GatewayApiRecord,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { Tx, TxStep } from "@skerry/store";
import type { Done, Told } from "../recorded.ts";
import { assertStageTag, getApi, getStage } from "./found-gateway-api.ts";
import {
  assertNoDomains,
  resourceOf,
  setStage,
  type AskedSettings,
  type ChangeOfApi,
} from "./gateway-api-changes.ts";
import { getPublication, servedBy } from "./gateway-api-reads.ts";
import { publicationResourceOf, stageResourceOf } from "./gateway-api-resources.ts";
import { publishStage, type Published } from "./publish-stage.ts";

interface ChangeOfStage extends ChangeOfApi {
  readonly stage: string;
  readonly gatewayUrl: string;
  readonly ifChange: number | null;
}
type Made = Done & Told;
/** Who is behind is known once the commit was told. */
const UNTOLD: { readonly behind: string[] } = { behind: [] };

/**
 * Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND, STAGE_CHANGED, STAGES_LIMIT, STAGE_NAME_TAKEN, and
 * when it publishes what `publishStage` does.
 */
export function* putStage(
  tx: Tx,
  args: ChangeOfStage & {
    readonly asked: AskedSettings;
    readonly publish: boolean;
    readonly reason: string;
  },
): TxStep<Made> {
  const { stamp, asked, publish, reason, stage: name } = args;
  const api = yield* getApi(tx, { ...args, accountId: stamp.accountId });
  const before = yield* findStage(tx, api, name);
  assertStageTag(before ?? { name, change: 0 }, args.ifChange);
  const set = yield* setStage(tx, { api, name, asked });
  const serving = yield* servedBy(tx, api, set);
  const digest = set.follows ? api.digest : (serving?.digest ?? api.digest);
  const source = digest === serving?.digest ? `${name}:${serving.number}` : DRAFT;
  const done = publish
    ? yield* publishStage(tx, {
        ...{ api, stage: set, digest, source, restores: null, note: { ...stamp, reason } },
      })
    : null;
  const shown = { stage: done?.stage ?? set, publication: done?.publication ?? serving };
  return {
    answer: { ...stageResourceOf(api, shown, args.gatewayUrl), ...UNTOLD } satisfies ChangedStage,
    seq: done?.seq ?? (yield* readConfigSeq(tx)),
    ...{ action: "functions.deploy", resource: stageIn(args) },
    details: {
      ...{ operation: "putStage", qualifier: set.qualifier, follows: set.follows, reason },
      ...{ variables: Object.keys(set.variables), publication: done?.publication.number ?? null },
    },
  };
}

/** Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND, STAGE_NOT_FOUND, STAGE_CHANGED. */
export function* deleteStage(tx: Tx, args: ChangeOfStage): TxStep<Made> {
  const api = yield* getApi(tx, { ...args, accountId: args.stamp.accountId });
  const stage = yield* getStage(tx, api, args.stage);
  assertStageTag(stage, args.ifChange);
  yield* assertNoDomains(tx, api, stage.name);
  yield* removeStageRows(tx, api.id, stage.name);
  // A tag or number of the one that went must never be that of one that comes.
  const { change, publication, purge } = stage;
  yield* raiseFloor(tx, api.id, Math.max(change, publication, purge));
  yield* forgetRoutes(tx, api.id);
  yield* removeConfig(tx, stageConfigKey(api.id, stage.name));
  yield* removeConfig(tx, purgesConfigKey(api.id, stage.name));
  return {
    ...{ answer: null, seq: yield* readConfigSeq(tx) },
    ...{ action: "functions.delete", resource: stageIn(args) },
    details: { operation: "deleteStage", publication: stage.publication },
  };
}

interface CreatePublication extends ChangeOfStage {
  /** A stage whose routes are promoted; null: the draft's are published. */
  readonly from: string | null;
  /** A publication of the stage to whose state it goes back. */
  readonly restore: number | null;
  readonly qualifier: string | null;
  readonly variables: Readonly<Record<string, string>> | null;
  readonly reason: string;
  readonly dryRun: boolean;
}

/**
 * Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND, STAGE_NOT_FOUND, STAGE_CHANGED, STAGE_UNPUBLISHED,
 * PUBLICATION_NOT_FOUND, ROUTE_FUNCTIONS_MISSING, STAGE_VARIABLES_MISSING.
 */
export function* createPublication(tx: Tx, args: CreatePublication): TxStep<Made> {
  const { stamp, reason, dryRun } = args;
  const api = yield* getApi(tx, { ...args, accountId: stamp.accountId });
  const stage = yield* getStage(tx, api, args.stage);
  assertStageTag(stage, args.ifChange);
  const wanted = yield* wantedOf(tx, { api, stage, args });
  const note = { ...stamp, reason };
  const done = yield* publishStage(tx, { api, ...wanted, note, dryRun });
  const left = yield* leaveSettings(tx, { api, before: stage, done, dryRun });
  if (!dryRun) yield* forgetRoutes(tx, api.id);
  const { publication, isNew } = done;
  const answer: MadePublication = {
    ...{ ...publicationResourceOf(api, publication), isNew, etag: `"${left.change}"` },
    ...UNTOLD,
  };
  const { number, restores, source } = publication;
  return {
    ...{ answer, seq: done.seq, action: "functions.deploy", resource: stageIn(args) },
    details: { operation: "createPublication", number, isNew, restores, from: source, reason },
  };
}

type Wanted = Pick<Parameters<typeof publishStage>[1], "stage" | "digest" | "source" | "restores">;

function* wantedOf(
  tx: Tx,
  of: {
    readonly api: GatewayApiRecord;
    readonly stage: StageRecord;
    readonly args: CreatePublication;
  },
): TxStep<Wanted> {
  const { api, stage, args } = of;
  if (args.restore !== null) {
    const at = { stage: stage.name, number: args.restore };
    const { digest, qualifier, variables, number } = yield* getPublication(tx, api, at);
    const restored = { ...stage, qualifier, variables: { ...variables } };
    return { stage: restored, digest, source: null, restores: number };
  }
  const settings = {
    qualifier: args.qualifier ?? stage.qualifier,
    variables: { ...(args.variables ?? stage.variables) },
  };
  const next = { ...stage, ...settings };
  if (args.from === null) {
    return { stage: next, digest: api.digest, source: DRAFT, restores: null };
  }
  const promoted = yield* servedBy(tx, api, yield* getStage(tx, api, args.from));
  if (promoted === undefined) throw failGatewayApi("STAGE_UNPUBLISHED", { stage: args.from });
  const source = `${promoted.stage}:${promoted.number}`;
  return { stage: next, digest: promoted.digest, source, restores: null };
}

/** What is served already may still have come with settings that the stage did not have. */
function* leaveSettings(
  tx: Tx,
  of: {
    readonly api: GatewayApiRecord;
    readonly before: StageRecord;
    readonly done: Published;
    readonly dryRun: boolean;
  },
): TxStep<StageRecord> {
  const { api, before, done, dryRun } = of;
  if (done.isNew) return done.stage;
  const { qualifier, variables } = done.stage;
  const isSame =
    before.qualifier === qualifier &&
    JSON.stringify(before.variables) === JSON.stringify(variables);
  if (isSame) return before;
  const next = { ...done.stage, change: before.change + 1 };
  if (!dryRun) yield* writeStage(tx, api.id, next);
  return next;
}

function stageIn(args: ChangeOfStage): string {
  return `${resourceOf(args)}/stage/${args.stage}`;
}

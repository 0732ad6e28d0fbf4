/**
 * How a release of an app begins: every function is published, the routes that it takes along are
 * kept, and what was before it is noted.
 */
import type { AppId, ReleaseId } from "@skerry/base";
import type { ChangeStamp } from "@skerry/api-serving";
import { LIMITS } from "@skerry/contracts";
import {
  findAlias,
  getAlias,
  getVersion,
  listFunctions,
  numberRevision,
  pathOf,
  readConfigSeq,
  versionToBe,
  type AliasRecord,
  type FunctionRecord,
} from "@skerry/functions/catalogue";
import {
  failRelease,
  findOpenRelease,
  forgetReleases,
  insertRelease,
  isReplaced,
  newRelease,
  WHOLE,
  type HeldAlias,
  type ReleasedFunction,
  type ReleasedRoutes,
  type ReleasePlan,
  type ReleaseRecord,
} from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";
import { appOf } from "./app-releases.ts";
import type { Done, RecordChange } from "./recorded.ts";
import { releaseResourceOf } from "./release-resource.ts";
import { holdReleased, releasedRoutes } from "./released-routes.ts";

export interface CreateRelease {
  readonly stamp: ChangeStamp;
  readonly app: string;
  readonly freshId: ReleaseId;
  readonly plan: Omit<ReleasePlan, "first">;
  /** Publish nothing: what it leads to goes on. */
  readonly fromStage: string | null;
  /** Publish the routes of the app's gateway APIs with its stages. */
  readonly withApis: boolean;
  readonly isApproved: boolean;
  readonly description: string;
  readonly reason: string;
  /** Nothing is written. */
  readonly dryRun: boolean;
}

/** Releases of an app that ended, and are kept. */
const RELEASES_KEPT = 50;

/**
 * Makes a release, or says what it would be. Throws APP_NOT_FOUND, RELEASE_OPEN,
 * RELEASE_STAGE_UNKNOWN, RELEASE_ALIAS_DIVIDED, RELEASE_NOTHING_NEW, VERSIONS_LIMIT,
 * ROUTE_FUNCTIONS_MISSING, STAGE_VARIABLES_MISSING.
 */
export function createRelease(record: RecordChange) {
  return function* (tx: Tx, args: CreateRelease): TxStep<Done> {
    const { stamp, app, freshId: id, reason, dryRun } = args;
    const { accountId, keyId, atMs: madeMs } = stamp;
    const appId = yield* appOf(tx, { accountId, app });
    const open = yield* findOpenRelease(tx, appId);
    if (open !== undefined) throw releaseOpen(open);
    const functions = yield* releasedFunctions(tx, args);
    const plan = planOf(args, functions);
    const apis = yield* routesOf(tx, { ...args, appId }, plan);
    assertNews(args, functions, apis);
    const stand = newRelease(madeMs, args);
    const made = { id, accountId, appId, app, keyId, reason, plan, functions, apis, stand, madeMs };
    const shown = releaseResourceOf({ ...made, settledMs: null });
    if (dryRun) return { answer: { ...shown, id: "", state: "planned" }, seq: 0 };
    yield* insertRelease(tx, made);
    yield* holdReleased(tx, id, apis);
    yield* forgetReleases(tx, { appId, keep: RELEASES_KEPT });
    yield* record(tx, stamp, {
      ...{ action: "functions.deploy", resource: `app/${app}/release/${id}` },
      details: {
        ...{ operation: "createRelease", functions: shown.functions, places: shown.places },
        apis: shown.apis,
      },
      answer: () => shown,
    });
    return { answer: shown, seq: yield* readConfigSeq(tx) };
  };
}

/** For what the open release of an app does not allow. */
export function releaseOpen({ id, app, stand }: ReleaseRecord): ReturnType<typeof failRelease> {
  return failRelease("RELEASE_OPEN", { app, release: id, state: stand.state });
}

function planOf(
  { plan, fromStage }: CreateRelease,
  functions: readonly ReleasedFunction[],
): ReleasePlan {
  const first = fromStage === null ? 0 : plan.stages.indexOf(fromStage) + 1;
  // Where nobody is led elsewhere than before, there is nothing to share.
  const steps = functions.some(isReplaced) ? plan.steps : [WHOLE];
  return { ...plan, steps, first };
}

function* routesOf(
  tx: Tx,
  { appId, withApis, fromStage }: CreateRelease & { readonly appId: AppId },
  { stages, first }: ReleasePlan,
): TxStep<readonly ReleasedRoutes[]> {
  if (!withApis) return [];
  return yield* releasedRoutes(tx, { appId, stages: stages.slice(first), fromStage });
}

/** Throws RELEASE_NOTHING_NEW. */
function assertNews(
  { app, plan: { stages } }: CreateRelease,
  functions: readonly ReleasedFunction[],
  apis: readonly ReleasedRoutes[],
): void {
  const isNew = functions.some(({ from, to }) => from?.version !== to.version);
  const isRouted = apis.some(({ state }) => state === "ahead");
  if (isNew || isRouted) return;
  throw failRelease("RELEASE_NOTHING_NEW", { app, alias: stages.at(-1) ?? "" });
}

function* releasedFunctions(tx: Tx, args: CreateRelease): TxStep<readonly ReleasedFunction[]> {
  const { stamp, app, plan, fromStage } = args;
  const { stages } = plan;
  if (fromStage !== null && !stages.slice(0, -1).includes(fromStage)) {
    throw failRelease("RELEASE_STAGE_UNKNOWN", { stage: fromStage, stages: stages.join(", ") });
  }
  const limit = LIMITS.functionsPerAppMax;
  const all = yield* listFunctions(tx, { accountId: stamp.accountId, app, after: "", limit });
  const last = stages.at(-1) ?? "";
  const released: ReleasedFunction[] = [];
  for (const fn of all) {
    const to = yield* versionOf(tx, fn, args);
    const aliases: Record<string, HeldAlias> = {};
    for (const alias of stages) aliases[alias] = heldOf(yield* findAlias(tx, { fn, alias }));
    const former = aliases[last]?.former ?? null;
    if (former !== null && former.shares.length > 0) {
      throw failRelease("RELEASE_ALIAS_DIVIDED", { alias: `${pathOf(fn)}:${last}` });
    }
    const number = former?.version;
    const was = number === undefined ? null : yield* getVersion(tx, { fn, number });
    const from = was && { version: was.number, revisionId: was.revision.id };
    released.push({ id: fn.id, name: fn.name, to, from, aliases });
  }
  return released;
}

function heldOf(alias: AliasRecord | undefined): HeldAlias {
  return { former: alias?.target ?? null, change: alias?.change ?? 0 };
}

/** The version that is released of a function; published, unless it only is to be said. */
function* versionOf(
  tx: Tx,
  fn: FunctionRecord,
  { stamp, fromStage: alias, description, dryRun }: CreateRelease,
): TxStep<ReleasedFunction["to"]> {
  if (alias !== null) {
    const { target } = yield* getAlias(tx, { fn, alias });
    if (target.shares.length > 0) {
      throw failRelease("RELEASE_ALIAS_DIVIDED", { alias: `${pathOf(fn)}:${alias}` });
    }
    const { number, revision } = yield* getVersion(tx, { fn, number: target.version });
    return { version: number, revisionId: revision.id };
  }
  const revisionId = fn.latest.id;
  if (dryRun) return { version: yield* versionToBe(tx, { fn, revisionId }), revisionId };
  const { keyId, atMs: wallMs } = stamp;
  const { record } = yield* numberRevision(tx, { fn, revisionId, description, keyId, wallMs });
  return { version: record.number, revisionId };
}

/**
 * What a release does to the routes of gateway APIs: each stage that is led to the new versions as
 * a whole gets a publication, and on the way back one with the state of the former. All of it is in
 * the transaction that moves the aliases. An API or a stage that was removed meanwhile is left out.
 */
import {
  findApiById,
  findStage,
  writeStage,
  type GatewayApiRecord,
  type StageRecord,
} from "@skerry/gateway-apis";
import type { Move, ReleasedRoutes, ReleaseRecord, ServedRoutes } from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";
import {
  publishStage,
  unserveStage,
  type Published,
  type Publishing,
} from "./gateway-apis/publish-stage.ts";

type Releasing = Pick<ReleaseRecord, "apis">;
type Note = Publishing["note"];

interface There {
  readonly api: GatewayApiRecord;
  readonly stage: StageRecord;
}

/** Of the stages that are to be moved those that somebody else has published to, as API/STAGE. */
export function* takenStages(tx: Tx, { apis }: Releasing, move: Move): TxStep<readonly string[]> {
  const taken: string[] = [];
  for (const released of apis.filter((one) => isMoved(one, move))) {
    const there = yield* thereOf(tx, released);
    const { expected } = released;
    if (there === undefined || expected === null) continue;
    if (there.stage.publication !== expected) taken.push(nameOf(released));
  }
  return taken;
}

/**
 * Moves all but what is spared, by name. Throws ROUTE_FUNCTIONS_MISSING, STAGE_VARIABLES_MISSING,
 * on the way forward.
 */
export function* moveRoutes(
  tx: Tx,
  { apis }: Releasing,
  how: { readonly move: Move; readonly note: Note; readonly spared: readonly string[] },
): TxStep<readonly ReleasedRoutes[]> {
  const { move, note, spared } = how;
  const moved: ReleasedRoutes[] = [];
  for (const released of apis) {
    const there = isMoved(released, move) ? yield* thereOf(tx, released) : undefined;
    if (there === undefined) moved.push(released);
    else if (spared.includes(nameOf(released))) moved.push({ ...released, state: "taken" });
    else if (move.kind === "lead") moved.push(yield* publish(tx, released, { ...there, note }));
    else moved.push(yield* restore(tx, released, { ...there, note }));
  }
  return moved;
}

function nameOf({ api, stage }: ReleasedRoutes): string {
  return `${api}/${stage}`;
}

function isMoved({ stage, state }: ReleasedRoutes, move: Move): boolean {
  if (move.kind === "restore") return state === "published" && move.routesOf.includes(stage);
  return state === "ahead" && move.withRoutes && move.stage === stage;
}

function* thereOf(tx: Tx, { apiId, stage: name }: ReleasedRoutes): TxStep<There | undefined> {
  const api = yield* findApiById(tx, apiId);
  const stage = api && (yield* findStage(tx, api, name));
  return api && stage && { api, stage };
}

function* publish(
  tx: Tx,
  released: ReleasedRoutes,
  { api, stage, note }: There & { readonly note: Note },
): TxStep<ReleasedRoutes> {
  const { source } = released;
  const how = { api, stage, source, restores: null, note };
  const { publication } = yield* publishServed(tx, released, how);
  const { number } = publication;
  return { ...released, expected: number, publication: number, state: "published" };
}

function* restore(
  tx: Tx,
  released: ReleasedRoutes,
  { api, stage, note }: There & { readonly note: Note },
): TxStep<ReleasedRoutes> {
  const { former } = released;
  if (former === null) {
    const { publication: expected } = yield* unserveStage(tx, { api, stage });
    return { ...released, expected, state: "restored" };
  }
  const how = { api, stage, source: null, restores: former.number, note, isUnchecked: true };
  const { publication } = yield* publishServed(tx, former, how);
  return { ...released, expected: publication.number, state: "restored" };
}

/** Settings that were not published yet stay what they are. */
function* publishServed(
  tx: Tx,
  { digest, qualifier, variables }: ServedRoutes,
  how: Omit<Publishing, "digest">,
): TxStep<Published> {
  const { api, stage: set } = how;
  const stage = { ...set, qualifier, variables: { ...variables } };
  const done = yield* publishStage(tx, { ...how, stage, digest });
  const { qualifier: setQualifier, variables: setVariables } = set;
  const next = { ...done.stage, qualifier: setQualifier, variables: setVariables };
  yield* writeStage(tx, api.id, next);
  return done;
}

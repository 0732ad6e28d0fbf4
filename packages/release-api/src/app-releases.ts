/**
 * Transactions on releases of apps. A release moves on together with what it moves: the step, the
 * aliases of all functions, the routes of stages, their history, the config log and the audit
 * record are one commit, so that whoever is killed anywhere leaves the place before or the one
 * after. What somebody else has changed is left alone, and said: the release pauses instead of
 * going on, and goes back without it.
 */
import type { AppId, AuditId, KeyId, ReleaseId, RequestId } from "@skerry/base";
import type { ReleaseResource } from "@skerry/api-schema";
import type { ChangeStamp } from "@skerry/api-serving";
import { LIMITS } from "@skerry/contracts";
import {
  failCatalogue,
  findAppId,
  listFunctions,
  readConfigSeq,
  type FunctionRecord,
} from "@skerry/functions/catalogue";
import { letRoutesGo } from "@skerry/gateway-apis";
import {
  decide,
  dueReleases,
  failRelease,
  findRelease,
  isOpen,
  leaving,
  listReleasesOf,
  writeRelease,
  type Decision,
  type ReleaseEvent,
  type ReleaseRecord,
  type ReleaseTurn,
} from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";
import { moveReleased } from "./move-released.ts";
import type { Done, RecordChange } from "./recorded.ts";
import { releaseResourceOf } from "./release-resource.ts";

interface ReleaseOf {
  readonly stamp: ChangeStamp;
  readonly app: string;
  readonly id: ReleaseId;
}

/** A step of the platform itself. */
export interface ReleaseStep {
  readonly id: ReleaseId;
  readonly appId: AppId;
  /** As it was seen. */
  readonly version: number;
  readonly event: ReleaseEvent;
  readonly nowMs: number;
  readonly fresh: { readonly auditId: AuditId; readonly requestId: RequestId };
}

/** What came of a step; `overtaken`: it is not as it was seen any more, and nothing was written. */
export type SteppedRelease =
  | { readonly kind: "overtaken" }
  /** From that number of the config log on what it moved is in force; null: it moved nothing. */
  | { readonly kind: "stepped"; readonly seq: number | null };

/** Procedures of the module that has the catalogue's tables and those of releases. */
export function appReleaseChanges(record: RecordChange) {
  return {
    /** Throws RELEASE_NOT_FOUND, RELEASE_ENDED, RELEASE_CHANGED. */
    *turnRelease(
      tx: Tx,
      args: ReleaseOf & {
        readonly turn: ReleaseTurn;
        readonly withoutSamples: boolean;
        readonly ifChange: number | null;
      },
    ): TxStep<Done> {
      const { stamp, turn, withoutSamples } = args;
      const found = yield* named(tx, { ...args, accountId: stamp.accountId });
      assertMay(found, args);
      const { atMs: nowMs } = stamp;
      const event = { kind: turn, withoutSamples };
      const { next } = yield* advance(tx, found, { event, nowMs, auditId: stamp.id });
      const answer = releaseResourceOf(next);
      yield* record(tx, stamp, {
        ...toldOf(found, `${turn}Release`, next),
        answer: () => answer,
      });
      return { answer, seq: yield* readConfigSeq(tx) };
    },

    *stepRelease(tx: Tx, args: ReleaseStep): TxStep<SteppedRelease> {
      const { id, appId, version, event, nowMs, fresh } = args;
      const found = yield* findRelease(tx, { appId, id });
      if (found === undefined || found.version !== version || !isOpen(found.stand)) {
        return { kind: "overtaken" };
      }
      const { auditId, requestId } = fresh;
      const { next, isMoved } = yield* advance(tx, found, { event, nowMs, auditId });
      if (!isMoved && isOpen(next.stand)) return { kind: "stepped", seq: null };
      const { accountId, keyId } = found;
      const stamp = { id: auditId, accountId, keyId, requestId, atMs: nowMs, claim: null };
      yield* record(tx, stamp, toldOf(found, "stepRelease", next));
      return { kind: "stepped", seq: isMoved ? yield* readConfigSeq(tx) : null };
    },
  } as const;
}
export type AppReleaseChanges = ReturnType<typeof appReleaseChanges>;

interface Advanced {
  readonly next: ReleaseRecord;
  readonly isMoved: boolean;
}

/** Decides, moves and writes. */
function* advance(
  tx: Tx,
  found: ReleaseRecord,
  by: { readonly event: ReleaseEvent; readonly nowMs: number; readonly auditId: AuditId },
): TxStep<Advanced> {
  const { event, nowMs } = by;
  if (!isOpen(found.stand)) return { next: found, isMoved: false };
  const released =
    event.kind === "resume" && found.stand.state === "paused" ? unpinned(found) : found;
  const there = yield* functionsThere(tx, found);
  const isGone = found.functions.length > 0 && there.length === 0;
  const { next, move } = isGone ? gone(found, nowMs) : decide(found.stand, found.plan, by);
  if (move === null) return yield* write(tx, { ...released, stand: next }, nowMs);
  const note = noteOf(found, next, by);
  const moved = yield* moveReleased(tx, released, { move, there, note });
  if (moved.kind === "moved") {
    const { functions, apis, left } = moved;
    const kept = { ...released, functions, apis, stand: leaving(next, left) };
    return { ...(yield* write(tx, kept, nowMs)), isMoved: true };
  }
  const stuck = decide(found.stand, found.plan, { event: moved, nowMs });
  return yield* write(tx, { ...released, stand: stuck.next }, nowMs);
}

const GONE = "Every function that it released was removed.";
const REASON_MAX = 500;

function gone({ stand, plan }: ReleaseRecord, nowMs: number): Decision {
  const { next, move } = decide(stand, plan, { event: { kind: "abort" }, nowMs });
  return { next: { ...next, why: GONE }, move };
}

function noteOf(
  { id, keyId }: { readonly id: ReleaseId; readonly keyId: KeyId },
  { why, state }: ReleaseRecord["stand"],
  { nowMs, auditId }: { readonly nowMs: number; readonly auditId: AuditId },
) {
  const how = state === "running" ? "" : `: ${state === "aborted" ? "aborted" : "rolled back"}`;
  const reason = `Release ${id}${how}${why === null ? "" : `. ${why}`}`.slice(0, REASON_MAX);
  return { keyId, reason, auditId, wallMs: nowMs };
}

function* write(tx: Tx, record: ReleaseRecord, nowMs: number): TxStep<Advanced> {
  const isWritten = yield* writeRelease(tx, { record, nowMs });
  if (!isWritten) throw failRelease("RELEASE_CHANGED", { release: record.id, actual: "another" });
  const settledMs = isOpen(record.stand) ? null : (record.settledMs ?? nowMs);
  if (settledMs !== null) yield* letRoutesGo(tx, record.id);
  return { next: { ...record, version: record.version + 1, settledMs }, isMoved: false };
}

/** Whatever its aliases and stages are by now, they are the release's again. */
function unpinned(record: ReleaseRecord): ReleaseRecord {
  const functions = record.functions.map((fn) => ({
    ...fn,
    aliases: Object.fromEntries(
      Object.entries(fn.aliases).map(([stage, held]) => [stage, { ...held, change: null }]),
    ),
  }));
  const apis = record.apis.map((one) => ({ ...one, expected: null }));
  return { ...record, functions, apis };
}

function* functionsThere(
  tx: Tx,
  { accountId, app, functions }: ReleaseRecord,
): TxStep<readonly FunctionRecord[]> {
  const limit = LIMITS.functionsPerAppMax;
  const all = yield* listFunctions(tx, { accountId, app, after: "", limit });
  const released = new Set(functions.map(({ id }) => id));
  return all.filter(({ id }) => released.has(id));
}

function toldOf({ app, id }: ReleaseRecord, operation: string, { stand }: ReleaseRecord) {
  const { state, place, why } = stand;
  return {
    action: "functions.deploy",
    resource: `app/${app}/release/${id}`,
    details: { operation, state, place, why },
  } as const;
}

function assertMay(
  { id, stand }: ReleaseRecord,
  { turn, ifChange }: { readonly turn: ReleaseTurn; readonly ifChange: number | null },
): void {
  const { change: actual, state } = stand;
  if (ifChange !== null && ifChange !== actual) {
    throw failRelease("RELEASE_CHANGED", { release: id, actual: `"${actual}"` });
  }
  const isThere = turn === "abort" && state === "aborted";
  if (!isOpen(stand) && !isThere) throw failRelease("RELEASE_ENDED", { release: id, state });
}

interface Named {
  readonly accountId: ChangeStamp["accountId"];
  readonly app: string;
  readonly id: ReleaseId;
}

function* named(tx: Tx, { accountId, app, id }: Named): TxStep<ReleaseRecord> {
  const appId = yield* appOf(tx, { accountId, app });
  const found = yield* findRelease(tx, { appId, id });
  if (found === undefined) throw failRelease("RELEASE_NOT_FOUND", { app, release: id });
  return found;
}

/** Throws APP_NOT_FOUND. */
export function* appOf(
  tx: Tx,
  { accountId, app }: { readonly accountId: ChangeStamp["accountId"]; readonly app: string },
): TxStep<AppId> {
  const appId = yield* findAppId(tx, { accountId, name: app });
  if (appId === undefined) throw failCatalogue("APP_NOT_FOUND", { app });
  return appId;
}

/** Throws APP_NOT_FOUND, RELEASE_NOT_FOUND. */
function* oneRelease(tx: Tx, args: Named): TxStep<ReleaseResource> {
  return releaseResourceOf(yield* named(tx, args));
}

/** Newest first, one more than `limit` when there are more. Throws APP_NOT_FOUND. */
function* releasePage(
  tx: Tx,
  args: Omit<Named, "id"> & { readonly before: string | null; readonly limit: number },
): TxStep<readonly ReleaseResource[]> {
  const appId = yield* appOf(tx, args);
  return (yield* listReleasesOf(tx, { ...args, appId })).map(releaseResourceOf);
}

export const APP_RELEASE_READS = { oneRelease, releasePage, dueReleases } as const;

/**
 * Releases as they lie in the store. `stand` changes with each look, `functions` and `apis` with
 * each move; they are JSON that only this package reads. A row goes with its app.
 */
import type {
  AccountId,
  AppId,
  FunctionId,
  GatewayApiId,
  KeyId,
  ReleaseId,
  RevisionId,
} from "@skerry/base";
import { versionsOfAlias, type AliasTarget } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { isOpen, LOOK_MS_MAX, type Release } from "./decide.ts";
import type { ReleasePlan } from "./plan.ts";

export const RELEASE_TABLES: readonly string[] = [
  `CREATE TABLE app_releases (
    id @text PRIMARY KEY, account_id @text NOT NULL, app_id @text NOT NULL, app @text NOT NULL,
    key_id @text NOT NULL, reason @text NOT NULL, plan @text NOT NULL, functions @text NOT NULL,
    stand @text NOT NULL, version @integer NOT NULL, due_ms @integer, made_ms @integer NOT NULL,
    settled_ms @integer)`,
  "CREATE INDEX app_releases_by_app ON app_releases (app_id, id)",
  "CREATE UNIQUE INDEX app_releases_open ON app_releases (app_id) WHERE settled_ms IS NULL",
  "CREATE INDEX app_releases_due ON app_releases (due_ms, id) WHERE due_ms IS NOT NULL",
];

/** What releases that move routes need beside it. */
export const RELEASE_ROUTES_COLUMN = "ALTER TABLE app_releases ADD COLUMN apis @text";

/** How one alias stands to a release. */
export interface HeldAlias {
  /** Where it led before; null: there was none. */
  readonly former: AliasTarget | null;
  /** The change as which it is expected, 0 for none; null: whichever it is. */
  readonly change: number | null;
}

/** One function of the app that is released. */
export interface ReleasedFunction {
  readonly id: FunctionId;
  readonly name: string;
  readonly to: { readonly version: number; readonly revisionId: RevisionId };
  /** To which the last stage led; null when it had no such alias. */
  readonly from: { readonly version: number; readonly revisionId: RevisionId } | null;
  /** By stage. */
  readonly aliases: Readonly<Record<string, HeldAlias>>;
}

/** Routes, and what a stage of a gateway API serves them with. */
export interface ServedRoutes {
  readonly digest: string;
  readonly qualifier: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** What a stage served before a release. */
export interface FormerRoutes extends ServedRoutes {
  /** Of the publication. */
  readonly number: number;
}

/**
 * Routes that a release publishes to one stage of a gateway API; they are kept for it while it is
 * open.
 */
export interface ReleasedRoutes extends ServedRoutes {
  readonly apiId: GatewayApiId;
  readonly api: string;
  readonly stage: string;
  /** Where they are from: `draft`, `STAGE:NUMBER`, or a `STAGE` that serves nothing: skipped. */
  readonly source: string;
  /** Null: the stage served nothing. */
  readonly former: FormerRoutes | null;
  /** The number up to which publications of the stage are expected; null: whichever it is. */
  readonly expected: number | null;
  /** The number that its publication got, or gets when nobody else publishes. */
  readonly publication: number;
  /** `taken`: it went back, and left the stage to somebody who had published there meanwhile. */
  readonly state: "ahead" | "published" | "restored" | "taken" | "skipped";
  /** Variables that the routes name, and which the stage that served nothing lacks: skipped. */
  readonly lacks: readonly string[];
  readonly difference: {
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
    /** Its qualifier or its variables are others. */
    readonly settings: boolean;
  };
}

/** One release, as it lies there. */
export interface ReleaseRecord {
  readonly id: ReleaseId;
  readonly accountId: AccountId;
  readonly appId: AppId;
  readonly app: string;
  /** Who asked for it. */
  readonly keyId: KeyId;
  readonly reason: string;
  readonly plan: ReleasePlan;
  readonly functions: readonly ReleasedFunction[];
  readonly apis: readonly ReleasedRoutes[];
  readonly stand: Release;
  /** Goes up with each write. */
  readonly version: number;
  readonly madeMs: number;
  readonly settledMs: number | null;
}

interface ReleaseRow {
  readonly id: ReleaseId;
  readonly account_id: AccountId;
  readonly app_id: AppId;
  readonly app: string;
  readonly key_id: KeyId;
  readonly reason: string;
  readonly plan: string;
  readonly functions: string;
  /** Null: of before routes went along. */
  readonly apis: string | null;
  readonly stand: string;
  readonly version: number;
  readonly made_ms: number;
  readonly settled_ms: number | null;
}

const COLUMNS = `id, account_id, app_id, app, key_id, reason, plan, functions, apis, stand, version,
  made_ms, settled_ms`;

/** Writes one that was just made. The app must have none that is open. */
export function* insertRelease(
  tx: Tx,
  record: Omit<ReleaseRecord, "version" | "settledMs">,
): TxStep<void> {
  const { id, accountId, appId, app, keyId, reason, plan, functions, stand, madeMs } = record;
  const moved = [JSON.stringify(functions), JSON.stringify(record.apis)];
  yield* tx.run(
    `INSERT INTO app_releases (${COLUMNS}, due_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, NULL, ?)`,
    [
      ...[id, accountId, appId, app, keyId, reason, JSON.stringify(plan)],
      ...[...moved, JSON.stringify(stand), madeMs, dueOf(stand)],
    ],
  );
}

/** The one of an app that is open. */
export function* findOpenRelease(tx: Tx, appId: AppId): TxStep<ReleaseRecord | undefined> {
  const row = yield* tx.get<ReleaseRow>(
    `SELECT ${COLUMNS} FROM app_releases WHERE app_id = ? AND settled_ms IS NULL`,
    [appId],
  );
  return row && recordOf(row);
}

/** Whether callers of the last stage met another version of it. */
export function isReplaced({ from, to }: Pick<ReleasedFunction, "from" | "to">): boolean {
  return from !== null && from.version !== to.version;
}

/** Whether it may have an alias of the function lead to that version, going on or back. */
export function mayLeadTo(
  { functions }: Pick<ReleaseRecord, "functions">,
  version: { readonly functionId: FunctionId; readonly number: number },
): boolean {
  const { functionId, number } = version;
  const released = functions.find(({ id }) => id === functionId);
  if (released === undefined) return false;
  const formers = Object.values(released.aliases).flatMap(({ former }) => former ?? []);
  return released.to.version === number || formers.flatMap(versionsOfAlias).includes(number);
}

/** Undefined when the app has no such release. */
export function* findRelease(
  tx: Tx,
  { appId, id }: { readonly appId: AppId; readonly id: ReleaseId },
): TxStep<ReleaseRecord | undefined> {
  const row = yield* tx.get<ReleaseRow>(
    `SELECT ${COLUMNS} FROM app_releases WHERE app_id = ? AND id = ?`,
    [appId, id],
  );
  return row && recordOf(row);
}

/** Those of an app before `before`, newest first; one more than `limit` when there are more. */
export function* listReleasesOf(
  tx: Tx,
  args: { readonly appId: AppId; readonly before: string | null; readonly limit: number },
): TxStep<readonly ReleaseRecord[]> {
  const { appId, before, limit } = args;
  const rows = yield* tx.all<ReleaseRow>(
    `SELECT ${COLUMNS} FROM app_releases WHERE app_id = ?${before === null ? "" : " AND id < ?"}
     ORDER BY id DESC LIMIT ?`,
    [appId, ...(before === null ? [] : [before]), limit + 1],
  );
  return rows.map(recordOf);
}

export interface DueReleases {
  readonly releases: readonly ReleaseRecord[];
  /** When one that is not due will be; null when there is none. */
  readonly nextDueMs: number | null;
}

/** Those of all apps that have something to do, the longest due first. */
export function* dueReleases(
  tx: Tx,
  { nowMs, rowsMax }: { readonly nowMs: number; readonly rowsMax: number },
): TxStep<DueReleases> {
  // No look is put off so long: such a time is of a clock that was set back since.
  const strangeMs = nowMs + LOOK_MS_MAX;
  const rows = yield* tx.all<ReleaseRow>(
    `SELECT ${COLUMNS} FROM app_releases
     WHERE due_ms IS NOT NULL AND (due_ms <= ? OR due_ms > ?) ORDER BY due_ms, id LIMIT ?`,
    [nowMs, strangeMs, rowsMax],
  );
  const next = yield* tx.get<{ due: number | null }>(
    "SELECT MIN(due_ms) AS due FROM app_releases WHERE due_ms > ? AND due_ms <= ?",
    [nowMs, strangeMs],
  );
  return { releases: rows.map(recordOf), nextDueMs: next?.due ?? null };
}

/** Writes how a release stands now; false when it is not as it was read any more. */
export function* writeRelease(
  tx: Tx,
  { record, nowMs }: { readonly record: ReleaseRecord; readonly nowMs: number },
): TxStep<boolean> {
  const { id, version, stand, functions, apis } = record;
  const written = yield* tx.run(
    `UPDATE app_releases SET version = version + 1, stand = ?, functions = ?, apis = ?,
       due_ms = ?, settled_ms = ? WHERE id = ? AND version = ?`,
    [
      ...[JSON.stringify(stand), JSON.stringify(functions), JSON.stringify(apis)],
      ...[dueOf(stand), isOpen(stand) ? null : nowMs, id, version],
    ],
  );
  return written === 1;
}

/** Forgets those of an app that ended, but for the last so many. */
export function* forgetReleases(
  tx: Tx,
  { appId, keep }: { readonly appId: AppId; readonly keep: number },
): TxStep<void> {
  yield* tx.run(
    `DELETE FROM app_releases WHERE app_id = ? AND settled_ms IS NOT NULL AND id NOT IN
      (SELECT id FROM app_releases WHERE app_id = ? ORDER BY id DESC LIMIT ?)`,
    [appId, appId, keep],
  );
}

/** Forgets all releases of an app that is being removed. */
export function* removeReleasesOf(tx: Tx, appId: AppId): TxStep<void> {
  yield* tx.run("DELETE FROM app_releases WHERE app_id = ?", [appId]);
}

function dueOf({ state, nextMs }: Release): number | null {
  return state === "running" ? Math.ceil(nextMs) : null;
}

function recordOf(row: ReleaseRow): ReleaseRecord {
  const { id, app, reason, version } = row;
  return {
    ...{ id, accountId: row.account_id, appId: row.app_id, app, keyId: row.key_id, reason },
    plan: JSON.parse(row.plan) as ReleasePlan,
    functions: JSON.parse(row.functions) as readonly ReleasedFunction[],
    apis: row.apis === null ? [] : (JSON.parse(row.apis) as readonly ReleasedRoutes[]),
    stand: JSON.parse(row.stand) as Release,
    ...{ version, madeMs: row.made_ms, settledMs: row.settled_ms },
  };
}

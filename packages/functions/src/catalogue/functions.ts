/**
 * Functions and their revisions. A revision is identified by (function, source, configuration,
 * artefact): activating the same again finds it instead of making another, so that every step of a
 * deployment may be repeated.
 */
import type { AccountId, AppId, FunctionId, RevisionId } from "@skerry/base";
import {
  failFunction,
  LIMITS,
  type FunctionConfig,
  type FunctionEntry,
  type HandlerKind,
  type RevisionEntry,
} from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { removeAliasesOf } from "./aliases.ts";
import { findAppId } from "./apps.ts";
import { renewCode } from "./code-marks.ts";
import { changedKeys, configIdentity } from "./config-identity.ts";
import { failCatalogue } from "./errors.ts";
import { keepName } from "./former-names.ts";
import { REVISION_COLUMNS, revisionOf, type RevisionColumns } from "./revision-rows.ts";
import { sourcesOf } from "./sources.ts";
import { removeVersionsOf } from "./versions.ts";

export interface FunctionRecord {
  readonly id: FunctionId;
  readonly accountId: AccountId;
  readonly appId: AppId;
  readonly app: string;
  readonly name: string;
  readonly latest: RevisionEntry;
  /** Counts the writes of this function. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** What a deployment wants one function to be. */
export interface WantedFunction {
  readonly name: string;
  readonly sourceDigest: string;
  readonly config: FunctionConfig;
  /** Moves to the runtime build of now, also when nothing else changes. */
  readonly runtimeLatest?: boolean | undefined;
}

export interface PlannedFunction {
  readonly name: string;
  readonly change: "create" | "change" | "same";
  /** `code`, `runtimeBuild` and names of configuration keys; empty unless `change`. */
  readonly changes: readonly string[];
  /** The revision in force, null when there is none. */
  readonly revisionId: RevisionId | null;
}

interface FunctionRow extends RevisionColumns {
  readonly id: FunctionId;
  readonly account_id: AccountId;
  readonly app_id: AppId;
  readonly app: string;
  readonly name: string;
  readonly version: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

const SELECT = `SELECT f.id AS id, f.account_id AS account_id, f.app_id AS app_id, a.name AS app,
  f.name AS name, f.version AS version, f.created_at_ms AS created_at_ms,
  f.updated_at_ms AS updated_at_ms, ${REVISION_COLUMNS}
  FROM functions f JOIN apps a ON a.id = f.app_id JOIN revisions r ON r.id = f.latest_revision_id`;

/**
 * Compares what is wanted with what is in force. Throws APP_FUNCTIONS_LIMIT when the app would grow
 * too large.
 */
export function* planFunctions(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly wanted: readonly WantedFunction[];
  },
): TxStep<readonly PlannedFunction[]> {
  const rows = yield* tx.all<FunctionRow>(`${SELECT} WHERE a.account_id = ? AND a.name = ?`, [
    args.accountId,
    args.app,
  ]);
  const existing = new Map(rows.map((row) => [row.name, recordOf(row)]));
  const planned = args.wanted.map((wanted) => planOne(wanted, existing.get(wanted.name)));
  const functions = existing.size + planned.filter(({ change }) => change === "create").length;
  if (functions > LIMITS.functionsPerAppMax) {
    const functionsMax = LIMITS.functionsPerAppMax;
    throw failCatalogue("APP_FUNCTIONS_LIMIT", { app: args.app, functions, functionsMax });
  }
  return planned;
}

function layersJson({ config: { layers = [] } }: WantedFunction): string | null {
  return layers.length === 0 ? null : JSON.stringify(layers);
}

function planOne(wanted: WantedFunction, existing: FunctionRecord | undefined): PlannedFunction {
  const { name } = wanted;
  if (existing === undefined) return { name, change: "create", changes: [], revisionId: null };
  const { latest } = existing;
  const code = latest.sourceDigest === wanted.sourceDigest ? [] : ["code"];
  const runtime = wanted.runtimeLatest === true ? ["runtimeBuild"] : [];
  const changes = [...code, ...runtime, ...changedKeys(latest.config, wanted.config)];
  return { name, change: changes.length > 0 ? "change" : "same", changes, revisionId: latest.id };
}

/** One built function, ready to be put in force. */
export interface RevisionActivation {
  readonly accountId: AccountId;
  readonly appId: AppId;
  readonly app: string;
  readonly wanted: WantedFunction;
  readonly artefactKey: string;
  readonly handlerKind: HandlerKind;
  readonly runtimeBuild: string;
  /** Taken by what does not exist yet. */
  readonly freshFunctionId: FunctionId;
  readonly freshRevisionId: RevisionId;
  readonly wallMs: number;
}

/**
 * Makes the revision the function's latest; makes function and revision where there are none.
 * Returns the entry for the config log, or undefined when that revision was in force already.
 */
export function* activateRevision(
  tx: Tx,
  args: RevisionActivation,
): TxStep<{ readonly revisionId: RevisionId; readonly entry: FunctionEntry | undefined }> {
  const { appId, wanted, wallMs } = args;
  const before = yield* tx.get<{ id: FunctionId; latest_revision_id: RevisionId }>(
    "SELECT id, latest_revision_id FROM functions WHERE app_id = ? AND name = ?",
    [appId, wanted.name],
  );
  const id = before?.id ?? args.freshFunctionId;
  const latest = yield* ensureRevision(tx, { ...args, functionId: id });
  if (before?.latest_revision_id === latest.id) return { revisionId: latest.id, entry: undefined };
  yield* tx.run(
    `INSERT INTO functions
       (id, account_id, app_id, name, latest_revision_id, version, created_at_ms, updated_at_ms)
     VALUES (?, ?, ?, ?, ?, 1, ?, ?)
     ON CONFLICT (app_id, name) DO UPDATE SET latest_revision_id = excluded.latest_revision_id,
       version = functions.version + 1, updated_at_ms = excluded.updated_at_ms`,
    [id, args.accountId, appId, wanted.name, latest.id, wallMs, wallMs],
  );
  const { accountId, app } = args;
  const entry = { kind: "function", id, accountId, appId, app, name: wanted.name, latest } as const;
  return { revisionId: latest.id, entry };
}

function* ensureRevision(
  tx: Tx,
  args: RevisionActivation & { readonly functionId: FunctionId },
): TxStep<RevisionEntry> {
  const { wanted, artefactKey, functionId } = args;
  const { json, hash } = configIdentity(wanted.config);
  yield* tx.run(
    `INSERT INTO revisions (id, function_id, source_digest, config_hash, config_json, artefact_key,
       handler_kind, runtime_build, created_at_ms, in_force_at_ms, layers)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (function_id, source_digest, config_hash, artefact_key)
     DO UPDATE SET in_force_at_ms = excluded.in_force_at_ms`,
    [
      ...[args.freshRevisionId, functionId, wanted.sourceDigest, hash, json, artefactKey],
      ...[args.handlerKind, args.runtimeBuild, args.wallMs, args.wallMs, layersJson(wanted)],
    ],
  );
  yield* renewCode(tx, { names: [...sourcesOf([wanted]), artefactKey] });
  const row = yield* tx.get<
    Pick<FunctionRow, "handler_kind" | "runtime_build" | "created_at_ms" | "id">
  >(
    `SELECT id, handler_kind, runtime_build, created_at_ms FROM revisions
     WHERE function_id = ? AND source_digest = ? AND config_hash = ? AND artefact_key = ?`,
    [functionId, wanted.sourceDigest, hash, artefactKey],
  );
  return {
    id: (row?.id ?? args.freshRevisionId) as string as RevisionId,
    sourceDigest: wanted.sourceDigest,
    artefactKey,
    handlerKind: row?.handler_kind ?? args.handlerKind,
    runtimeBuild: row?.runtime_build ?? args.runtimeBuild,
    config: wanted.config,
    createdWallMs: row?.created_at_ms ?? args.wallMs,
  };
}

/** Names one function as users do. */
export interface FunctionName {
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
}

/** Throws FUNCTION_NOT_FOUND. */
export function* getFunction(tx: Tx, args: FunctionName): TxStep<FunctionRecord> {
  const row = yield* tx.get<FunctionRow>(
    `${SELECT} WHERE a.account_id = ? AND a.name = ? AND f.name = ?`,
    [args.accountId, args.app, args.name],
  );
  if (row === undefined) {
    throw failFunction("FUNCTION_NOT_FOUND", { function: `${args.app}/${args.name}` });
  }
  return recordOf(row);
}

/**
 * Functions of an app by name from `after` on, one more than `limit` when there are more. Throws
 * APP_NOT_FOUND.
 */
export function* listFunctions(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly after: string;
    readonly limit: number;
  },
): TxStep<readonly FunctionRecord[]> {
  const appId = yield* findAppId(tx, { accountId: args.accountId, name: args.app });
  if (appId === undefined) throw failCatalogue("APP_NOT_FOUND", { app: args.app });
  const rows = yield* tx.all<FunctionRow>(
    `${SELECT} WHERE f.app_id = ? AND f.name > ? ORDER BY f.name LIMIT ?`,
    [appId, args.after, args.limit + 1],
  );
  return rows.map(recordOf);
}

/**
 * Removes a function and its revisions, versions and aliases, the latter two also from the config
 * log. With `ifVersion` only that version, else FUNCTION_CHANGED.
 */
export function* deleteFunctionRows(
  tx: Tx,
  args: FunctionName & { readonly ifVersion: number | null },
): TxStep<FunctionRecord> {
  const found = yield* getFunction(tx, args);
  assertFunctionVersion(found, args.ifVersion);
  yield* removeAliasesOf(tx, found.id);
  yield* removeVersionsOf(tx, found.id);
  yield* tx.run("DELETE FROM revisions WHERE function_id = ?", [found.id]);
  yield* tx.run("DELETE FROM functions WHERE id = ?", [found.id]);
  yield* keepName(tx, { id: found.id, ...args });
  return found;
}

/** Null is any. Throws FUNCTION_CHANGED. */
export function assertFunctionVersion(
  { app, name, version: actual }: FunctionRecord,
  expected: number | null,
): void {
  if (expected === null || expected === actual) return;
  throw failCatalogue("FUNCTION_CHANGED", { function: `${app}/${name}`, actual, expected });
}

/** Which of these functions belong to the account. */
export function* ownedFunctions(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly ids: readonly FunctionId[] },
): TxStep<readonly FunctionId[]> {
  if (args.ids.length === 0) return [];
  const rows = yield* tx.all<{ id: FunctionId }>(
    `SELECT id FROM functions WHERE account_id = ? AND id IN (${args.ids.map(() => "?").join(", ")})`,
    [args.accountId, ...args.ids],
  );
  return rows.map((row) => row.id);
}

/**
 * Functions and versions (`FN:NUMBER`) that are given the secret of that name: of the app, or of
 * the whole account (null).
 */
export function* functionsWithSecret(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string | null; readonly secret: string },
): TxStep<readonly { readonly app: string; readonly name: string }[]> {
  const confined = args.app === null ? "" : "AND a.name = ?";
  const within = [args.accountId, ...(args.app === null ? [] : [args.app])];
  const latest = yield* tx.all<{ app: string; name: string; config_json: string }>(
    `SELECT a.name AS app, f.name AS name, r.config_json AS config_json FROM functions f
     JOIN apps a ON a.id = f.app_id JOIN revisions r ON r.id = f.latest_revision_id
     WHERE f.account_id = ? ${confined} ORDER BY a.name, f.name`,
    within,
  );
  const numbered = yield* tx.all<{ app: string; name: string; config_json: string }>(
    `SELECT a.name AS app, f.name || ':' || v.number AS name, r.config_json AS config_json
     FROM function_versions v JOIN functions f ON f.id = v.function_id
     JOIN apps a ON a.id = f.app_id JOIN revisions r ON r.id = v.revision_id
     WHERE f.account_id = ? ${confined} ORDER BY a.name, f.name, v.number`,
    within,
  );
  const names = (row: { readonly config_json: string }): readonly string[] =>
    Object.values((JSON.parse(row.config_json) as FunctionConfig).secrets ?? {});
  const users = [...latest, ...numbered].filter((row) => names(row).includes(args.secret));
  return users.map(({ app, name }) => ({ app, name }));
}

/** What a function is called. */
export interface NamedFunction {
  readonly id: FunctionId;
  readonly app: string;
  readonly name: string;
}

const IDS_PER_STATEMENT = 500;

/** Names of those functions that are there and belong to the account, the oldest first. */
export function* namesOfFunctions(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly ids: readonly FunctionId[] },
): TxStep<readonly NamedFunction[]> {
  const found: NamedFunction[] = [];
  const ids = args.ids.toSorted();
  for (let at = 0; at < ids.length; at += IDS_PER_STATEMENT) {
    const some = ids.slice(at, at + IDS_PER_STATEMENT);
    const rows = yield* tx.all<{ id: FunctionId; app: string; name: string }>(
      `SELECT f.id, a.name AS app, f.name FROM functions f JOIN apps a ON a.id = f.app_id
       WHERE f.account_id = ? AND f.id IN (${some.map(() => "?").join(", ")}) ORDER BY f.id`,
      [args.accountId, ...some],
    );
    found.push(...rows.map(({ id, app, name }) => ({ id, app, name })));
  }
  return found;
}

function recordOf(row: FunctionRow): FunctionRecord {
  return {
    id: row.id,
    accountId: row.account_id,
    appId: row.app_id,
    app: row.app,
    name: row.name,
    version: row.version,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
    latest: revisionOf(row),
  };
}

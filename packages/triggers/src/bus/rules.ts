/** Rules as their owners see and set them. */
import { assert, type AccountId, type FunctionId, type RuleId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import type { Change, Named, OfApp } from "../named-in-app.ts";
import { failBus } from "./errors.ts";
import type { RuleRecord, RuleSpec } from "./tables.ts";

interface RuleRow {
  readonly id: RuleRecord["id"];
  readonly account_id: RuleRecord["accountId"];
  readonly app: string;
  readonly name: string;
  readonly pattern: string;
  readonly function_id: RuleRecord["functionId"];
  readonly fn: string | null;
  readonly topic: string | null;
  readonly hears_ends: number;
  readonly enabled: number;
  readonly paused_because: RuleRecord["pausedBecause"];
  readonly matched: number;
  readonly last_ms: number | null;
  readonly refused: number;
  readonly refused_because: string | null;
  readonly version: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
  readonly made_by: RuleRecord["madeBy"];
  readonly action: string | null;
  readonly event_format: RuleRecord["eventFormat"];
}
type RuleRowOf = RuleRow & Record<keyof RuleRow, string | number | null>;

const COLUMNS =
  "id, account_id, app, name, pattern, function_id, fn, topic, hears_ends, enabled, " +
  "paused_because, matched, last_ms, refused, refused_because, version, created_at_ms, " +
  "updated_at_ms, made_by, action, event_format";

function ruleOfRow(row: RuleRow): RuleRecord {
  const { id, app, name, pattern, fn, topic, matched, refused, version, action } = row;
  return {
    ...{ id, app, name, pattern, fn, topic, matched, refused, version, action },
    ...{ accountId: row.account_id, functionId: row.function_id },
    ...{ hearsEnds: row.hears_ends === 1, enabled: row.enabled === 1 },
    ...{ pausedBecause: row.paused_because, lastMs: row.last_ms },
    ...{ refusedBecause: row.refused_because, madeBy: row.made_by, eventFormat: row.event_format },
    ...{ createdAtMs: row.created_at_ms, updatedAtMs: row.updated_at_ms },
  };
}

/** Rules of an app by name from `after` on, one more than `limit` when there are more. */
export function* listRules(
  tx: Tx,
  { accountId, app, after, limit }: OfApp & { readonly after: string; readonly limit: number },
): TxStep<readonly RuleRecord[]> {
  const rows = yield* tx.all<RuleRowOf>(
    `SELECT ${COLUMNS} FROM bus_rules WHERE account_id = ? AND app = ? AND name > ?
     ORDER BY name LIMIT ?`,
    [accountId, app, after, limit + 1],
  );
  return rows.map(ruleOfRow);
}

/** The rules of an account, as they stand at one version. */
export interface RulesInForce {
  readonly version: number;
  /** Those that are enabled. */
  readonly rules: readonly RuleRecord[];
}

/** What its events are matched against. */
export function* readRules(
  tx: Tx,
  { accountId }: { readonly accountId: AccountId },
): TxStep<RulesInForce> {
  const rows = yield* tx.all<RuleRowOf>(
    `SELECT ${COLUMNS} FROM bus_rules WHERE account_id = ? AND enabled = 1 ORDER BY id`,
    [accountId],
  );
  return { version: yield* versionOfRules(tx, accountId), rules: rows.map(ruleOfRow) };
}

/** Accounts with a rule that can match the end of an invocation. */
export function* listeners(tx: Tx, _args: null): TxStep<readonly AccountId[]> {
  const rows = yield* tx.all<{ account_id: string }>(
    "SELECT DISTINCT account_id FROM bus_rules WHERE hears_ends = 1 AND enabled = 1",
  );
  return rows.map(({ account_id: id }) => id as AccountId);
}

/** 0 while it never had any. */
export function* versionOfRules(tx: Tx, accountId: AccountId): TxStep<number> {
  const row = yield* tx.get<{ version: number }>(
    "SELECT version FROM bus_versions WHERE account_id = ?",
    [accountId],
  );
  return row?.version ?? 0;
}

/** Throws RULE_NOT_FOUND. */
export function* getRule(tx: Tx, args: Named): TxStep<RuleRecord> {
  const found = yield* findRule(tx, args);
  if (found === undefined) throw failBus("RULE_NOT_FOUND", { app: args.app, rule: args.name });
  return found;
}

/** Throws RULE_NOT_FOUND when it must be there, RULE_CHANGED. */
export function* checkRule(tx: Tx, args: Change & { readonly mustExist: boolean }): TxStep<void> {
  assertVersion(args, args.mustExist ? yield* getRule(tx, args) : yield* findRule(tx, args));
}

/**
 * Sets a rule; made under `freshId` when there is none. Its counts go on. Throws RULE_CHANGED,
 * RULES_LIMIT.
 */
export function* putRule(
  tx: Tx,
  args: Change & { readonly freshId: RuleId; readonly spec: RuleSpec; readonly wallMs: number },
): TxStep<RuleRecord> {
  const { accountId, app, name, freshId, spec, wallMs } = args;
  const before = yield* findRule(tx, args);
  assertVersion(args, before);
  yield* tx.run(
    `INSERT INTO bus_rules (${COLUMNS})
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0, NULL, 0, NULL, 1, ?, ?, ?, ?, ?)
     ON CONFLICT (account_id, app, name) DO UPDATE SET
       pattern = excluded.pattern, function_id = excluded.function_id, fn = excluded.fn,
       topic = excluded.topic, hears_ends = excluded.hears_ends, enabled = excluded.enabled,
       paused_because = NULL, version = bus_rules.version + 1,
       updated_at_ms = excluded.updated_at_ms, made_by = excluded.made_by,
       action = excluded.action, event_format = excluded.event_format`,
    [
      ...[freshId, accountId, app, name, spec.pattern, spec.functionId, spec.fn, spec.topic],
      ...[spec.hearsEnds ? 1 : 0, spec.enabled ? 1 : 0, wallMs, wallMs, spec.madeBy, spec.action],
      spec.eventFormat,
    ],
  );
  yield* bumpVersion(tx, accountId);
  if (before === undefined) yield* assertRoom(tx, accountId);
  const record = yield* findRule(tx, args);
  assert(record !== undefined, "what was just written is there");
  return record;
}

/**
 * Pauses a rule or lets it go on; with `functionId` it is of that function from now on. Throws
 * RULE_NOT_FOUND, RULE_CHANGED.
 */
export function* setRuleEnabled(
  tx: Tx,
  args: Change & {
    readonly enabled: boolean;
    readonly functionId: FunctionId | null;
    readonly wallMs: number;
  },
): TxStep<RuleRecord> {
  const { accountId, enabled, functionId, wallMs } = args;
  const before = yield* getRule(tx, args);
  assertVersion(args, before);
  yield* tx.run(
    `UPDATE bus_rules SET enabled = ?, paused_because = NULL, function_id = ?,
       version = version + 1, updated_at_ms = ? WHERE id = ?`,
    [enabled ? 1 : 0, functionId ?? before.functionId, wallMs, before.id],
  );
  yield* bumpVersion(tx, accountId);
  return yield* getRule(tx, args);
}

/** Throws RULE_NOT_FOUND, RULE_CHANGED. */
export function* deleteRule(tx: Tx, args: Change): TxStep<RuleRecord> {
  const found = yield* getRule(tx, args);
  assertVersion(args, found);
  yield* tx.run("DELETE FROM bus_rules WHERE id = ?", [found.id]);
  yield* bumpVersion(tx, args.accountId);
  return found;
}

/** Pauses the rules of a function that is gone; how many there were. */
export function* pauseRulesOf(
  tx: Tx,
  { functionId, wallMs }: { readonly functionId: FunctionId; readonly wallMs: number },
): TxStep<number> {
  const rows = yield* tx.all<{ account_id: string }>(
    "SELECT account_id FROM bus_rules WHERE function_id = ? AND enabled = 1",
    [functionId],
  );
  if (rows.length === 0) return 0;
  yield* tx.run(
    `UPDATE bus_rules SET enabled = 0, paused_because = 'function_removed',
       version = version + 1, updated_at_ms = ? WHERE function_id = ? AND enabled = 1`,
    [wallMs, functionId],
  );
  const accounts = new Set(rows.map(({ account_id: id }) => id as AccountId));
  for (const accountId of accounts) yield* bumpVersion(tx, accountId);
  return rows.length;
}

/** Removes the rules of an app that is gone; how many there were. */
export function* deleteRulesOfApp(tx: Tx, { accountId, app }: OfApp): TxStep<number> {
  const removed = yield* tx.run("DELETE FROM bus_rules WHERE account_id = ? AND app = ?", [
    ...[accountId, app],
  ]);
  if (removed > 0) yield* bumpVersion(tx, accountId);
  return removed;
}

function* findRule(tx: Tx, { accountId, app, name }: Named): TxStep<RuleRecord | undefined> {
  const row = yield* tx.get<RuleRowOf>(
    `SELECT ${COLUMNS} FROM bus_rules WHERE account_id = ? AND app = ? AND name = ?`,
    [accountId, app, name],
  );
  return row === undefined ? undefined : ruleOfRow(row);
}

function* bumpVersion(tx: Tx, accountId: AccountId): TxStep<void> {
  yield* tx.run(
    `INSERT INTO bus_versions (account_id, version) VALUES (?, 1)
     ON CONFLICT (account_id) DO UPDATE SET version = bus_versions.version + 1`,
    [accountId],
  );
}

/** Counted after the write, which rolls back when it was too much. */
function* assertRoom(tx: Tx, accountId: AccountId): TxStep<void> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT CAST(COUNT(*) AS @integer) AS n FROM bus_rules WHERE account_id = ?",
    [accountId],
  );
  const { rulesPerAccountMax: rulesMax } = LIMITS;
  if ((count?.n ?? 0) > rulesMax) throw failBus("RULES_LIMIT", { rulesMax });
}

/** Version 0 stands for one that is not there. */
function assertVersion(
  { name, ifVersion }: Pick<Change, "name" | "ifVersion">,
  found: RuleRecord | undefined,
): void {
  const actual = found?.version ?? 0;
  if (ifVersion === null || ifVersion === actual) return;
  throw failBus("RULE_CHANGED", { rule: name, actual: `"${actual}"` });
}

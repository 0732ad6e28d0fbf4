/**
 * The config log in the store: one row per key, its latest value and the number of the write that
 * put it there. A removed key stays as a tombstone, so that a consumer that was away learns of it;
 * the oldest tombstones go when they are many, and `horizon` remembers how far: whoever was away
 * longer starts over from the whole. Numbers are given in commit order, because every write updates
 * the one counter row.
 */
import { assert } from "@skerry/base";
import type { ConfigEntry, ConfigValue } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";

/** Key of a function's entry. */
export function functionConfigKey(functionId: string): string {
  return `function/${functionId}`;
}

/** Key of an access key's entry. */
export function keyConfigKey(keyId: string): string {
  return `key/${keyId}`;
}

/** Key of a secret's entry. */
export function secretConfigKey(secretId: string): string {
  return `secret/${secretId}`;
}

/** Key of a config object's entry. */
export function configObjectConfigKey(id: string): string {
  return `config-object/${id}`;
}

/** Key of an action's entry. */
export function actionConfigKey(id: string): string {
  return `action/${id}`;
}

/** Key of a version of a function. */
export function versionConfigKey(functionId: string, number: number): string {
  return `version/${functionId}/${number}`;
}

/** Key of an alias of a function. */
export function aliasConfigKey(functionId: string, name: string): string {
  return `alias/${functionId}/${name}`;
}

/** Key of an account's quotas. */
export function quotasConfigKey(accountId: string): string {
  return `quotas/${accountId}`;
}

/** The value of a key; undefined when it was never set or is removed. */
export function* readConfigValue(tx: Tx, key: string): TxStep<ConfigValue | undefined> {
  const row = yield* tx.get<{ value: string | null }>(
    "SELECT value FROM config_log WHERE key = ?",
    [key],
  );
  const text = row?.value ?? null;
  return text === null ? undefined : (JSON.parse(text) as ConfigValue);
}

/** Sets the value of a key and returns the number of this write. */
export function* putConfig(
  tx: Tx,
  write: { readonly key: string; readonly value: ConfigValue },
): TxStep<number> {
  const seq = yield* nextSeq(tx);
  yield* tx.run(
    `INSERT INTO config_log (key, seq, value) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, value = excluded.value`,
    [write.key, seq, JSON.stringify(write.value)],
  );
  return seq;
}

/** Removes a key; the number of the write, or undefined when there was nothing to remove. */
export function* removeConfig(tx: Tx, key: string): TxStep<number | undefined> {
  const found = yield* tx.get("SELECT seq FROM config_log WHERE key = ? AND value IS NOT NULL", [
    key,
  ]);
  if (found === undefined) return undefined;
  const seq = yield* nextSeq(tx);
  yield* tx.run("UPDATE config_log SET seq = ?, value = NULL WHERE key = ?", [seq, key]);
  return seq;
}

/** Removes every key below `folder`, which ends without a slash, however many there are. */
export function* removeConfigUnder(tx: Tx, folder: string): TxStep<void> {
  // "0" is what follows "/".
  const range = [`${folder}/`, `${folder}0`];
  const within = "key > ? AND key < ? AND value IS NOT NULL";
  const count = yield* tx.get<{ n: number }>(
    `SELECT COUNT(*) AS n FROM config_log WHERE ${within}`,
    range,
  );
  if (count === undefined || count.n === 0) return;
  const counter = yield* tx.get<{ seq: number }>(
    "UPDATE config_counter SET seq = seq + ? WHERE id = 1 RETURNING seq",
    [count.n],
  );
  assert(counter !== undefined, "the config counter has its row");
  yield* tx.run(
    `UPDATE config_log SET value = NULL, seq = ? + removed.place
     FROM (SELECT key, ROW_NUMBER() OVER (ORDER BY key) AS place FROM config_log
       WHERE ${within}) AS removed
     WHERE config_log.key = removed.key`,
    [counter.seq - count.n, ...range],
  );
}

function* nextSeq(tx: Tx): TxStep<number> {
  const row = yield* tx.get<{ seq: number }>(
    "UPDATE config_counter SET seq = seq + 1 WHERE id = 1 RETURNING seq",
  );
  assert(row !== undefined, "the config counter has its row");
  return row.seq;
}

/** Number of the last write; 0 when there was none. */
export function* readConfigSeq(tx: Tx): TxStep<number> {
  return (yield* readCounter(tx)).seq;
}

/** Part of the log, oldest first. */
export interface ConfigPage {
  /** Number of the last write at the time of reading. */
  readonly seq: number;
  /**
   * True when what came after `after` is no longer known (or `after` was never given out): the page
   * then begins at the start of the log and replaces whatever the reader holds.
   */
  readonly fromStart: boolean;
  readonly entries: readonly ConfigEntry[];
  /** False when `limit` cut the page off. Read on from its last number. */
  readonly complete: boolean;
}

/** Text of one page, beyond its first entry: routes of one stage alone may be megabytes. */
const PAGE_CHARS_MAX = 8 << 20;

/**
 * What was written after number `after`, at most `limit` entries, and fewer when they are long.
 * Reading on page by page is
 * consistent although writes go on: a key that is written meanwhile moves to the end. A reader that
 * began at the start and goes on passes the `seq` of its first page as `startedAtSeq`: only
 * tombstones after that one can concern it.
 */
export function* readConfig(
  tx: Tx,
  args: { readonly after: number; readonly limit: number; readonly startedAtSeq?: number },
): TxStep<ConfigPage> {
  const { seq, horizon } = yield* readCounter(tx);
  const knownSeq = Math.max(args.after, args.startedAtSeq ?? 0);
  const lost = args.after > seq || knownSeq < horizon;
  const after = lost ? 0 : args.after;
  const sized = yield* tx.all<{ seq: number; chars: number }>(
    `SELECT seq, COALESCE(LENGTH(value), 0) AS chars FROM config_log WHERE seq > ?
     ORDER BY seq LIMIT ?`,
    [after, args.limit + 1],
  );
  const shown = fitting(sized.slice(0, args.limit));
  const rows = yield* tx.all<{ key: string; seq: number; value: string | null }>(
    "SELECT key, seq, value FROM config_log WHERE seq > ? ORDER BY seq LIMIT ?",
    [after, shown],
  );
  const entries = rows.map((row) => ({
    key: row.key,
    seq: row.seq,
    value: row.value === null ? null : (JSON.parse(row.value) as ConfigValue),
  }));
  return { seq, fromStart: lost || args.after === 0, entries, complete: sized.length <= shown };
}

/** How many of them make one page: one at least, when there is one. */
function fitting(sized: readonly { readonly chars: number }[]): number {
  let chars = 0;
  for (const [i, one] of sized.entries()) {
    chars += one.chars;
    if (chars > PAGE_CHARS_MAX && i > 0) return i;
  }
  return sized.length;
}

function* readCounter(tx: Tx): TxStep<{ readonly seq: number; readonly horizon: number }> {
  const row = yield* tx.get<{ seq: number; horizon: number }>(
    "SELECT seq, horizon FROM config_counter WHERE id = 1",
  );
  assert(row !== undefined, "the config counter has its row");
  return row;
}

/**
 * Forgets the oldest tombstones beyond `keepMax` (1 or more), at most `removeMax` of them. Returns
 * how many went.
 */
export function* compactConfig(
  tx: Tx,
  args: { readonly keepMax: number; readonly removeMax: number },
): TxStep<number> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM config_log WHERE value IS NULL",
  );
  const surplus = Math.min((count?.n ?? 0) - args.keepMax, args.removeMax);
  if (surplus <= 0) return 0;
  const oldest = yield* tx.all<{ seq: number }>(
    "SELECT seq FROM config_log WHERE value IS NULL ORDER BY seq LIMIT ?",
    [surplus],
  );
  const horizon = oldest.at(-1)?.seq ?? 0;
  yield* tx.run("UPDATE config_counter SET horizon = ? WHERE id = 1", [horizon]);
  return yield* tx.run("DELETE FROM config_log WHERE value IS NULL AND seq <= ?", [horizon]);
}

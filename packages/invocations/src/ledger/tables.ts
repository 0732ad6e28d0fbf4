/**
 * The ledger's tables. `ledger_invocations` is the record of everything accepted, kept after its
 * end; `ledger_queue` holds a row for each that is open, so that what is asked all the time stays
 * small however much has been. `seq` orders acceptance and is given by the caller: the time in
 * 2048ths of a millisecond, made to grow (see sequence.ts).
 */
import type { Migration } from "@skerry/store";

/** Values of `ledger_queue.phase`. */
export const PHASE = {
  /** Runs as soon as it is due and there is room. */
  ready: 0,
  /** A gateway has an attempt of it. */
  held: 1,
  /** Waits for an earlier one of its ordering key. */
  blocked: 2,
} as const;

export const LEDGER_TABLES: Migration["sql"] = [
  // What is large stands last: SQLite steps through a long row to reach what comes after it.
  `CREATE TABLE ledger_invocations (
    seq @integer PRIMARY KEY, id @text NOT NULL UNIQUE,
    account_id @text NOT NULL, function_id @text NOT NULL, app @text NOT NULL, fn @text NOT NULL,
    source @text NOT NULL, source_id @text, state @text NOT NULL,
    accepted_ms @integer NOT NULL, expires_ms @integer NOT NULL, settled_ms @integer,
    ordering_key @text, idempotency_key @text,
    event @text NOT NULL, attempts @integer NOT NULL, error @text,
    status @integer, result_type @text, result_cut @integer NOT NULL,
    result @bytes, payload @bytes NOT NULL)`,
  `CREATE INDEX ledger_by_function ON ledger_invocations (function_id, seq)`,
  `CREATE INDEX ledger_by_state ON ledger_invocations (account_id, state, seq)`,
  `CREATE INDEX ledger_by_key ON ledger_invocations (account_id, idempotency_key, seq)
    WHERE idempotency_key IS NOT NULL`,
  `CREATE INDEX ledger_by_end ON ledger_invocations (settled_ms, seq)
    WHERE settled_ms IS NOT NULL`,
  // `counted` of its attempts have failed by the function's fault.
  `CREATE TABLE ledger_queue (
    seq @integer PRIMARY KEY, id @text NOT NULL UNIQUE, function_id @text NOT NULL,
    account_id @text NOT NULL, phase @integer NOT NULL, due_ms @integer NOT NULL,
    expires_ms @integer NOT NULL, ordering_key @text,
    attempt @integer NOT NULL, counted @integer NOT NULL,
    holder @text, request_id @text, started_ms @integer, cancelled @integer NOT NULL)`,
  `CREATE INDEX ledger_ready ON ledger_queue (function_id, due_ms, seq) WHERE phase = 0`,
  `CREATE INDEX ledger_held ON ledger_queue (holder, seq) WHERE phase = 1`,
  `CREATE INDEX ledger_ordered ON ledger_queue (function_id, ordering_key, seq)
    WHERE ordering_key IS NOT NULL`,
  `CREATE TABLE ledger_attempts (
    id @text NOT NULL, attempt @integer NOT NULL, request_id @text NOT NULL,
    holder @text NOT NULL, started_ms @integer NOT NULL, ended_ms @integer NOT NULL,
    outcome @text NOT NULL, error @text, PRIMARY KEY (id, attempt))`,
  `CREATE TABLE ledger_keys (
    account_id @text NOT NULL, function_id @text NOT NULL, key @text NOT NULL,
    id @text NOT NULL, digest @text NOT NULL, expires_ms @integer NOT NULL,
    PRIMARY KEY (account_id, function_id, key))`,
  `CREATE INDEX ledger_keys_by_age ON ledger_keys (expires_ms)`,
  // Only where platforms share a database.
  `CREATE TABLE ledger_holders (holder @text PRIMARY KEY, seen_ms @integer NOT NULL)`,
  // Split into slots, so that writers on PostgreSQL do not all wait for one row.
  `CREATE TABLE ledger_sums (
    slot @integer NOT NULL, what @text NOT NULL, n @integer NOT NULL, PRIMARY KEY (slot, what))`,
];

/**
 * On SQLite: of the queue only what is held is found by its id; the record leads to the rest. Each
 * accept wrote a page of the index of all ids, one of nine.
 */
export const QUEUE_REBUILT: readonly string[] = [
  `CREATE TABLE ledger_queue_plain (
    seq @integer PRIMARY KEY, id @text NOT NULL, function_id @text NOT NULL,
    account_id @text NOT NULL, phase @integer NOT NULL, due_ms @integer NOT NULL,
    expires_ms @integer NOT NULL, ordering_key @text,
    attempt @integer NOT NULL, counted @integer NOT NULL,
    holder @text, request_id @text, started_ms @integer, cancelled @integer NOT NULL)`,
  `INSERT INTO ledger_queue_plain (seq, id, function_id, account_id, phase, due_ms, expires_ms,
      ordering_key, attempt, counted, holder, request_id, started_ms, cancelled)
    SELECT seq, id, function_id, account_id, phase, due_ms, expires_ms, ordering_key, attempt,
      counted, holder, request_id, started_ms, cancelled
    FROM ledger_queue ORDER BY seq`,
  `DROP TABLE ledger_queue`,
  `ALTER TABLE ledger_queue_plain RENAME TO ledger_queue`,
  // They went with the table.
  `CREATE INDEX ledger_ready ON ledger_queue (function_id, due_ms, seq) WHERE phase = 0`,
  `CREATE INDEX ledger_held ON ledger_queue (holder, seq) WHERE phase = 1`,
  `CREATE INDEX ledger_ordered ON ledger_queue (function_id, ordering_key, seq)
    WHERE ordering_key IS NOT NULL`,
  `CREATE INDEX ledger_cancelled ON ledger_queue (holder) WHERE cancelled = 1`,
  `CREATE UNIQUE INDEX ledger_held_ids ON ledger_queue (id) WHERE phase = 1`,
];

/** By the request ids of later attempts: those of first ones are the invocations' own. */
export const ATTEMPT_INDEXES: Migration["sql"] = [
  `CREATE INDEX ledger_attempts_by_request ON ledger_attempts (request_id) WHERE attempt > 1`,
  `CREATE INDEX ledger_held_again ON ledger_queue (request_id) WHERE phase = 1 AND attempt > 1`,
];

/** What a key stands for where that is no invocation: the answer to a publish, with its topic. */
export const KEY_ANSWERS: Migration["sql"] = ["ALTER TABLE ledger_keys ADD COLUMN answer @text"];

/** How many are open of each function; slots as of the sums. */
export const OPEN_TABLES: Migration["sql"] = [
  `CREATE TABLE ledger_open (
    slot @integer NOT NULL, function_id @text NOT NULL, n @integer NOT NULL,
    PRIMARY KEY (slot, function_id))`,
  `INSERT INTO ledger_open (slot, function_id, n)
    SELECT 0, function_id, COUNT(*) FROM ledger_queue GROUP BY function_id`,
];

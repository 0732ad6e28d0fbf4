/**
 * The bus in the ledger's database, so that an event and what comes of it are one commit each. An
 * event that rules wait for is `pending` until what they make of it is written; it stays for as
 * long as its source and id are recognised.
 */
import type { EventFormat, Maker } from "@skerry/api-schema";
import type { AccountId, FunctionId, RuleId } from "@skerry/base";
import type { Migration } from "@skerry/store";

export const BUS_TABLES: Migration["sql"] = [
  // `seq` grows with each commit, and is never less than the time in 2048ths of a millisecond.
  // `depth` tells how many ends of invocations led to it.
  `CREATE TABLE bus_events (
    seq @integer PRIMARY KEY, account_id @text NOT NULL, source @text NOT NULL, id @text NOT NULL,
    type @text NOT NULL, at_ms @integer NOT NULL, pending @integer NOT NULL,
    depth @integer NOT NULL, body @bytes NOT NULL, UNIQUE (account_id, source, id))`,
  `CREATE INDEX bus_pending ON bus_events (account_id, seq) WHERE pending = 1`,
  `CREATE INDEX bus_by_account ON bus_events (account_id, seq)`,
  // Either a function or a topic. `hears_ends`: its pattern can match the end of an invocation.
  `CREATE TABLE bus_rules (
    id @text PRIMARY KEY, account_id @text NOT NULL, app @text NOT NULL, name @text NOT NULL,
    pattern @text NOT NULL, function_id @text, fn @text, topic @text,
    hears_ends @integer NOT NULL, enabled @integer NOT NULL, paused_because @text,
    matched @integer NOT NULL, last_ms @integer, refused @integer NOT NULL, refused_because @text,
    version @integer NOT NULL, created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL,
    made_by @text, action @text,
    UNIQUE (account_id, app, name))`,
  `CREATE INDEX bus_rules_by_function ON bus_rules (function_id)`,
  // Grows with every change of a rule of the account.
  `CREATE TABLE bus_versions (account_id @text PRIMARY KEY, version @integer NOT NULL)`,
];

/** Came later: what every end of an invocation looks into. */
export const BUS_LISTENERS: Migration["sql"] = [
  `CREATE INDEX bus_listeners ON bus_rules (account_id) WHERE hears_ends = 1 AND enabled = 1`,
];

/** Came later: see held.ts. */
export const BUS_HELD: Migration["sql"] = [
  `CREATE TABLE bus_held (
    seq @integer NOT NULL, rule_id @text NOT NULL, account_id @text NOT NULL, app @text NOT NULL,
    name @text NOT NULL, function_id @text NOT NULL, fn @text NOT NULL, action @text,
    PRIMARY KEY (seq, rule_id))`,
  `CREATE INDEX bus_held_by_function ON bus_held (function_id, seq)`,
  `CREATE INDEX bus_held_by_account ON bus_held (account_id, seq)`,
];

/** Came later: whose share of the bus's size an event takes; empty for those from before. */
export const BUS_SHARES: Migration["sql"] = [
  `ALTER TABLE bus_events ADD COLUMN app @text NOT NULL DEFAULT ''`,
  `CREATE INDEX bus_by_share ON bus_events (account_id, app, seq)`,
];

/** Came later: in whose shape a function is given its events; CloudEvents for rules from before. */
export const BUS_FORMATS: Migration["sql"] = [
  `ALTER TABLE bus_rules ADD COLUMN event_format @text NOT NULL DEFAULT 'cloudevents'`,
  `ALTER TABLE bus_held ADD COLUMN event_format @text NOT NULL DEFAULT 'cloudevents'`,
];

/** What its owner sets. */
export interface RuleSpec {
  /** JSON text. */
  readonly pattern: string;
  readonly hearsEnds: boolean;
  /** Either a function of the app, with its id, or a topic of the account. */
  readonly functionId: FunctionId | null;
  readonly fn: string | null;
  readonly topic: string | null;
  /** Of what its function is given. */
  readonly eventFormat: EventFormat;
  readonly enabled: boolean;
  /** Null: a hand. */
  readonly madeBy: Maker | null;
  /** The action of its app that it runs; null for a function alone. */
  readonly action: string | null;
}

export interface RuleRecord extends RuleSpec {
  readonly id: RuleId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
  readonly pausedBecause: "function_removed" | null;
  /** Events that it has matched, and when it last did. */
  readonly matched: number;
  readonly lastMs: number | null;
  /** Of these, those that its topic did not take, and why the last one was not. */
  readonly refused: number;
  readonly refusedBecause: string | null;
  /** Grows with each change of its owner. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

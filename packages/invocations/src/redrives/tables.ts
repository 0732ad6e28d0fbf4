/** Tables of redrives, and what a row of them is. */
import type { AccountId, FunctionId, RedriveId, TopicGroupId } from "@skerry/base";
import type { LedgerSource } from "@skerry/contracts";
import type { Migration } from "@skerry/store";
import type { Redrive, RedriveBounds, RedriveState } from "./decide.ts";

export const REDRIVE_TABLES: Migration["sql"] = [
  // `stand` is a Redrive, but for what stands in columns; `asked` and `selection` never change.
  `CREATE TABLE ledger_redrives (
    id @text PRIMARY KEY, account_id @text NOT NULL, once @text,
    asked @text NOT NULL, selection @text NOT NULL,
    version @integer NOT NULL, state @text NOT NULL, redriven @integer NOT NULL,
    stand @text NOT NULL, made_ms @integer NOT NULL, settled_ms @integer)`,
  `CREATE INDEX ledger_redrives_by_account ON ledger_redrives (account_id, id)`,
  `CREATE UNIQUE INDEX ledger_redrives_once ON ledger_redrives (account_id, once)
    WHERE once IS NOT NULL`,
  `CREATE INDEX ledger_redrives_open ON ledger_redrives (state) WHERE settled_ms IS NULL`,
  `CREATE INDEX ledger_redrives_by_end ON ledger_redrives (settled_ms)
    WHERE settled_ms IS NOT NULL`,
];

/** `due_ms`: a running one has nothing to do before this wall time. */
export const REDRIVE_DUE_COLUMNS: Migration["sql"] = [
  `ALTER TABLE ledger_redrives ADD COLUMN due_ms @integer NOT NULL DEFAULT 0`,
  `CREATE INDEX ledger_redrives_due ON ledger_redrives (due_ms, id) WHERE state = 'running'`,
];

/** Which ended invocations are meant. */
export interface RedriveSelection extends RedriveBounds {
  readonly functionId: FunctionId | null;
  /** Of these apps; null for all. */
  readonly apps: readonly string[] | null;
  /** Null: of any source but calls, whose callers were told. */
  readonly source: LedgerSource | null;
  readonly states: readonly ("failed" | "expired")[];
  /** What they are put through to; absent: what each was accepted for. */
  readonly qualifier?: string | undefined;
  /** These are meant instead of invocations. */
  readonly letters?: RedriveLetters | undefined;
}

/** Dead letters of a group, which another room keeps and puts through. */
export interface RedriveLetters {
  readonly groupId: TopicGroupId;
  /** What they go to, as that room writes it; null: what the group goes to. */
  readonly to: string | null;
}

/** One redrive as the store has it. */
export interface RedriveRecord {
  readonly id: RedriveId;
  readonly accountId: AccountId;
  /** Whatever its maker wants shown with it. */
  readonly asked: Readonly<Record<string, string | null>>;
  readonly selection: RedriveSelection;
  /** Another one with each change. */
  readonly version: number;
  readonly redrive: Redrive;
  readonly madeMs: number;
  /** Null while it runs or is paused. */
  readonly settledMs: number | null;
}

export const REDRIVE_COLUMNS = `id, account_id, asked, selection, version, state, redriven, stand,
  made_ms, settled_ms`;

interface Row {
  readonly id: string;
  readonly account_id: string;
  readonly asked: string;
  readonly selection: string;
  readonly version: number;
  readonly state: string;
  readonly redriven: number;
  readonly stand: string;
  readonly made_ms: number;
  readonly settled_ms: number | null;
}
export type RedriveRow = Row & Record<keyof Row, string | number | null>;

export function redriveOfRow(row: RedriveRow): RedriveRecord {
  const stand = JSON.parse(row.stand) as Omit<Redrive, "state" | "redriven">;
  return {
    ...{ id: row.id as RedriveId, accountId: row.account_id as AccountId, version: row.version },
    asked: JSON.parse(row.asked) as RedriveRecord["asked"],
    selection: JSON.parse(row.selection) as RedriveSelection,
    redrive: { ...stand, state: row.state as RedriveState, redriven: row.redriven },
    ...{ madeMs: row.made_ms, settledMs: row.settled_ms },
  };
}

/** What of it has no column of its own. */
export function standText({ state: _state, redriven: _redriven, ...stand }: Redrive): string {
  return JSON.stringify(stand);
}

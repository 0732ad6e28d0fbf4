/**
 * The ledger's own books: how many were accepted and how many came to each end, added in the
 * transaction that does it. At any moment, accepted = ends + open. Beside them it is counted how
 * many ends were told to a destination, and how many could not be; and how many are open of each
 * function, so that nobody has to count the queue to bound it.
 */
import type { FunctionId, Random } from "@skerry/base";
import type { LedgerEnd } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { overRows, runOver } from "./sets.ts";

/** In the order in which their rows are taken; `forgotten` are ended rows that retention took. */
const SUM_NAMES = [
  "accepted",
  "cancelled",
  "delivered",
  "expired",
  "failed",
  "forgotten",
  "owed",
  "succeeded",
  "undelivered",
] as const satisfies readonly (LedgerEnd | "accepted" | "forgotten" | DeliverySum)[];
type DeliverySum = "owed" | "delivered" | "undelivered";
export type SumName = (typeof SUM_NAMES)[number];

const SUM_SLOTS = 16;

/** Which row of sums a writer adds to. */
export function slotOf(random: Random): number {
  return Math.floor(random.float() * SUM_SLOTS);
}

export type SumChanges = Partial<Record<SumName, number>> & {
  /** How many more are open of these. */
  readonly open?: Map<FunctionId, number>;
};

/** Both together; what is open of the first is used up. */
export function plusSums(one: SumChanges, other: SumChanges): SumChanges {
  const names = SUM_NAMES.filter((name) => name in one || name in other);
  const open = one.open ?? new Map<FunctionId, number>();
  for (const [id, n] of other.open ?? []) addOpen(open, id, n);
  return {
    ...Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)])),
    open,
  };
}

/** So many more are open of the function. */
export function addOpen(open: Map<FunctionId, number>, id: FunctionId, n: number): void {
  open.set(id, (open.get(id) ?? 0) + n);
}

const ADD_SUMS = overRows(
  ["@integer", "@text", "@integer"],
  (rows) => `WITH given (slot, what, n) AS (VALUES ${rows})
    INSERT INTO ledger_sums (slot, what, n)
    SELECT slot, what, n FROM given WHERE slot IS NOT NULL
    ON CONFLICT (slot, what) DO UPDATE SET n = ledger_sums.n + excluded.n`,
  `INSERT INTO ledger_sums (slot, what, n) VALUES (?, ?, ?)
   ON CONFLICT (slot, what) DO UPDATE SET n = ledger_sums.n + excluded.n`,
);
const ADD_OPEN = overRows(
  ["@integer", "@text", "@integer"],
  (rows) => `WITH given (slot, function_id, n) AS (VALUES ${rows})
    INSERT INTO ledger_open (slot, function_id, n)
    SELECT slot, function_id, n FROM given WHERE slot IS NOT NULL
    ON CONFLICT (slot, function_id) DO UPDATE SET n = ledger_open.n + excluded.n`,
  `INSERT INTO ledger_open (slot, function_id, n) VALUES (?, ?, ?)
   ON CONFLICT (slot, function_id) DO UPDATE SET n = ledger_open.n + excluded.n`,
);

export function* addSums(tx: Tx, slot: number, changes: SumChanges): TxStep<void> {
  const own = slot % SUM_SLOTS;
  const sums = SUM_NAMES.flatMap((what) => {
    const n = changes[what] ?? 0;
    return n === 0 ? [] : [[own, what, n]];
  });
  yield* runOver(tx, ADD_SUMS, { rows: sums });
  // By id, so that no two writers wait for each other.
  const open = [...(changes.open ?? [])].filter(([, n]) => n !== 0);
  open.sort(([one], [other]) => (one < other ? -1 : 1));
  yield* runOver(tx, ADD_OPEN, { rows: open.map(([id, n]) => [own, id, n]) });
}

/** How many are open of one function. */
export interface OpenCount {
  readonly functionId: FunctionId;
  readonly open: number;
}

/** Of each function that anything is open of, however much that is. */
export function* readOpen(tx: Tx, _args: null): TxStep<readonly OpenCount[]> {
  const rows = yield* tx.all<{ function_id: string; n: number }>(
    `SELECT function_id, CAST(SUM(n) AS @integer) AS n FROM ledger_open
     GROUP BY function_id HAVING SUM(n) <> 0`,
  );
  return rows.map(({ function_id, n: open }) => ({ functionId: function_id as FunctionId, open }));
}

export type LedgerSums = Readonly<Record<SumName, number>>;

/** The sums alone, however much is open. */
export function* readSums(tx: Tx, _args: null): TxStep<LedgerSums> {
  const rows = yield* tx.all<{ what: string; n: number }>(
    "SELECT what, CAST(SUM(n) AS @integer) AS n FROM ledger_sums GROUP BY what",
  );
  return {
    ...{ accepted: 0, forgotten: 0, succeeded: 0, failed: 0, expired: 0, cancelled: 0 },
    ...{ owed: 0, delivered: 0, undelivered: 0 },
    ...Object.fromEntries(rows.map(({ what, n }) => [what, n])),
  };
}

/** Each from an index alone: grouped by phase, a million waiting would take ten times as long. */
const COUNT_OPEN = `SELECT
  (SELECT CAST(COUNT(*) AS @integer) FROM ledger_queue WHERE phase = 0) AS ready,
  (SELECT CAST(COUNT(*) AS @integer) FROM ledger_queue WHERE phase = 1) AS held,
  (SELECT CAST(COUNT(*) AS @integer) FROM ledger_queue) AS total`;

export interface LedgerBalance {
  readonly sums: LedgerSums;
  /** Rows of the queue, by what they wait for. */
  readonly ready: number;
  readonly held: number;
  readonly blocked: number;
  /** accepted − ends − open: 0, or something was lost or doubled. */
  readonly difference: number;
  /** Open by the books of functions − open by the queue: 0. */
  readonly openDifference: number;
  /** Deliveries that wait, and owed − delivered − undelivered − waiting. */
  readonly deliveries: { readonly waiting: number; readonly difference: number };
}

/** Reads the books and counts what is open, in one transaction. */
export function* readBalance(tx: Tx, _args: null): TxStep<LedgerBalance> {
  const sums = yield* readSums(tx, null);
  const open = yield* tx.get<{ ready: number; held: number; total: number }>(COUNT_OPEN);
  const { ready = 0, held = 0, total = 0 } = open ?? {};
  const blocked = total - ready - held;
  const ends = sums.succeeded + sums.failed + sums.expired + sums.cancelled;
  const difference = sums.accepted - ends - ready - held - blocked;
  const owed = yield* tx.get<{ waiting: number }>(
    `SELECT CAST(COUNT(*) AS @integer) AS waiting FROM ledger_deliveries WHERE state = 'waiting'`,
  );
  const waiting = owed?.waiting ?? 0;
  const told = sums.delivered + sums.undelivered;
  const deliveries = { waiting, difference: sums.owed - told - waiting };
  const counted = yield* readOpen(tx, null);
  const openDifference = counted.reduce((sum, { open: n }) => sum + n, 0) - total;
  return { sums, ready, held, blocked, difference, openDifference, deliveries };
}

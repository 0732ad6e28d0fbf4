/** What came to a bad end at one moment, for whoever tells of it in the transaction that ends. */
import type { AccountId, RequestId, WireError } from "@skerry/base";
import type { LedgerEvent, LedgerSource } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";

/** An invocation that has failed or expired. */
export interface BadEnd {
  readonly id: RequestId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly fn: string;
  readonly end: "failed" | "expired";
  readonly source: LedgerSource;
  readonly attempts: number;
  readonly error: WireError | null;
  /** How many ends led to it. */
  readonly depth: number;
}

interface EndRow {
  readonly id: string;
  readonly account_id: string;
  readonly app: string;
  readonly fn: string;
  readonly state: string;
  readonly source: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly event: string;
}
type EndRowOf = EndRow & Record<keyof EndRow, string | number | null>;

/** All that ended badly at `endedMs`, those of this transaction among them. */
export function* badEndsAt(
  tx: Tx,
  { endedMs }: { readonly endedMs: number },
): TxStep<readonly BadEnd[]> {
  const rows = yield* tx.all<EndRowOf>(
    `SELECT id, account_id, app, fn, state, source, attempts, error, event
     FROM ledger_invocations
     WHERE settled_ms = ? AND settled_ms IS NOT NULL AND state IN ('failed', 'expired')
     ORDER BY seq`,
    [endedMs],
  );
  return rows.map((row) => ({
    ...{ id: row.id as RequestId, accountId: row.account_id as AccountId },
    ...{ app: row.app, fn: row.fn, end: row.state as BadEnd["end"] },
    ...{ source: row.source as LedgerSource, attempts: row.attempts },
    error: row.error === null ? null : (JSON.parse(row.error) as WireError),
    depth: (JSON.parse(row.event) as LedgerEvent).d ?? 0,
  }));
}

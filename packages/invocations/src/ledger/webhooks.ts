/**
 * Deliveries to webhooks and topics, from the transaction that ends an invocation until they are
 * made or given up. Whoever claims one has it for a while; it is made at least once, and once where
 * it is made in the transaction that claims and settles it. What is sent is made from the record,
 * which is kept until then.
 */
import type { AccountId, RequestId, WireError } from "@skerry/base";
import type { LedgerEnd } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { endedDocument, eventOf, findEnded } from "./destinations.ts";
import { allOver, overRows, overValues, runOver } from "./sets.ts";
import { addSums } from "./sums.ts";

/** An address, or an account's topic, that something waits for. */
export interface WebhookLane {
  readonly lane: string;
  readonly nextDueMs: number;
}

/** All of them; steps from one to the next, however much waits for each. */
export function* listWebhooks(tx: Tx, _args: null): TxStep<readonly WebhookLane[]> {
  const lanes: WebhookLane[] = [];
  let after = "";
  for (;;) {
    const row = yield* tx.get<{ lane: string; due_ms: number }>(
      `SELECT lane, due_ms FROM ledger_deliveries WHERE state = 'waiting' AND lane > ?
       ORDER BY lane, due_ms, id LIMIT 1`,
      [after],
    );
    if (row === undefined) return lanes;
    lanes.push({ lane: row.lane, nextDueMs: row.due_ms });
    after = row.lane;
  }
}

/** Names the lanes of what a platform of an earlier release wrote. Returns how many had none. */
export function* nameLanes(tx: Tx, args: { readonly rowsMax: number }): TxStep<number> {
  return yield* tx.run(
    `UPDATE ledger_deliveries SET lane = CASE kind WHEN 'topic' THEN
       (SELECT account_id FROM ledger_invocations
        WHERE ledger_invocations.id = ledger_deliveries.id) || ' ' || target
       ELSE target END
     WHERE id IN (SELECT id FROM ledger_deliveries WHERE state = 'waiting' AND lane = '' LIMIT ?)`,
    [args.rowsMax],
  );
}

/** One call to make. */
export interface ClaimedDelivery {
  /** Of the invocation that ended, and of the message. */
  readonly id: RequestId;
  readonly accountId: AccountId;
  readonly app: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly expiresMs: number;
  readonly end: LedgerEnd;
  readonly endedMs: number;
  readonly orderingKey: string | null;
  /** How many ends told one another before. */
  readonly depth: number;
  readonly body: Uint8Array;
}

export interface ClaimedDeliveries {
  readonly calls: readonly ClaimedDelivery[];
  /** When there is more to claim. Null for never. */
  readonly nextDueMs: number | null;
}

const CLAIM = overValues(
  (ids) => `UPDATE ledger_deliveries SET attempts = attempts + 1, due_ms = ?, claimed = 1
    WHERE id IN (${ids})`,
);

/** Claims what is due of one lane, the oldest first; until `leaseMs` nobody else does. */
export function* claimWebhooks(
  tx: Tx,
  args: {
    readonly lane: string;
    readonly nowMs: number;
    readonly leaseMs: number;
    readonly rowsMax: number;
    /** Of what is sent; an event's when absent. */
    readonly bodyBytesMax?: number;
  },
): TxStep<ClaimedDeliveries> {
  const { lane, nowMs, leaseMs, rowsMax, bodyBytesMax } = args;
  const rows = yield* tx.all<{ id: string; attempts: number; expires_ms: number }>(
    `SELECT id, attempts, expires_ms FROM ledger_deliveries
     WHERE state = 'waiting' AND lane = ? AND due_ms <= ? ORDER BY due_ms, id LIMIT ?`,
    [lane, nowMs, rowsMax],
  );
  const claims = rows.map(({ id }) => [id]);
  yield* runOver(tx, CLAIM, { before: [nowMs + leaseMs], rows: claims });
  const calls: ClaimedDelivery[] = [];
  // One by one: each may be as large as a payload and a result.
  for (const { id, attempts, expires_ms: expiresMs } of rows) {
    const ended = yield* findEnded(tx, id);
    if (ended === undefined) continue;
    const { account_id: accountId, app, ordering_key: orderingKey } = ended;
    calls.push({
      ...{ id: id as RequestId, accountId: accountId as AccountId, app, orderingKey },
      ...{ end: ended.state as LedgerEnd, endedMs: ended.settled_ms ?? nowMs },
      ...{ attempt: attempts + 1, expiresMs, depth: eventOf(ended).d ?? 0 },
      body: endedDocument(ended, bodyBytesMax),
    });
  }
  return { calls, nextDueMs: yield* nextDeliveryMs(tx, { lane }) };
}

/** When something of a lane is due. Null for never. */
export function* nextDeliveryMs(
  tx: Tx,
  { lane }: { readonly lane: string },
): TxStep<number | null> {
  const next = yield* tx.get<{ due_ms: number }>(
    `SELECT due_ms FROM ledger_deliveries WHERE state = 'waiting' AND lane = ?
     ORDER BY due_ms, id LIMIT 1`,
    [lane],
  );
  return next?.due_ms ?? null;
}

/** Lets go of every claim, where nobody else has any: whoever held them is gone. */
export function* freeWebhooks(tx: Tx, args: { readonly nowMs: number }): TxStep<void> {
  yield* tx.run(
    "UPDATE ledger_deliveries SET claimed = 0, due_ms = ? WHERE state = 'waiting' AND claimed = 1",
    [args.nowMs],
  );
}

/** How a call ended. */
export interface CalledWebhook {
  readonly id: RequestId;
  readonly attempt: number;
  /** `waiting` when it is made again. */
  readonly state: "delivered" | "failed" | "waiting";
  /** Not before this wall time. */
  readonly dueMs: number;
  /** Of the answer, when there was one. */
  readonly status: number | null;
  readonly error: WireError | null;
}

const SETTLE = overRows(
  ["@text", "@integer", "@text", "@integer", "@integer", "@integer", "@text"],
  (rows) => `WITH given (id, attempt, state, due_ms, settled_ms, status, error)
      AS (VALUES ${rows})
    UPDATE ledger_deliveries SET state = given.state, due_ms = given.due_ms, claimed = 0,
      settled_ms = given.settled_ms, status = given.status, error = given.error
    FROM given WHERE ledger_deliveries.id = given.id
      AND ledger_deliveries.state = 'waiting' AND ledger_deliveries.attempts = given.attempt
    RETURNING ledger_deliveries.state AS state`,
);

/** Calls that were claimed anew meanwhile, or settled, change nothing. How many did. */
export function* settleWebhooks(
  tx: Tx,
  args: {
    readonly called: readonly CalledWebhook[];
    readonly nowMs: number;
    readonly slot: number;
  },
): TxStep<number> {
  const { called, nowMs, slot } = args;
  const rows = called.map(({ id, attempt, state, dueMs, status, error }) => [
    ...[id, attempt, state, dueMs, state === "waiting" ? null : nowMs, status],
    error === null ? null : JSON.stringify(error),
  ]);
  const changed = yield* allOver<{ state: string }>(tx, SETTLE, { rows });
  const delivered = changed.filter(({ state }) => state === "delivered").length;
  const undelivered = changed.filter(({ state }) => state === "failed").length;
  yield* addSums(tx, slot, { delivered, undelivered });
  return changed.length;
}

/** False for a call that was claimed anew meanwhile, or settled: it changes nothing. */
export function* settleWebhook(
  tx: Tx,
  args: { readonly called: CalledWebhook; readonly nowMs: number; readonly slot: number },
): TxStep<boolean> {
  return (yield* settleWebhooks(tx, { ...args, called: [args.called] })) > 0;
}

/** Gives up, for one reason, what waits too long for a topic. Returns how many. */
export function* giveUpOld(
  tx: Tx,
  args: {
    readonly lane: string;
    readonly error: WireError;
    readonly nowMs: number;
    readonly rowsMax: number;
    readonly slot: number;
  },
): TxStep<number> {
  const { lane, error, nowMs, rowsMax, slot } = args;
  const undelivered = yield* tx.run(
    `UPDATE ledger_deliveries SET state = 'failed', claimed = 0, settled_ms = ?, error = ?
     WHERE id IN (SELECT id FROM ledger_deliveries
       WHERE state = 'waiting' AND kind = 'topic' AND lane = ? AND expires_ms <= ?
       ORDER BY expires_ms LIMIT ?)`,
    [nowMs, JSON.stringify(error), lane, nowMs, rowsMax],
  );
  yield* addSums(tx, slot, { undelivered });
  return undelivered;
}

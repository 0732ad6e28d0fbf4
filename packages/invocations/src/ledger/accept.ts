/** Acceptance: what is written here runs, whatever happens afterwards. */
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import type { LedgerEvent, LedgerSource } from "@skerry/contracts";
import type { SqlValue, Tx, TxStep } from "@skerry/store";
import { keepKey, readKey } from "./keys.ts";
import { hasKey, meetingsOf, orderOf } from "./meetings.ts";
import { allOver, overRows, overValues, runOver } from "./sets.ts";
import { addOpen, addSums } from "./sums.ts";
import { PHASE } from "./tables.ts";

/** One invocation to write down. */
export interface NewInvocation {
  /** Its place in the order of acceptance; a later one is taken where this one is not free. */
  readonly seq: number;
  /** Told twice, it is written once. */
  readonly id: RequestId;
  readonly accountId: AccountId;
  readonly functionId: FunctionId;
  /** The function's name at acceptance. */
  readonly app: string;
  readonly fn: string;
  readonly source: LedgerSource;
  /** Which timer, topic or invocation it came from. */
  readonly sourceId: string | null;
  readonly acceptedMs: number;
  /** Not before this wall time. */
  readonly dueMs: number;
  readonly expiresMs: number;
  readonly orderingKey: string | null;
  readonly idempotency: {
    readonly key: string;
    readonly digest: string;
    readonly expiresMs: number;
  } | null;
  readonly event: LedgerEvent;
  readonly payload: Uint8Array;
}

export type Accepted =
  | { readonly kind: "accepted" | "repeated"; readonly id: RequestId }
  /** Its idempotency key was used with something else; `id` is what it named. */
  | { readonly kind: "conflict"; readonly id: RequestId };

const RECORD_COLUMNS = `seq, id, account_id, function_id, app, fn, source, source_id, state,
  accepted_ms, expires_ms, ordering_key, idempotency_key, event, payload, attempts, result_cut`;
const RECORD_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?, ?, ?, ?, 0, 0)";
const QUEUE_COLUMNS = `seq, id, function_id, account_id, phase, due_ms, expires_ms, ordering_key,
  attempt, counted, cancelled`;
const QUEUE_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)";

const RECORDS = overRows(
  [
    ...(["@integer", "@text", "@text", "@text", "@text", "@text", "@text", "@text"] as const),
    ...(["@integer", "@integer", "@text", "@text", "@text", "@bytes"] as const),
  ],
  (rows) => `WITH given (seq, id, account_id, function_id, app, fn, source, source_id,
      accepted_ms, expires_ms, ordering_key, idempotency_key, event, payload) AS (VALUES ${rows})
    INSERT INTO ledger_invocations (${RECORD_COLUMNS})
    SELECT seq, id, account_id, function_id, app, fn, source, source_id, 'waiting',
      accepted_ms, expires_ms, ordering_key, idempotency_key, event, payload, 0, 0
    FROM given WHERE seq IS NOT NULL
    ON CONFLICT DO NOTHING`,
);
const QUEUED = overRows(
  [
    ...(["@integer", "@text", "@text", "@text", "@integer"] as const),
    ...(["@integer", "@integer", "@text"] as const),
  ],
  (rows) => `WITH given (seq, id, function_id, account_id, phase, due_ms, expires_ms, ordering_key)
      AS (VALUES ${rows})
    INSERT INTO ledger_queue (${QUEUE_COLUMNS})
    SELECT seq, id, function_id, account_id, phase, due_ms, expires_ms, ordering_key, 0, 0, 0
    FROM given WHERE seq IS NOT NULL`,
);

/** Of one function and source: what all rows of these say is bound once, in `after`. */
const ALIKE_RECORDS = overRows(
  ["@integer", "@text", "@integer", "@integer", "@text", "@text", "@bytes"],
  (rows) => `WITH given (seq, id, accepted_ms, expires_ms, ordering_key, idempotency_key, payload)
      AS (VALUES ${rows})
    INSERT INTO ledger_invocations (${RECORD_COLUMNS})
    SELECT seq, id, CAST(? AS @text), CAST(? AS @text), CAST(? AS @text), CAST(? AS @text),
      CAST(? AS @text), CAST(? AS @text), 'waiting', accepted_ms, expires_ms, ordering_key,
      idempotency_key, CAST(? AS @text), payload, 0, 0
    FROM given WHERE seq IS NOT NULL
    ON CONFLICT DO NOTHING`,
  `INSERT INTO ledger_invocations (seq, id, accepted_ms, expires_ms, ordering_key, idempotency_key,
     payload, account_id, function_id, app, fn, source, source_id, event, state, attempts,
     result_cut)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0)
   ON CONFLICT DO NOTHING`,
);
const ALIKE_QUEUED = overRows(
  ["@integer", "@text", "@integer", "@integer", "@integer", "@text"],
  (rows) => `WITH given (seq, id, phase, due_ms, expires_ms, ordering_key) AS (VALUES ${rows})
    INSERT INTO ledger_queue (${QUEUE_COLUMNS})
    SELECT seq, id, CAST(? AS @text), CAST(? AS @text), phase, due_ms, expires_ms, ordering_key,
      0, 0, 0
    FROM given WHERE seq IS NOT NULL`,
  `INSERT INTO ledger_queue (seq, id, phase, due_ms, expires_ms, ordering_key, function_id,
     account_id, attempt, counted, cancelled)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)`,
);

/** Writes them all, in order. One answer each. */
export function* accept(
  tx: Tx,
  { items, slot }: { readonly items: readonly NewInvocation[]; readonly slot: number },
): TxStep<readonly Accepted[]> {
  const answers = yield* acceptAll(tx, items);
  yield* addSums(tx, slot, {
    accepted: answers.filter(({ kind }) => kind === "accepted").length,
    open: openedBy(items, answers),
  });
  return answers;
}

/** The same; whoever calls it adds to the sums. */
export function* acceptAll(tx: Tx, items: readonly NewInvocation[]): TxStep<readonly Accepted[]> {
  const written = yield* acceptPlain(tx, items);
  if (written.length === items.length) return items.map(({ id }) => ({ kind: "accepted", id }));
  const fresh = new Set(written);
  const answers: Accepted[] = [];
  for (const item of items) {
    const isWritten = fresh.delete(item);
    answers.push(isWritten ? { kind: "accepted", id: item.id } : yield* acceptOne(tx, item));
  }
  return answers;
}

function openedBy(
  items: readonly NewInvocation[],
  answers: readonly Accepted[],
): Map<FunctionId, number> {
  const open = new Map<FunctionId, number>();
  for (const [i, { functionId }] of items.entries()) {
    if (answers[i]?.kind === "accepted") addOpen(open, functionId, 1);
  }
  return open;
}

/**
 * Those of them that meet nothing, many at once. What was not new, or whose number is taken, is
 * left to `acceptOne`, like the rest.
 */
function* acceptPlain(tx: Tx, items: readonly NewInvocation[]): TxStep<readonly NewInvocation[]> {
  // By themselves, those of one id that have no keys meet in the table.
  const twice = items.some(hasKey) ? idsTwice(items) : NONE_TWICE;
  const { alone, lasts } = yield* meetingsOf(tx, items, twice);
  const isPlain = (item: NewInvocation): boolean => !alone.has(item) && !twice.has(item.id);
  const plain = alone.size + twice.size === 0 ? items : items.filter(isPlain);
  // To have each row told back costs as much as the writing of it.
  const areAlike = plain.every((item) => isAlike(item, plain[0]));
  const written = yield* writeRecords(tx, plain, areAlike);
  const fresh = written === plain.length ? plain : yield* freshOf(tx, plain);
  yield* runOver(tx, KEYED, { rows: fresh.flatMap(keyValues) });
  const queued = fresh.map((item) => ({ item, seq: item.seq, phase: nextPhase(item, lasts) }));
  yield* writeQueued(tx, queued, areAlike);
  return fresh;
}

const NONE_TWICE: ReadonlySet<string> = new Set();

function idsTwice(items: readonly NewInvocation[]): ReadonlySet<string> {
  const seen = new Set(items.map(({ id }) => id));
  const twice = new Set<string>();
  if (seen.size === items.length) return twice;
  for (const { id } of items) if (!seen.delete(id)) twice.add(id);
  return twice;
}

const KEYED = overRows(
  ["@text", "@text", "@text", "@text", "@text", "@integer"],
  (rows) => `WITH given (account_id, function_id, key, id, digest, expires_ms) AS (VALUES ${rows})
    INSERT INTO ledger_keys (account_id, function_id, key, id, digest, expires_ms)
    SELECT account_id, function_id, key, id, digest, expires_ms
    FROM given WHERE account_id IS NOT NULL`,
);

function keyValues({ accountId, functionId, idempotency, id }: NewInvocation) {
  if (idempotency === null) return [];
  const { key, digest, expiresMs } = idempotency;
  return [[accountId, functionId, key, id, digest, expiresMs]];
}

/** In their order: the first of a key that nothing is open of is ready, and the rest behind it. */
function nextPhase(item: NewInvocation, lasts: Map<string, number>): number {
  if (item.orderingKey === null) return PHASE.ready;
  const name = orderOf(item);
  const isBehind = lasts.has(name);
  lasts.set(name, item.seq);
  return isBehind ? PHASE.blocked : PHASE.ready;
}

const FRESH = overValues(
  (seqs) => `SELECT ledger_invocations.seq AS seq, ledger_invocations.id AS id
    FROM ledger_invocations LEFT JOIN ledger_queue ON ledger_queue.seq = ledger_invocations.seq
    WHERE ledger_invocations.seq IN (${seqs}) AND state = 'waiting' AND ledger_queue.seq IS NULL`,
);

/** Those that were written just now: whatever else waits stands in the queue already. */
function* freshOf(tx: Tx, items: readonly NewInvocation[]): TxStep<readonly NewInvocation[]> {
  const rows = items.map(({ seq }) => [seq]);
  const found = yield* allOver<{ seq: number; id: string }>(tx, FRESH, { rows });
  const ids = new Map(found.map(({ seq, id }) => [seq, id]));
  // What stands there twice as it is was written once.
  return items.filter(({ seq, id }) => ids.get(seq) === id && ids.delete(seq));
}

/** They share all that few invocations have of their own; packed ones share their event, too. */
function isAlike(item: NewInvocation, first: NewInvocation | undefined): boolean {
  return (
    item.event === first?.event &&
    item.functionId === first.functionId &&
    item.accountId === first.accountId &&
    item.app === first.app &&
    item.fn === first.fn &&
    item.source === first.source &&
    item.sourceId === first.sourceId
  );
}

/** How many were not there. */
function* writeRecords(tx: Tx, items: readonly NewInvocation[], areAlike: boolean): TxStep<number> {
  const [first] = items;
  if (first === undefined || !areAlike) {
    return yield* runOver(tx, RECORDS, { rows: items.map((item) => recordValues(item, item.seq)) });
  }
  const { accountId, functionId, app, fn, source, sourceId, event } = first;
  const after = [accountId, functionId, app, fn, source, sourceId, JSON.stringify(event)];
  const rows = items.map(
    ({ seq, id, acceptedMs, expiresMs, orderingKey, idempotency, payload }) => {
      return [seq, id, acceptedMs, expiresMs, orderingKey, idempotency?.key ?? null, payload];
    },
  );
  return yield* runOver(tx, ALIKE_RECORDS, { rows, after });
}

function recordValues(item: NewInvocation, seq: number): readonly SqlValue[] {
  return [
    ...[seq, item.id, item.accountId, item.functionId, item.app, item.fn, item.source],
    ...[item.sourceId, item.acceptedMs, item.expiresMs, item.orderingKey],
    ...[item.idempotency?.key ?? null, JSON.stringify(item.event), item.payload],
  ];
}

/** Where one stands in the queue. */
interface Place {
  readonly item: NewInvocation;
  readonly seq: number;
  readonly phase: number;
}

function* writeQueued(tx: Tx, places: readonly Place[], areAlike: boolean): TxStep<void> {
  const [first] = places;
  if (first === undefined || !areAlike) {
    yield* runOver(tx, QUEUED, { rows: places.map(queueValues) });
    return;
  }
  const { functionId, accountId } = first.item;
  const rows = places.map(({ item, seq, phase }) => {
    return [seq, item.id, phase, firstDueMs(item), item.expiresMs, item.orderingKey];
  });
  yield* runOver(tx, ALIKE_QUEUED, { rows, after: [functionId, accountId] });
}

function queueValues({ item, seq, phase }: Place): readonly SqlValue[] {
  return [
    ...[seq, item.id, item.functionId, item.accountId, phase],
    ...[firstDueMs(item), item.expiresMs, item.orderingKey],
  ];
}

function firstDueMs({ dueMs, expiresMs }: NewInvocation): number {
  return Math.min(dueMs, expiresMs);
}

const QUEUE_ONE = `INSERT INTO ledger_queue (${QUEUE_COLUMNS}) VALUES ${QUEUE_ROW}`;

/** Of one; whoever calls it adds to the sums. */
export function* acceptOne(tx: Tx, item: NewInvocation): TxStep<Accepted> {
  const known = yield* claimKey(tx, item);
  if (known !== undefined) return known;
  const aheadSeq = yield* lastOfKey(tx, item);
  const seq = yield* insertRecord(tx, item, Math.max(item.seq, (aheadSeq ?? 0) + 1));
  if (seq === undefined) return { kind: "repeated", id: item.id };
  const phase = aheadSeq === undefined ? PHASE.ready : PHASE.blocked;
  yield* tx.run(QUEUE_ONE, queueValues({ item, seq, phase }));
  return { kind: "accepted", id: item.id };
}

/**
 * Under which number it was written; undefined when it is there already. A number that is taken,
 * because a clock went back or two count at once, gives way to one after all others.
 */
function* insertRecord(tx: Tx, item: NewInvocation, seq: number): TxStep<number | undefined> {
  const written = yield* tx.run(
    `INSERT INTO ledger_invocations (${RECORD_COLUMNS}) VALUES ${RECORD_ROW}
     ON CONFLICT DO NOTHING`,
    recordValues(item, seq),
  );
  if (written > 0) return seq;
  if (yield* isKnown(tx, item.id)) return undefined;
  const last = yield* tx.get<{ seq: number }>("SELECT MAX(seq) AS seq FROM ledger_invocations");
  return yield* insertRecord(tx, item, (last?.seq ?? seq) + 1);
}

function* isKnown(tx: Tx, id: RequestId): TxStep<boolean> {
  return (yield* tx.get("SELECT seq FROM ledger_invocations WHERE id = ?", [id])) !== undefined;
}

/** Of an invocation what its key is looked up by. */
export type KeyedName = Pick<
  NewInvocation,
  "id" | "accountId" | "functionId" | "acceptedMs" | "idempotency"
>;

/** What the key stands for already; undefined when it is free or there is none. */
export function* findKey(tx: Tx, item: KeyedName): TxStep<Accepted | undefined> {
  const { idempotency, accountId, functionId, acceptedMs, id } = item;
  if (idempotency === null) return undefined;
  const { key, digest } = idempotency;
  const found = yield* readKey(tx, [accountId, functionId, key]);
  // Told again after its key went to another, it is still the one that was accepted.
  if (found !== undefined && found.id !== id && (yield* isKnown(tx, id))) {
    return { kind: "repeated", id };
  }
  if (found !== undefined && found.expires_ms > acceptedMs) {
    const kind = found.digest === digest ? "repeated" : "conflict";
    return { kind, id: found.id as RequestId };
  }
  return undefined;
}

/** The same; one that is free stands for this one from now on. */
function* claimKey(tx: Tx, item: NewInvocation): TxStep<Accepted | undefined> {
  const { idempotency, accountId, functionId, id } = item;
  const known = yield* findKey(tx, item);
  if (idempotency === null || known !== undefined) return known;
  const { key, digest, expiresMs: expires_ms } = idempotency;
  yield* keepKey(tx, [accountId, functionId, key], { id, digest, expires_ms, answer: null });
  return undefined;
}

/** Number of the open one of its ordering key that was accepted last: this one comes after it. */
function* lastOfKey(
  tx: Tx,
  { functionId, orderingKey }: NewInvocation,
): TxStep<number | undefined> {
  if (orderingKey === null) return undefined;
  const last = yield* tx.get<{ seq: number }>(
    `SELECT seq FROM ledger_queue WHERE function_id = ? AND ordering_key = ?
     ORDER BY seq DESC LIMIT 1`,
    [functionId, orderingKey],
  );
  return last?.seq;
}

/**
 * Which of many new invocations meet something by their keys: an idempotency key that is there or
 * comes twice, or an ordering key whose numbers do not simply go on. Those are accepted one by one,
 * with all of their ordering key; the others can be written together.
 */
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { allOver, overRows, overValues } from "./sets.ts";

/** Of a new invocation what others may meet. */
export interface Meeting {
  readonly seq: number;
  readonly id: RequestId;
  readonly accountId: AccountId;
  readonly functionId: FunctionId;
  readonly orderingKey: string | null;
  readonly idempotency: { readonly key: string } | null;
}

export interface Meetings<One extends Meeting> {
  /** To be accepted by themselves. */
  readonly alone: ReadonlySet<One>;
  /** By `orderOf`, the number of the open one that was accepted last. */
  readonly lasts: Map<string, number>;
}

/** `twice`: ids that stand among them more than once; of no matter where none has a key. */
export function* meetingsOf<One extends Meeting>(
  tx: Tx,
  items: readonly One[],
  twice: ReadonlySet<string>,
): TxStep<Meetings<One>> {
  const keyed = items.filter(hasKey);
  // One by itself takes as few statements alone, and simpler ones.
  if (keyed.length < 2) return { alone: new Set(keyed), lasts: new Map() };
  const known = yield* knownKeys(tx, keyed);
  const ordered = keyed.filter(({ orderingKey }) => orderingKey !== null);
  const lasts = yield* lastsOf(tx, ordered);
  const stuck = yield* stuckOrders(tx, ordered, lasts);
  const isMet = (item: Meeting): boolean =>
    twice.has(item.id) || (item.idempotency !== null && known.has(keyOf(item)));
  for (const item of ordered) if (isMet(item)) stuck.add(orderOf(item));
  const isStuck = (item: Meeting): boolean => item.orderingKey !== null && stuck.has(orderOf(item));
  return { alone: new Set(keyed.filter((item) => isMet(item) || isStuck(item))), lasts };
}

/** Others may meet it by more than its id. */
export function hasKey({ orderingKey, idempotency }: Meeting): boolean {
  return orderingKey !== null || idempotency !== null;
}

/** Names an ordering key of a function. */
export function orderOf({
  functionId,
  orderingKey,
}: Pick<Meeting, "functionId" | "orderingKey">): string {
  return `${functionId} ${orderingKey}`;
}

function keyOf({
  accountId,
  functionId,
  idempotency,
}: Pick<Meeting, "accountId" | "functionId" | "idempotency">): string {
  return `${accountId} ${functionId} ${idempotency?.key}`;
}

const KNOWN_KEYS = overRows(
  ["@text", "@text", "@text"],
  (rows) => `WITH given (account_id, function_id, key) AS (VALUES ${rows})
    SELECT ledger_keys.account_id AS account_id, ledger_keys.function_id AS function_id,
      ledger_keys.key AS key
    FROM given JOIN ledger_keys ON ledger_keys.account_id = given.account_id
      AND ledger_keys.function_id = given.function_id AND ledger_keys.key = given.key`,
);

/** Idempotency keys that are there, in force or not, or come twice. */
function* knownKeys(tx: Tx, items: readonly Meeting[]): TxStep<ReadonlySet<string>> {
  const known = new Set<string>();
  const asked = new Map<string, readonly string[]>();
  for (const item of items) {
    if (item.idempotency === null) continue;
    const name = keyOf(item);
    if (asked.has(name)) known.add(name);
    asked.set(name, [item.accountId, item.functionId, item.idempotency.key]);
  }
  const rows = [...asked.values()];
  const found = yield* allOver<{ account_id: string; function_id: string; key: string }>(
    tx,
    KNOWN_KEYS,
    { rows },
  );
  for (const { account_id: account, function_id: fn, key } of found)
    known.add(`${account} ${fn} ${key}`);
  return known;
}

const LASTS = overRows(
  ["@text", "@text"],
  (rows) => `WITH given (function_id, ordering_key) AS (VALUES ${rows})
    SELECT given.function_id AS function_id, given.ordering_key AS ordering_key,
      (SELECT open.seq FROM ledger_queue AS open
       WHERE open.function_id = given.function_id AND open.ordering_key = given.ordering_key
       ORDER BY open.seq DESC LIMIT 1) AS seq
    FROM given WHERE given.function_id IS NOT NULL`,
);

function* lastsOf(tx: Tx, ordered: readonly Meeting[]): TxStep<Map<string, number>> {
  const asked = new Map(ordered.map((item) => [orderOf(item), item]));
  const rows = [...asked.values()].map(({ functionId, orderingKey }) => [functionId, orderingKey]);
  const found = yield* allOver<{ function_id: string; ordering_key: string; seq: number | null }>(
    tx,
    LASTS,
    { rows },
  );
  return new Map(
    found.flatMap(({ function_id, ordering_key, seq }) =>
      seq === null ? [] : [[`${function_id} ${ordering_key}`, seq]],
    ),
  );
}

const TAKEN = overValues((seqs) => `SELECT seq FROM ledger_invocations WHERE seq IN (${seqs})`);

/** Where a number is taken, or does not follow on the one before. */
function* stuckOrders(
  tx: Tx,
  ordered: readonly Meeting[],
  lasts: ReadonlyMap<string, number>,
): TxStep<Set<string>> {
  const rows = ordered.map(({ seq }) => [seq]);
  const found = yield* allOver<{ seq: number }>(tx, TAKEN, { rows });
  const taken = new Set(found.map(({ seq }) => seq));
  const before = new Map(lasts);
  const stuck = new Set<string>();
  for (const item of ordered) {
    const name = orderOf(item);
    if (taken.has(item.seq) || item.seq <= (before.get(name) ?? 0)) stuck.add(name);
    before.set(name, item.seq);
  }
  return stuck;
}

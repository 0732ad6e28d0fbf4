/**
 * Many new invocations as they travel to the store's thread: what many of them share is told once,
 * numbers lie side by side and payloads in one buffer. Copied one by one, as objects, they cost
 * more than the rows that become of them. Answers come back the same way: all but the plain ones.
 */
import { assert, type RequestId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { accept, type Accepted, type NewInvocation } from "./accept.ts";

/** What invocations of one source and function share. */
type Shared = Pick<
  NewInvocation,
  "accountId" | "functionId" | "app" | "fn" | "source" | "sourceId" | "event"
>;
/** What few have. */
interface Keyed {
  readonly at: number;
  readonly orderingKey: string | null;
  readonly idempotency: NewInvocation["idempotency"];
}

export interface PackedInvocations {
  readonly shared: readonly Shared[];
  readonly keyed: readonly Keyed[];
  readonly ids: readonly RequestId[];
  /** For each: which of `shared`, seq, acceptedMs, dueMs, expiresMs, the end of its payload. */
  readonly numbers: Float64Array;
  readonly payloads: Uint8Array;
}

/** Those that are not plainly accepted, with their places. */
export interface PackedAnswers {
  readonly others: readonly (readonly [at: number, answer: Accepted])[];
}

const NUMBERS = 6;

/** The payloads are copied; `items` may be changed afterwards. */
export function packInvocations(items: readonly NewInvocation[]): PackedInvocations {
  const shared = new Map<string, number>();
  const sharedItems: Shared[] = [];
  const keyed: Keyed[] = [];
  const numbers = new Float64Array(items.length * NUMBERS);
  const payloads = new Uint8Array(items.reduce((sum, { payload }) => sum + payload.length, 0));
  let end = 0;
  for (const [at, item] of items.entries()) {
    const { accountId, functionId, app, fn, source, sourceId, event } = item;
    const { orderingKey, idempotency, payload } = item;
    const key = JSON.stringify([functionId, app, fn, source, sourceId, event]);
    let place = shared.get(key);
    if (place === undefined) {
      place = sharedItems.push({ accountId, functionId, app, fn, source, sourceId, event }) - 1;
      shared.set(key, place);
    }
    if (orderingKey !== null || idempotency !== null) keyed.push({ at, orderingKey, idempotency });
    payloads.set(payload, end);
    end += payload.length;
    const { seq, acceptedMs, dueMs, expiresMs } = item;
    numbers.set([place, seq, acceptedMs, dueMs, expiresMs, end], at * NUMBERS);
  }
  return { shared: sharedItems, keyed, ids: items.map(({ id }) => id), numbers, payloads };
}

function unpackInvocations(packed: PackedInvocations): readonly NewInvocation[] {
  const { shared, keyed, ids, numbers, payloads } = packed;
  let from = 0;
  let nextKeyed = 0;
  return ids.map((id, at): NewInvocation => {
    const number = (n: number): number => numbers[at * NUMBERS + n] ?? 0;
    const of = shared[number(0)];
    assert(of !== undefined, "what is packed is whole");
    const own = keyed[nextKeyed]?.at === at ? keyed[nextKeyed++] : undefined;
    const payload = payloads.subarray(from, number(5));
    from = number(5);
    return {
      seq: number(1),
      id,
      accountId: of.accountId,
      functionId: of.functionId,
      app: of.app,
      fn: of.fn,
      source: of.source,
      sourceId: of.sourceId,
      acceptedMs: number(2),
      dueMs: number(3),
      expiresMs: number(4),
      orderingKey: own?.orderingKey ?? null,
      idempotency: own?.idempotency ?? null,
      event: of.event,
      payload,
    };
  });
}

/** As `accept`. */
export function* acceptPacked(
  tx: Tx,
  { items, slot }: { readonly items: PackedInvocations; readonly slot: number },
): TxStep<PackedAnswers> {
  const answers = yield* accept(tx, { items: unpackInvocations(items), slot });
  const others = [...answers.entries()].filter(
    ([at, { kind, id }]) => kind !== "accepted" || id !== items.ids[at],
  );
  return { others };
}

/** One answer for each of what was packed. */
export function unpackAnswers(
  { ids }: Pick<PackedInvocations, "ids">,
  { others }: PackedAnswers,
): readonly Accepted[] {
  const answers: Accepted[] = ids.map((id) => ({ kind: "accepted", id }));
  for (const [at, answer] of others) answers[at] = answer;
  return answers;
}

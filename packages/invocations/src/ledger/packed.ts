/**
 * Many new invocations as they travel to the store's thread: what many of them share is told once,
 * numbers lie side by side and payloads in one buffer. Copied one by one, as objects, they cost
 * more than the rows that become of them. Answers come back the same way: all but the plain ones.
 */
import { assert, type RequestId } from "@skerry/base";
import type { LedgerEvent } from "@skerry/contracts";
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

/**
 * The payloads are copied; `items` may be changed afterwards. They are numbered from `firstSeq` on
 * where that is given, else as they say.
 */
export function packInvocations(
  items: readonly NewInvocation[],
  firstSeq?: number,
): PackedInvocations {
  const shared = new SharedParts();
  const keyed: Keyed[] = [];
  const numbers = new Float64Array(items.length * NUMBERS);
  const payloads = new Uint8Array(items.reduce((sum, { payload }) => sum + payload.length, 0));
  let end = 0;
  for (const [at, item] of items.entries()) {
    const { orderingKey, idempotency, payload } = item;
    const place = shared.placeOf(item);
    if (orderingKey !== null || idempotency !== null) keyed.push({ at, orderingKey, idempotency });
    payloads.set(payload, end);
    end += payload.length;
    const { acceptedMs, dueMs, expiresMs } = item;
    const seq = firstSeq === undefined ? item.seq : firstSeq + at;
    numbers.set([place, seq, acceptedMs, dueMs, expiresMs, end], at * NUMBERS);
  }
  return { shared: shared.items, keyed, ids: items.map(({ id }) => id), numbers, payloads };
}

/** What stands in `shared`, each part once. */
class SharedParts {
  readonly items: Shared[] = [];
  readonly #places = new Map<string, number>();
  #last: { readonly of: Shared; readonly place: number } | undefined;

  placeOf(item: Shared): number {
    // The next of a list: no text is made for it.
    if (this.#last !== undefined && isSame(this.#last.of, item)) return this.#last.place;
    const { accountId, functionId, app, fn, source, sourceId, event } = item;
    const key = JSON.stringify([functionId, app, fn, source, sourceId, event]);
    const of = { accountId, functionId, app, fn, source, sourceId, event };
    const place = this.#places.get(key) ?? this.items.push(of) - 1;
    this.#places.set(key, place);
    this.#last = { of, place };
    return place;
  }
}

function isSame(one: Shared, other: Shared): boolean {
  return (
    one.functionId === other.functionId &&
    one.accountId === other.accountId &&
    one.app === other.app &&
    one.fn === other.fn &&
    one.source === other.source &&
    one.sourceId === other.sourceId &&
    isSameEvent(one.event, other.event)
  );
}

/** Of events that say all in words; of others it is not known. */
function isSameEvent(one: LedgerEvent, other: LedgerEvent): boolean {
  const names = Object.keys(one) as (keyof LedgerEvent)[];
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && one[name] === other[name])
  );
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

/**
 * Tells a destination of an end, in the transaction that ends: nothing ends without its delivery
 * being written, and nothing is told of what did not end. What is told has an id that follows from
 * the one that ended, so that it is there once.
 *
 * Who is told is resolved by the caller, who knows the configuration. A destination that is not
 * there is a delivery that failed, for everybody to see.
 */
import {
  assert,
  isId,
  type AccountId,
  type FunctionId,
  type RequestId,
  type WireError,
} from "@skerry/base";
import {
  isCallSource,
  LIMITS,
  type DeliveryState,
  type LedgerEnd,
  type LedgerEvent,
} from "@skerry/contracts";
import type { Migration, SqlValue, Tx, TxStep } from "@skerry/store";
import { failInvocations } from "../errors.ts";
import { acceptAll, type NewInvocation } from "./accept.ts";
import { derivedId } from "./derived-id.ts";
import { endedEvent } from "./ended-event.ts";
import { SEQUENCE_PER_MS } from "./sequence.ts";
import { allOver, overRows, overValues, runOver } from "./sets.ts";
import { addOpen, plusSums, type SumChanges } from "./sums.ts";

/** One that was named, and what it leads to. */
export type ResolvedDestination =
  | {
      readonly kind: "function";
      /** As it was named. */
      readonly target: string;
      readonly functionId: FunctionId;
      readonly app: string;
      readonly fn: string;
      /** Of its policy. */
      readonly maxAgeMs: number;
    }
  | {
      readonly kind: "missing";
      /** What was named; a function when absent. */
      readonly of?: "topic";
      readonly target: string;
      readonly error: WireError;
    }
  /** It is published later, until it is `maxAgeMs` old. */
  | {
      readonly kind: "topic";
      readonly target: string;
      /** Whose topic it is. */
      readonly accountId: AccountId;
      readonly maxAgeMs: number;
    }
  /** It is called later, until it is `maxAgeMs` old. */
  | { readonly kind: "webhook"; readonly target: string; readonly maxAgeMs: number };

/** Of one function. */
export interface Destinations {
  readonly onSuccess?: ResolvedDestination;
  readonly onFailure?: ResolvedDestination;
}

/** By the function whose invocations end; what is absent has none. */
export type DestinationsByFunction = Readonly<Record<FunctionId, Destinations>>;

/** One for each invocation that ended and had a destination then; no function is `waiting`. */
export const DELIVERY_TABLES: Migration["sql"] = [
  `CREATE TABLE ledger_deliveries (
    id @text PRIMARY KEY, kind @text NOT NULL, target @text NOT NULL, state @text NOT NULL,
    attempts @integer NOT NULL, due_ms @integer NOT NULL, expires_ms @integer NOT NULL,
    claimed @integer NOT NULL, settled_ms @integer, told_id @text, status @integer, error @text)`,
  `CREATE INDEX ledger_deliveries_due ON ledger_deliveries (target, due_ms, id)
    WHERE state = 'waiting'`,
];

/**
 * What waits for one address, or for one account's topic, waits together under one name. Platforms
 * of an earlier release leave it out.
 */
export const DELIVERY_LANES: Migration["sql"] = [
  `ALTER TABLE ledger_deliveries ADD COLUMN lane @text NOT NULL DEFAULT ''`,
  `CREATE INDEX ledger_deliveries_by_lane ON ledger_deliveries (lane, due_ms, id)
    WHERE state = 'waiting'`,
  `CREATE INDEX ledger_deliveries_by_age ON ledger_deliveries (lane, expires_ms)
    WHERE state = 'waiting' AND kind = 'topic'`,
];

/** What deliveries to an account's topic wait under; an address is its own. */
export function topicLane(accountId: AccountId, topic: string): string {
  return `${accountId} ${topic}`;
}

/** Undefined for an address. */
export function topicOfLane(
  lane: string,
): { readonly accountId: AccountId; readonly topic: string } | undefined {
  const [accountId = "", topic] = lane.split(" ");
  return isId("acct", accountId) && topic !== undefined ? { accountId, topic } : undefined;
}

/** Undefined for what nobody is told of: of a call its caller is, and nobody else. */
export function destinationOf(
  destinations: Destinations | undefined,
  { end, source }: { readonly end: LedgerEnd; readonly source: string },
): ResolvedDestination | undefined {
  if (destinations === undefined || isCallSource(source) || end === "cancelled") return undefined;
  return end === "succeeded" ? destinations.onSuccess : destinations.onFailure;
}

/** What a destination is told is made of these. */
export interface EndedRow {
  readonly id: string;
  readonly account_id: string;
  readonly app: string;
  readonly fn: string;
  readonly state: string;
  readonly accepted_ms: number;
  readonly settled_ms: number | null;
  readonly attempts: number;
  readonly ordering_key: string | null;
  readonly event: string;
  readonly error: string | null;
  readonly result_type: string | null;
  readonly result: Uint8Array | null;
  readonly payload: Uint8Array;
}
type Loose<R> = R & Record<keyof R, string | number | Uint8Array | null>;

const ENDED = `SELECT id, account_id, app, fn, state, accepted_ms, settled_ms, attempts,
  ordering_key, event, error, result_type, result, payload FROM ledger_invocations`;

const ENDED_AMONG = overValues((ids) => `${ENDED} WHERE id IN (${ids})`);

/** Undefined when there is none. */
export function* findEnded(tx: Tx, id: string): TxStep<EndedRow | undefined> {
  return yield* tx.get<Loose<EndedRow>>(`${ENDED} WHERE id = ?`, [id]);
}

export interface Telling {
  /** Of the invocation, whose end is written already. */
  readonly id: RequestId;
  readonly to: ResolvedDestination;
}

/** What was done. */
export interface Told {
  /** Of this function an invocation was accepted. */
  readonly told?: FunctionId;
  /** Under this lane it waits for its address to be called, or its topic to be published to. */
  readonly webhook?: string;
}

export interface AllTold {
  readonly told: ReadonlyMap<RequestId, Told>;
  /** What is to be added to the books. */
  readonly sums: SumChanges;
}

interface Delivery extends Telling {
  readonly state: DeliveryState;
  readonly toldId: RequestId | null;
  readonly error: WireError | null;
}

/** Payloads and results that are in memory at once to tell of them, or those of one. */
const BYTES_AT_ONCE = 8 << 20;

/** When, and the numbers of what is accepted then. */
export interface NumberedTime {
  readonly nowMs: number;
  /**
   * The first of as many numbers as functions may be told now; see `Sequence`. Without, they follow
   * from the time, and others' of that moment have to give way.
   */
  readonly toldSeq?: number | undefined;
}

/** Writes the deliveries, and what they are made by. */
export function* tellAll(
  tx: Tx,
  { tellings, nowMs, toldSeq }: NumberedTime & { readonly tellings: readonly Telling[] },
): TxStep<AllTold> {
  const told = new Map<RequestId, Told>();
  let sums: SumChanges = {};
  let seq = toldSeq ?? Math.floor(nowMs * SEQUENCE_PER_MS);
  for (const part of yield* partsOf(tx, tellings)) {
    sums = plusSums(sums, yield* tellPart(tx, { tellings: part, nowMs, seq, told }));
    seq += part.length;
  }
  return { told, sums };
}

const BYTES_AMONG = overValues(
  (ids) => `SELECT id, CAST(LENGTH(payload) + COALESCE(LENGTH(result), 0) AS @integer) AS bytes
    FROM ledger_invocations WHERE id IN (${ids})`,
);

/** As many at once as memory is meant for. */
function* partsOf(tx: Tx, tellings: readonly Telling[]): TxStep<readonly (readonly Telling[])[]> {
  const rows = functionsTold(tellings);
  const found = yield* allOver<{ id: string; bytes: number }>(tx, BYTES_AMONG, { rows });
  const bytesOf = new Map(found.map(({ id, bytes }) => [id, bytes]));
  const parts: Telling[][] = [];
  let left = 0;
  for (const telling of tellings) {
    const bytes = bytesOf.get(telling.id) ?? 0;
    const part = bytes <= left ? parts.at(-1) : undefined;
    if (part === undefined) parts.push([telling]);
    else part.push(telling);
    left = (part === undefined ? BYTES_AT_ONCE : left) - bytes;
  }
  return parts;
}

interface Part {
  readonly tellings: readonly Telling[];
  readonly nowMs: number;
  /** The first number for what is accepted. */
  readonly seq: number;
  /** Added to. */
  readonly told: Map<RequestId, Told>;
}

/** What is to be added to the books. */
function* tellPart(tx: Tx, { tellings, nowMs, seq, told }: Part): TxStep<SumChanges> {
  const ended = yield* endedAmong(tx, tellings);
  const plans = tellings.map((telling, i) =>
    planOf(telling, ended.get(telling.id), { nowMs, seq: seq + i }),
  );
  const items = plans.flatMap(({ item }) => (item === undefined ? [] : [item]));
  const answers = yield* acceptAll(tx, items);
  const isNew = new Set(
    answers.flatMap(({ kind, id }) => (kind === "accepted" ? [id as string] : [])),
  );
  const rows = plans.map(({ delivery }) => deliveryValues(delivery, nowMs));
  yield* runOver(tx, NOTE, { rows });
  const open = new Map<FunctionId, number>();
  const sums = { owed: plans.length, delivered: 0, undelivered: 0, accepted: 0 };
  for (const { delivery, item } of plans) {
    const { id, to, state } = delivery;
    if (state !== "waiting") sums[state === "delivered" ? "delivered" : "undelivered"] += 1;
    if (state === "waiting") told.set(id, { webhook: laneOf(to) });
    if (item === undefined || !isNew.has(item.id)) continue;
    told.set(id, { told: item.functionId });
    sums.accepted += 1;
    addOpen(open, item.functionId, 1);
  }
  return { ...sums, open };
}

/** Records of those of which a function is told. */
function* endedAmong(tx: Tx, tellings: readonly Telling[]): TxStep<ReadonlyMap<string, EndedRow>> {
  const rows = functionsTold(tellings);
  const found = yield* allOver<Loose<EndedRow>>(tx, ENDED_AMONG, { rows });
  return new Map(found.map((row) => [row.id, row]));
}

function functionsTold(tellings: readonly Telling[]): readonly (readonly SqlValue[])[] {
  return tellings.flatMap(({ id, to }) => (to.kind === "function" ? [[id]] : []));
}

/** How one is told: its delivery, and the invocation that a function is told by. */
function planOf(
  { id, to }: Telling,
  row: EndedRow | undefined,
  { nowMs, seq }: { readonly nowMs: number; readonly seq: number },
): { readonly delivery: Delivery; readonly item?: NewInvocation } {
  const delivery = { id, to, toldId: null, error: null };
  if (to.kind === "webhook" || to.kind === "topic")
    return { delivery: { ...delivery, state: "waiting" } };
  if (to.kind === "missing") return { delivery: { ...delivery, state: "failed", error: to.error } };
  assert(row !== undefined, "an end that was written has its record");
  const { d: depth = 0 } = eventOf(row);
  const depthMax = LIMITS.destinationDepthMax;
  if (depth >= depthMax) {
    const why = failInvocations("DESTINATION_DEPTH_EXCEEDED", { target: to.target, depthMax });
    return { delivery: { ...delivery, state: "failed", error: why.toWire() } };
  }
  const toldId = derivedId("destination", id);
  const item: NewInvocation = {
    ...{ seq, id: toldId },
    ...{ accountId: row.account_id as AccountId, functionId: to.functionId },
    ...{ app: to.app, fn: to.fn, source: "destination", sourceId: id },
    ...{ acceptedMs: nowMs, dueMs: nowMs, expiresMs: nowMs + to.maxAgeMs },
    ...{ orderingKey: null, idempotency: null, event: { d: depth + 1 } },
    payload: endedDocument(row),
  };
  return { delivery: { ...delivery, state: "delivered", toldId }, item };
}

const NOTE = overRows(
  [
    ...(["@text", "@text", "@text", "@text", "@text"] as const),
    ...(["@integer", "@integer", "@integer", "@text", "@text"] as const),
  ],
  (rows) => `WITH given
      (id, kind, target, lane, state, due_ms, expires_ms, settled_ms, told_id, error)
      AS (VALUES ${rows})
    INSERT INTO ledger_deliveries (id, kind, target, lane, state, attempts, due_ms, expires_ms,
      claimed, settled_ms, told_id, error)
    SELECT id, kind, target, lane, state, 0, due_ms, expires_ms, 0, settled_ms, told_id, error
    FROM given WHERE id IS NOT NULL`,
);

function deliveryValues(
  { id, to, state, toldId, error }: Delivery,
  nowMs: number,
): readonly SqlValue[] {
  const kind = to.kind === "missing" ? (to.of ?? "function") : to.kind;
  const isWaiting = state === "waiting";
  const ageMs = isWaiting && "maxAgeMs" in to ? to.maxAgeMs : 0;
  return [
    ...[id, kind, to.target, laneOf(to), state, nowMs],
    ...[nowMs + ageMs, isWaiting ? null : nowMs, toldId],
    error === null ? null : JSON.stringify(error),
  ];
}

function laneOf(to: ResolvedDestination): string {
  return to.kind === "topic" ? topicLane(to.accountId, to.target) : to.target;
}

/** What is told of it, in no more than so many bytes. */
export function endedDocument(
  row: EndedRow,
  bytesMax: number = LIMITS.asyncPayloadBytesMax,
): Uint8Array {
  const ended = {
    ...{ id: row.id, app: row.app, fn: row.fn, end: row.state as LedgerEnd },
    ...{ attempts: row.attempts, acceptedMs: row.accepted_ms },
    endedMs: row.settled_ms ?? row.accepted_ms,
    error: row.error === null ? null : (JSON.parse(row.error) as WireError),
    ...{ payload: row.payload, payloadType: eventOf(row).ct },
    ...{ result: row.result, resultType: row.result_type },
  };
  return endedEvent(ended, bytesMax);
}

/** What was known of it beside its payload. */
export function eventOf({ event }: Pick<EndedRow, "event">): LedgerEvent {
  return JSON.parse(event) as LedgerEvent;
}

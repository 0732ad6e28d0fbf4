/**
 * Publishes what ended to a topic that is the destination of its function: messages, and that they
 * are delivered, in one transaction, so that each is there once. What a topic has no room for is
 * tried again until the delivery is too old; a topic that is not there ends it.
 */
import { assert, type WireError } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import {
  claimWebhooks,
  failInvocations,
  giveUpOld,
  nextDeliveryMs,
  settleWebhooks,
  topicOfLane,
  type CalledWebhook,
  type ClaimedDelivery,
} from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { appendSome, findTopic, prepareMessages } from "@skerry/triggers";
import type { TopicGrown } from "../bus/fan-out.ts";
import { ENDED_BYTES_MAX, endedMessage } from "./ended-message.ts";
import { failTopic } from "./errors.ts";

const RETRY = { delayMsMin: 1_000, delayMsMax: 60_000 } as const;
/** Deliveries that are given up at once. */
const GIVEN_UP_MAX = 256;

export interface PublishEndsArgs {
  /** Of an account's topic. */
  readonly lane: string;
  readonly nowMs: number;
  readonly rowsMax: number;
  /** Any whole number: spreads messages without a key. */
  readonly spread: number;
  /** In [0, 1): spreads what is tried again. */
  readonly chance: number;
  readonly slot: number;
}

export interface PublishedEnds {
  readonly grown: TopicGrown | null;
  /** When there is more to publish. Null for never. */
  readonly nextDueMs: number | null;
  /** Why some were not taken, this time or for ever. */
  readonly refusal: WireError | null;
  /** There was room for none of those that were tried; undefined when none was. */
  readonly isFull: boolean | undefined;
}

type Verdict =
  | { readonly kind: "delivered" }
  | { readonly kind: "again" | "refused"; readonly error: WireError };

/** Those that are due, the oldest first. */
export function* publishEnds(tx: Tx, args: PublishEndsArgs): TxStep<PublishedEnds> {
  const { lane, nowMs, rowsMax, slot } = args;
  const claim = { lane, nowMs, leaseMs: 0, rowsMax, bodyBytesMax: ENDED_BYTES_MAX };
  const { calls } = yield* claimWebhooks(tx, claim);
  const { verdicts, grown } = yield* publish(tx, args, calls);
  const called = calls.map((call) => calledOf(call, verdicts.get(call), args));
  yield* settleWebhooks(tx, { called, nowMs, slot });
  const refused = [...verdicts.values()].findLast((verdict) => verdict.kind !== "delivered");
  const full = fullOf([...verdicts.values()]);
  // Nobody else comes to what waits behind those that were tried.
  const old =
    full && (yield* giveUpOld(tx, { lane, error: full, nowMs, rowsMax: GIVEN_UP_MAX, slot }));
  const isMoreOld = old === GIVEN_UP_MAX;
  return {
    grown,
    nextDueMs: yield* nextDeliveryMs(tx, { lane }),
    refusal: refused?.error ?? null,
    isFull: calls.length === 0 ? undefined : full !== undefined && !isMoreOld,
  };
}

/** Why there was room for none; undefined when there was, or nobody needed any. */
function fullOf(verdicts: readonly Verdict[]): WireError | undefined {
  const [first] = verdicts;
  const isFull = verdicts.every(({ kind }) => kind === "again");
  return isFull && first?.kind === "again" ? first.error : undefined;
}

interface Published {
  readonly verdicts: ReadonlyMap<ClaimedDelivery, Verdict>;
  readonly grown: TopicGrown | null;
}

function* publish(
  tx: Tx,
  { lane, nowMs, spread }: PublishEndsArgs,
  ended: readonly ClaimedDelivery[],
): TxStep<Published> {
  const { accountId, topic } = topicOfLane(lane) ?? {};
  assert(accountId !== undefined && topic !== undefined, "what is published waits for a topic");
  const { destinationDepthMax: depthMax } = LIMITS;
  const tooDeep = failInvocations("DESTINATION_DEPTH_EXCEEDED", { target: topic, depthMax });
  const verdicts = new Map<ClaimedDelivery, Verdict>();
  const shallow = ended.filter(({ depth }) => depth < depthMax);
  for (const one of ended) verdicts.set(one, { kind: "refused", error: tooDeep.toWire() });
  if (shallow.length === 0) return { verdicts, grown: null };
  const found = yield* findTopic(tx, { accountId, name: topic });
  const messages = prepareMessages(shallow.map(endedMessage), spread);
  const done = found && (yield* appendSome(tx, { topicId: found.id, messages, nowMs }));
  if (found === undefined || done?.kind !== "appended") {
    const error = failTopic("TOPIC_NOT_FOUND", { topic }).toWire();
    for (const one of shallow) verdicts.set(one, { kind: "refused", error });
    return { verdicts, grown: null };
  }
  const ends = new Map<number, number>();
  for (const [i, partition] of done.partitions.entries()) {
    const one = shallow[i];
    const offset = done.offsets[i] ?? Number.NaN;
    const isTaken = !Number.isNaN(offset);
    if (isTaken) ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1));
    const error = failTopic("TOPIC_FULL", { topic, partition }).toWire();
    if (one) verdicts.set(one, isTaken ? { kind: "delivered" } : { kind: "again", error });
  }
  const grown = ends.size === 0 ? null : { topicId: found.id, ends: [...ends] };
  return { verdicts, grown };
}

function calledOf(
  { id, attempt, expiresMs }: ClaimedDelivery,
  verdict: Verdict | undefined,
  { nowMs, chance }: PublishEndsArgs,
): CalledWebhook {
  assert(verdict !== undefined, "each that was claimed was tried");
  const settled = { id, attempt, status: null };
  if (verdict.kind === "delivered")
    return { ...settled, state: "delivered", dueMs: nowMs, error: null };
  const { error } = verdict;
  const doubled = RETRY.delayMsMin * 2 ** Math.min(attempt - 1, 30);
  const dueMs = nowMs + Math.round(Math.min(doubled, RETRY.delayMsMax) * (0.5 + chance / 2));
  const isOver = verdict.kind === "refused" || dueMs >= expiresMs;
  return isOver
    ? { ...settled, state: "failed", dueMs: nowMs, error }
    : { ...settled, state: "waiting", dueMs, error };
}

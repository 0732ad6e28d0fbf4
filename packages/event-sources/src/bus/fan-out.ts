/**
 * One step of what events come to: invocations, messages, counts, and that the events wait no more,
 * in one transaction. It goes by the rules that were read, or does nothing: if one was changed
 * since, or if somebody else was faster. Many invocations of one event may take several steps;
 * their ids follow from event and rule, so that a step that is taken again enters none twice.
 */
import type { AccountId, TopicId } from "@skerry/base";
import { accept, type NewInvocation } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import {
  append,
  countRules,
  findTopic,
  holdDeliveries,
  isOvertaken,
  settleEvents,
  takeHeld,
  versionOfRules,
  type AppendArgs,
  type HeldDelivery,
  type RuleCount,
} from "@skerry/triggers";

/** Events that a rule has for a topic. */
export interface TopicDelivery {
  readonly ruleId: string;
  readonly topic: string;
  readonly count: number;
  readonly messages: AppendArgs["messages"];
}

export interface FanOutStep {
  /** Of events that all wait still. */
  readonly seqs: readonly number[];
  readonly invocations: readonly NewInvocation[];
  /** What remains is in later steps: the events go on waiting. Only the last one may have these. */
  readonly isLast: boolean;
  /** What there is no room for. */
  readonly held: readonly HeldDelivery[];
  readonly topics: readonly TopicDelivery[];
  readonly matched: Readonly<Record<string, number>>;
}

export interface FanOutArgs {
  readonly accountId: AccountId;
  /** Of the rules that were gone by. */
  readonly version: number;
  readonly steps: readonly FanOutStep[];
  readonly nowMs: number;
  readonly slot: number;
}

/** Offsets after the newest messages of a topic. */
export interface TopicGrown {
  readonly topicId: TopicId;
  readonly ends: readonly (readonly [partition: number, end: number])[];
}

export type FannedOut =
  | { readonly kind: "done"; readonly grown: readonly TopicGrown[] }
  /** Nothing was written: the rules are others, or the events wait no more. */
  | { readonly kind: "overtaken" };

/** Takes the steps, all of them or none. */
export function* fanOut(tx: Tx, args: FanOutArgs): TxStep<FannedOut> {
  const { accountId, version, steps, nowMs, slot } = args;
  if ((yield* versionOfRules(tx, accountId)) !== version) return { kind: "overtaken" };
  const grown: TopicGrown[] = [];
  for (const { seqs, invocations, isLast, held, topics, matched } of steps) {
    if (yield* isOvertaken(tx, { seqs })) return { kind: "overtaken" };
    yield* accept(tx, { items: invocations, slot });
    if (!isLast) continue;
    yield* holdDeliveries(tx, { items: held });
    const refused = new Map<string, RuleCount>();
    for (const delivery of topics) {
      const done = yield* publish(tx, { accountId, nowMs, delivery });
      if ("topicId" in done) grown.push(done);
      else refused.set(delivery.ruleId, done);
    }
    const counts = Object.entries(matched).map(([id, count]): RuleCount => {
      const told = refused.get(id) ?? { refused: 0, refusedBecause: null };
      return { ...told, id, matched: count };
    });
    yield* countRules(tx, { counts, nowMs });
    yield* settleEvents(tx, { seqs });
  }
  return { kind: "done", grown };
}

/** What was held and has room now. */
export interface Releasing {
  readonly seq: number;
  readonly ruleId: string;
  readonly invocation: NewInvocation;
}

/** Enters what is held still. */
export function* enterHeld(
  tx: Tx,
  { items, slot }: { readonly items: readonly Releasing[]; readonly slot: number },
): TxStep<void> {
  const entered: NewInvocation[] = [];
  for (const { seq, ruleId, invocation } of items)
    if (yield* takeHeld(tx, { seq, ruleId })) entered.push(invocation);
  yield* accept(tx, { items: entered, slot });
}

/** A topic that is full or gone refuses: its rule says so, and nobody else waits for it. */
function* publish(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly nowMs: number;
    readonly delivery: TopicDelivery;
  },
): TxStep<TopicGrown | RuleCount> {
  const { accountId, nowMs, delivery } = args;
  const { ruleId: id, topic: name, count, messages } = delivery;
  const refuse = (refusedBecause: string): RuleCount => {
    return { id, matched: 0, refused: count, refusedBecause };
  };
  const topic = yield* findTopic(tx, { accountId, name });
  if (topic === undefined) return refuse(`There is no topic ${name}.`);
  const done = yield* append(tx, { topicId: topic.id, messages, nowMs });
  if (done.kind !== "appended") return refuse(`The topic ${name} holds as much as it may.`);
  const ends = new Map<number, number>();
  for (const [i, partition] of done.partitions.entries())
    ends.set(partition, Math.max(ends.get(partition) ?? 0, (done.offsets[i] ?? 0) + 1));
  return { topicId: topic.id, ends: [...ends] };
}

/** Which rules events match, and what comes of it, in steps that one transaction takes each. */
import { createHash } from "node:crypto";
import { requestIdFromBytes, type FunctionId, type RequestId } from "@skerry/base";
import { actionFactsOf, type ActionFacts } from "@skerry/contracts";
import type { NewInvocation } from "@skerry/invocations";
import {
  CLOUD_EVENT_TYPE,
  matchesPattern,
  PLATFORM_TYPE,
  prepareMessages,
  type CloudEvent,
  type EnteringRule,
  type KeptEvent,
  type Pattern,
  type RuleRecord,
  type TopicMessage,
} from "@skerry/triggers";
import { DEPTH_HEADER } from "../topics/ended-message.ts";
import type { FanOutStep, TopicDelivery } from "./fan-out.ts";
import { ruleEvent } from "./rule-event.ts";

/** A rule that is ready to match. */
export interface CompiledRule {
  readonly rule: RuleRecord;
  readonly pattern: Pattern;
}

/** An event with the rules that it matches. */
export interface MatchedEvent {
  readonly kept: KeptEvent;
  readonly event: CloudEvent;
  readonly rules: readonly RuleRecord[];
}

/** What is known of functions and of the moment. */
export interface EnteringFacts {
  readonly nowMs: number;
  readonly nextSeq: () => number;
  readonly maxAgeOf: (functionId: FunctionId) => number;
}

export interface FanOutFacts extends EnteringFacts {
  /** Whether one more of the function's may be entered now; it is counted. */
  readonly hasRoom: (functionId: FunctionId) => boolean;
  /** Any whole number: spreads messages without a key. */
  readonly spread: number;
}

/** What one transaction takes of one event's invocations; at least one is in it. */
export const STEP_BOUNDS = { invocationsMax: 256, bytesMax: 4 << 20 } as const;

/** Looks at each rule once. */
export function matchEvent(kept: KeptEvent, rules: readonly CompiledRule[]): MatchedEvent {
  const event = JSON.parse(new TextDecoder().decode(kept.body)) as CloudEvent;
  const matching = rules.filter(({ pattern }) => matchesPattern(pattern, event));
  return { kept, event, rules: matching.map(({ rule }) => rule) };
}

/** The steps of one event; the last one says that it waits no more. */
export function stepsOf(matched: MatchedEvent, facts: FanOutFacts): readonly FanOutStep[] {
  const { kept, rules } = matched;
  const running = rules.flatMap(enteringOf);
  const roomy = new Set(running.filter(({ functionId }) => facts.hasRoom(functionId)));
  const invocations = [...roomy].map((rule) => invocationOf(kept, rule, facts));
  const held = running.flatMap((rule) => (roomy.has(rule) ? [] : [{ seq: kept.seq, rule }]));
  const perStep = Math.max(
    1,
    Math.min(
      STEP_BOUNDS.invocationsMax,
      Math.floor(STEP_BOUNDS.bytesMax / Math.max(1, kept.body.byteLength)),
    ),
  );
  const steps: FanOutStep[] = [];
  const seqs = [kept.seq];
  for (let from = 0; from + perStep < invocations.length; from += perStep) {
    const part = invocations.slice(from, from + perStep);
    steps.push({ seqs, invocations: part, isLast: false, held: [], topics: [], matched: {} });
  }
  steps.push({
    ...{ seqs, isLast: true, held, invocations: invocations.slice(steps.length * perStep) },
    topics: rules.flatMap((rule) => topicDeliveryOf(matched, rule, facts)),
    matched: Object.fromEntries(rules.map(({ id }) => [id, 1])),
  });
  return steps;
}

/**
 * The id of the invocation that a rule makes of an event: whoever enters it, whenever and how
 * often, it is the same. In the form of a UUIDv7 of the time at which the event was put.
 */
export function eventInvocationId(kept: Pick<KeptEvent, "seq" | "atMs">, ruleId: string) {
  const digest = createHash("sha256").update(`event ${kept.seq} ${ruleId}`).digest();
  const bytes = digest.subarray(0, 16);
  bytes.writeUIntBE(Math.max(0, kept.atMs), 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return requestIdFromBytes(bytes);
}

/** What a rule is called in the ledger: `APP/NAME`, or by the trigger of its action. */
function sourceOf({ app, name, action }: EnteringRule): {
  readonly sourceId: string;
  readonly facts: { readonly ac?: ActionFacts };
} {
  if (action === null) return { sourceId: `${app}/${name}`, facts: {} };
  const ac = actionFactsOf({ app, name: action, drive: "event" });
  return { sourceId: ac.t, facts: { ac } };
}

/** None for a rule that publishes. */
function enteringOf(rule: RuleRecord): readonly EnteringRule[] {
  const { id, accountId, app, name, functionId, fn, action, eventFormat } = rule;
  if (functionId === null || fn === null) return [];
  return [{ id, accountId, app, name, functionId, fn, action, eventFormat }];
}

/** What a rule makes of an event, whenever there is room for it. */
export function invocationOf(
  kept: KeptEvent,
  rule: EnteringRule,
  { nowMs, nextSeq, maxAgeOf }: EnteringFacts,
): NewInvocation {
  const { accountId, app, functionId, fn } = rule;
  const id: RequestId = eventInvocationId(kept, rule.id);
  const depth = kept.depth === 0 ? {} : { d: kept.depth };
  const { sourceId, facts } = sourceOf(rule);
  const { payload, ...told } = ruleEvent(kept.body, rule.eventFormat);
  return {
    ...{ seq: nextSeq(), id, accountId, functionId, app, fn, orderingKey: null },
    ...{ source: "event", sourceId, idempotency: null },
    ...{ acceptedMs: nowMs, dueMs: nowMs, expiresMs: nowMs + maxAgeOf(functionId) },
    ...{ event: { ...told, ...depth, ...facts }, payload },
  };
}

function topicDeliveryOf(
  { kept, event }: MatchedEvent,
  { id: ruleId, topic }: RuleRecord,
  { spread }: FanOutFacts,
): readonly TopicDelivery[] {
  if (topic === null) return [];
  const key = event["partitionkey"];
  const type = ["type", event.type] as const;
  const isOwn = event.type.startsWith(PLATFORM_TYPE);
  const message: TopicMessage = {
    key: typeof key === "string" && key !== "" ? key : null,
    contentType: CLOUD_EVENT_TYPE,
    headers: isOwn ? [type, [DEPTH_HEADER, String(kept.depth)]] : [type],
    timeMs: Date.parse(event.time),
    value: kept.body,
  };
  return [{ ruleId, topic, count: 1, messages: prepareMessages([message], spread) }];
}

/**
 * Requests that found no free slot. They wait in order of arrival, at most `queueTimeoutMs`; while
 * a start is under way that will serve them, `initTimeoutMs` longer, so that slow code can be
 * started at all. With `queueTimeoutMs` 0 a request waits for starts only.
 */
import type { ColdReason } from "@skerry/contracts";
import { pickInstance, takeSlot } from "./slots.ts";
import {
  noteDue,
  type FollowedRevision,
  type RejectWhy,
  type RouteInstance,
  type RouteState,
  type Step,
  type WaitingRequest,
} from "./state.ts";

const RETRY_AFTER_MS_MIN = 1_000;
const RETRY_AFTER_MS_MAX = 30_000;

/** Puts a request at the end of the queue; false when that is full and the request was rejected. */
export function enqueue<R>(step: Step<R>, request: R): boolean {
  const { state, now } = step;
  if (state.policy === undefined) return rejectAtOnce(step, request, "removed");
  if (isQueueFull(state)) return rejectAtOnce(step, request, "queue_full");
  const { queueTimeoutMs, initTimeoutMs } = state.policy;
  const softMs = now + queueTimeoutMs;
  const hardMs = softMs + initTimeoutMs;
  state.waiting.set(request, { arrivedMs: now, softMs, hardMs, reason: reasonNow(step) });
  noteDue(state, softMs);
  return true;
}

/** No slot is free either: whoever waits is served first. */
export function isQueueFull({ waiting, queueLengthMax }: RouteState<unknown>): boolean {
  return waiting.size >= queueLengthMax;
}

/** Why a request that arrives now has to wait. */
export function reasonNow({ state }: Step<unknown>): ColdReason {
  for (const instance of state.instances.values()) {
    if (instance.revisionId === state.policy?.revisionId) return "all_slots_busy";
  }
  return state.absence;
}

/** Gives free slots to those who wait. */
export function serveWaiting<R>(step: Step<R>): void {
  const { state } = step;
  for (const [request, entry] of state.waiting) {
    const instance = pickInstance(step);
    if (instance === undefined) return;
    state.waiting.delete(request);
    const coldReason = instance.readyMs >= entry.arrivedMs ? entry.reason : "warm";
    takeSlot(step, instance, { request, coldReason });
  }
}

/**
 * Gives the slots of an instance that comes when its revision has been followed to those who asked
 * for it while that was the latest. Else deploys that are quicker than starts would let nobody in.
 */
export function serveEarlier<R>(
  step: Step<R>,
  instance: RouteInstance,
  { untilMs, slots }: FollowedRevision,
): void {
  const { policy, waiting } = step.state;
  // What a slot means to the shell is the latest revision's matter.
  const slotsMax = Math.min(slots, policy?.slots ?? 0);
  for (const [request, { arrivedMs, reason }] of waiting) {
    if (instance.live >= slotsMax || arrivedMs >= untilMs) return;
    waiting.delete(request);
    takeSlot(step, instance, { request, coldReason: reason });
  }
}

/** Rejects whoever has waited long enough and notes when the next one will have. */
export function expireWaiting<R>(step: Step<R>): void {
  const { state, now } = step;
  const coming = comingLate(step);
  let uncovered = -coveredByStarts(step);
  for (const [request, entry] of state.waiting) {
    const late = coming.find(({ untilMs, slots }) => slots > 0 && entry.arrivedMs < untilMs);
    if (late === undefined) uncovered += 1;
    else late.slots -= 1;
    const dueMs = late === undefined && uncovered > 0 ? entry.softMs : entry.hardMs;
    if (now >= dueMs) rejectWaiting(step, [request, entry], timeoutWhy(step));
    else noteDue(state, now < entry.softMs ? entry.softMs : dueMs);
  }
}

function coveredByStarts({ state }: Step<unknown>): number {
  const { policy } = state;
  if (policy === undefined) return 0;
  return (state.starting.get(policy.revisionId) ?? 0) * policy.slots;
}

/** What is started of revisions that were followed serves who asked before that. */
function comingLate({ state }: Step<unknown>): { readonly untilMs: number; slots: number }[] {
  return [...state.followed].map(([revisionId, { untilMs, slots }]) => ({
    untilMs,
    slots: (state.starting.get(revisionId) ?? 0) * Math.min(slots, state.policy?.slots ?? 0),
  }));
}

function timeoutWhy({ state }: Step<unknown>): RejectWhy {
  const kind = state.gate.refusal?.kind;
  if (state.instances.size > 0 || kind === undefined || kind === "limit") return "queue_timeout";
  return kind;
}

/** Rejects every request that waits. */
export function rejectAllWaiting<R>(step: Step<R>, why: RejectWhy): void {
  for (const waiting of step.state.waiting) rejectWaiting(step, waiting, why);
}

function rejectWaiting<R>(
  step: Step<R>,
  [request, entry]: readonly [R, WaitingRequest],
  why: RejectWhy,
): void {
  step.state.waiting.delete(request);
  reject(step, { request, why, coldReason: hasAwaitedStart(step, entry) ? entry.reason : "warm" });
}

/** A start was under way while it waited, though none came for it. */
function hasAwaitedStart({ state, now }: Step<unknown>, { arrivedMs }: WaitingRequest): boolean {
  return now > arrivedMs && (state.starting.size > 0 || state.startSettledMs > arrivedMs);
}

/** Answers a request that did not wait with a refusal. Always false, for callers that return it. */
export function rejectAtOnce<R>(step: Step<R>, request: R, why: RejectWhy): false {
  reject(step, { request, why, coldReason: "warm" });
  return false;
}

function reject<R>(
  step: Step<R>,
  rejected: { readonly request: R; readonly why: RejectWhy; readonly coldReason: ColdReason },
): void {
  const { state, effects } = step;
  const { why } = rejected;
  const caused = why === "init_failed" || why === "unavailable" || why === "queue_timeout";
  const refusal = caused ? state.gate.refusal : undefined;
  effects.push({ kind: "reject", ...rejected, retryAfterMs: retryAfterMs(step, why), refusal });
}

/**
 * When a slot may be free: the time until the gate opens, or until the queue has been worked off.
 */
function retryAfterMs({ state, now }: Step<unknown>, why: RejectWhy): number {
  const gateMs = why === "init_failed" || why === "unavailable" ? state.gate.untilMs - now : 0;
  const slots = Math.max(1, state.instances.size * (state.policy?.slots ?? 1));
  const queueMs = ((state.holdMs ?? 0) * state.waiting.size) / slots;
  return Math.min(RETRY_AFTER_MS_MAX, Math.max(RETRY_AFTER_MS_MIN, gateMs, queueMs));
}

/** The request that has waited longest. */
export function oldestWaiting({ state }: Step<unknown>): WaitingRequest | undefined {
  for (const entry of state.waiting.values()) return entry;
  return undefined;
}

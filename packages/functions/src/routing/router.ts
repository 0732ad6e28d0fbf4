/**
 * The router of one function: which instance serves a request, who waits, when instances are
 * started, rested and stopped. Deterministic and without I/O; time comes in with each event.
 * Invariants, which simulation.test.ts checks over thousands of seeded runs: no slot is given
 * twice; an instance with a live request is neither rested nor stopped; every request is dispatched
 * or rejected exactly once, and none waits past its deadline.
 *
 * Left out: who is asked to start an instance, and what a request is. Both are the shell's.
 */
import { unreachable, type InstanceId, type RevisionId } from "@skerry/base";
import type { StartRefusal } from "@skerry/contracts";
import { expireIdle, stopLongestIdle } from "./idle.ts";
import {
  forgetInstance,
  giveSlotBack,
  leaveSlots,
  pickInstance,
  rebuildSlots,
  settleUnusable,
  stopInstance,
  takeSlot,
} from "./slots.ts";
import { closeGate, noteHold, openGate, requestStarts, settleStart } from "./starting.ts";
import {
  isUsable,
  noteDue,
  type RouteEffect,
  type RouteEvent,
  type RouteInstance,
  type RoutePolicy,
  type RouteState,
  type Step,
} from "./state.ts";
import {
  enqueue,
  expireWaiting,
  rejectAllWaiting,
  rejectAtOnce,
  serveEarlier,
  serveWaiting,
} from "./waiting.ts";

type EventOf<R, K extends RouteEvent<R>["kind"]> = Extract<RouteEvent<R>, { readonly kind: K }>;

/**
 * Decides one event. Updates `state` in place and returns the effects, to be performed in order.
 * `now` is monotonic milliseconds and never goes back. Total: events about instances or requests
 * that are gone do nothing.
 */
export function decideRoute<R>(
  state: RouteState<R>,
  event: RouteEvent<R>,
  now: number,
): readonly RouteEffect<R>[] {
  const step: Step<R> = { state, now, effects: [] };
  switch (event.kind) {
    case "requestArrived":
      arrive(step, event.request);
      return step.effects;
    case "requestEnded":
      endRequest(step, event);
      if (state.isLeaving) leaveWhenServed(step);
      return step.effects;
    default:
      decideRare(step, event);
  }
  serveWaiting(step);
  requestStarts(step);
  expireWaiting(step);
  if (state.isLeaving) leaveWhenServed(step);
  return step.effects;
}

function decideRare<R>(
  step: Step<R>,
  event: Exclude<RouteEvent<R>, { readonly kind: "requestArrived" | "requestEnded" }>,
): void {
  switch (event.kind) {
    case "instanceReady":
      return addInstance(step, event);
    case "startRefused":
      return refuseStart(step, event.revisionId, event.refusal);
    case "instanceLost":
      return loseInstance(step, event.instanceId, true);
    case "instanceHandedOver":
      return loseInstance(step, event.instanceId, false);
    case "instanceRetiring":
      return retireInstance(step, event.instanceId);
    case "revisionChanged":
      return changeRevision(step, event.policy);
    case "functionRemoved":
      return changeRevision(step, undefined);
    case "versionRemoved":
      step.state.isLeaving = step.state.policy !== undefined;
      return;
    case "roomAsked":
      return stopLongestIdle(step);
    case "startsPossible":
      if (step.state.gate.refusal?.kind === "unavailable") openGate(step);
      return;
    case "tick":
      step.state.dueMs = Infinity;
      return expireIdle(step);
    default:
      return unreachable(event);
  }
}

function arrive<R>(step: Step<R>, request: R): void {
  const { state, now } = step;
  const instance = pickInstance(step);
  if (instance !== undefined) return takeSlot(step, instance, { request, coldReason: "warm" });
  if (isHopeless(step)) return void rejectAtOnce(step, request, "init_failed");
  if (!enqueue(step, request)) return;
  requestStarts(step);
  if ((state.waiting.get(request)?.softMs ?? Infinity) <= now) expireWaiting(step);
}

/** The code just failed to load, nothing runs, and nothing will be tried before the gate opens. */
function isHopeless({ state, now }: Step<unknown>): boolean {
  const { gate } = state;
  if (gate.refusal?.kind !== "init_failed" || now >= gate.untilMs) return false;
  return state.instances.size === 0 && state.starting.size === 0;
}

function endRequest<R>(step: Step<R>, event: EventOf<R, "requestEnded">): void {
  const { state } = step;
  if (event.instanceId === undefined) {
    state.waiting.delete(event.request);
    return;
  }
  const instance = state.instances.get(event.instanceId);
  noteHold(step, event.heldMs);
  if (instance === undefined || instance.live === 0) return;
  giveSlotBack(step, instance);
  if (state.waiting.size === 0) return;
  serveWaiting(step);
  requestStarts(step);
}

function addInstance(step: Step<unknown>, event: EventOf<unknown, "instanceReady">): void {
  const { state, now } = step;
  const { instanceId, revisionId, solicited } = event;
  const followed = solicited ? state.followed.get(revisionId) : undefined;
  if (solicited) settleStart(step, revisionId, true);
  if (state.instances.has(instanceId)) return;
  const instance: RouteInstance = {
    id: instanceId,
    revisionId,
    readyMs: now,
    live: 0,
    resting: false,
    retiring: false,
    released: false,
    idleSinceMs: now,
  };
  state.instances.set(instanceId, instance);
  if (!isUsable(state, instance)) {
    if (followed !== undefined) serveEarlier(step, instance, followed);
    if (instance.live > 0) return;
    // An unasked instance of another revision may be ahead of this gateway's config; it waits for
    // its turn.
    if (solicited || state.policy === undefined) return settleUnusable(step, instance);
    return noteDue(state, now + state.policy.idleTimeoutMs);
  }
  openGate(step);
  state.absence = "first_instance";
  state.free.push(instance);
  noteDue(state, now + idleDueMs(state.policy));
  releaseOneRetiring(step);
}

/** A replacement is there: the retiring instance that is least busy takes nothing more. */
function releaseOneRetiring(step: Step<unknown>): void {
  const [first, ...others] = step.state.retiring;
  if (first === undefined) return;
  const instance = others.reduce((least, one) => (one.live < least.live ? one : least), first);
  instance.released = true;
  leaveSlots(step.state, instance);
  if (instance.live === 0) settleUnusable(step, instance);
}

function refuseStart<R>(step: Step<R>, revisionId: RevisionId, refusal: StartRefusal): void {
  const { state } = step;
  settleStart(step, revisionId, false);
  if (revisionId !== state.policy?.revisionId) return;
  closeGate(step, refusal);
  const others = [...state.instances.values()].some((one) => one.revisionId === revisionId);
  if (others) return;
  if (refusal.kind === "init_failed") return rejectAllWaiting(step, "init_failed");
  // Whoever stops what hangs wants nobody to wait for the same again.
  const isLast = (state.starting.get(revisionId) ?? 0) === 0;
  if (refusal.kind === "unavailable" && refusal.stopped === true && isLast) {
    rejectAllWaiting(step, "stopped");
  }
}

function loseInstance(step: Step<unknown>, instanceId: InstanceId, lost: boolean): void {
  const instance = step.state.instances.get(instanceId);
  if (instance === undefined) return;
  forgetInstance(step, instance);
  if (lost && instance.revisionId === step.state.policy?.revisionId) {
    step.state.absence = "instance_lost";
  }
}

function retireInstance(step: Step<unknown>, instanceId: InstanceId): void {
  const { state } = step;
  const instance = state.instances.get(instanceId);
  if (instance === undefined || instance.retiring) return;
  instance.retiring = true;
  leaveSlots(state, instance);
  const current = instance.revisionId === state.policy?.revisionId;
  if (current && !instance.resting) {
    state.retiring.push(instance);
    return noteDue(state, step.now + idleDueMs(state.policy));
  }
  if (instance.live === 0) stopInstance(step, instance, "draining");
}

/** Nobody starts what was removed: who waits is served by what runs or starts, or by nothing. */
function leaveWhenServed(step: Step<unknown>): void {
  const { state } = step;
  const isThere = [...state.instances.values()].some((one) => isUsable(state, one));
  const canServe = isThere || state.starting.size > 0;
  if (state.waiting.size === 0 || !canServe) changeRevision(step, undefined);
}

/** Undefined removes the function. */
function changeRevision<R>(step: Step<R>, policy: RoutePolicy | undefined): void {
  const { state } = step;
  const before = state.policy;
  state.policy = policy;
  state.isLeaving = false;
  openGate(step);
  if (policy === undefined) rejectAllWaiting(step, "removed");
  if (before !== undefined && before.revisionId !== policy?.revisionId) {
    state.absence = "new_revision";
    state.holdMs = undefined;
    noteFollowed(step, before);
  }
  if (policy !== undefined) state.followed.delete(policy.revisionId);
  rebuildSlots(step);
  for (const instance of [...state.instances.values()]) {
    if (instance.live > 0 || isUsable(state, instance)) continue;
    if (before !== undefined || policy === undefined) settleUnusable(step, instance);
  }
  noteDue(state, step.now + idleDueMs(policy));
}

/** What is started of it still comes. */
function noteFollowed({ state, now }: Step<unknown>, { revisionId, slots }: RoutePolicy): void {
  if (state.starting.has(revisionId)) state.followed.set(revisionId, { untilMs: now, slots });
}

/** How soon an idle instance needs a look. */
function idleDueMs(policy: RoutePolicy | undefined): number {
  return Math.min(policy?.restAfterMs ?? Infinity, policy?.idleTimeoutMs ?? Infinity);
}

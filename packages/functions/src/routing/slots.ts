/**
 * Which instance takes a request. Awake before resting, and among those the one that most recently
 * became free: load gathers on few instances and the others can rest. An instance is in `free` or
 * `resting` exactly when it is usable and has a free slot.
 */
import type { ColdReason } from "@skerry/contracts";
import { isUsable, noteDue, type RouteInstance, type Step } from "./state.ts";

/** The instance for the next request, or undefined when every slot is taken. */
export function pickInstance(step: Step<unknown>): RouteInstance | undefined {
  const { free, resting } = step.state;
  return free[free.length - 1] ?? resting[resting.length - 1] ?? pickRetiring(step);
}

/** A retiring instance still beats waiting, until its replacement is there. */
function pickRetiring({ state }: Step<unknown>): RouteInstance | undefined {
  const { policy } = state;
  if (policy === undefined || state.retiring.length === 0) return undefined;
  return state.retiring.find(
    (one) => one.revisionId === policy.revisionId && one.live < policy.slots,
  );
}

/** Takes a slot of `instance`, which `pickInstance` has just given. */
export function takeSlot<R>(
  step: Step<R>,
  instance: RouteInstance,
  taken: { readonly request: R; readonly coldReason: ColdReason },
): void {
  const { state, effects } = step;
  const resumed = instance.resting;
  if (resumed) {
    instance.resting = false;
    removeFrom(state.resting, instance);
    state.free.push(instance);
    effects.push({ kind: "resume", instanceId: instance.id });
  }
  instance.live += 1;
  if (instance.live >= slotsOf(step)) removeFrom(state.free, instance);
  const { request, coldReason } = taken;
  effects.push({ kind: "dispatch", request, instanceId: instance.id, coldReason, resumed });
}

/** Gives a slot back. The instance then rests, stops or takes more, as its state wants. */
export function giveSlotBack(step: Step<unknown>, instance: RouteInstance): void {
  const { state, now } = step;
  const full = instance.live >= slotsOf(step);
  instance.live -= 1;
  if (instance.live === 0) instance.idleSinceMs = now;
  if (isUsable(state, instance)) {
    if (full) state.free.push(instance);
    const { policy } = state;
    if (instance.live > 0 || policy === undefined) return;
    noteDue(state, now + Math.min(policy.restAfterMs ?? Infinity, policy.idleTimeoutMs));
    return;
  }
  if (instance.live === 0) settleUnusable(step, instance);
}

/** Stops an idle instance that will take nothing more. */
export function settleUnusable(step: Step<unknown>, instance: RouteInstance): void {
  const { policy } = step.state;
  if (policy === undefined) stopInstance(step, instance, "removed");
  else if (instance.revisionId !== policy.revisionId) stopInstance(step, instance, "new_revision");
  else if (instance.released) stopInstance(step, instance, "draining");
  else noteDue(step.state, step.now + (policy.restAfterMs ?? policy.idleTimeoutMs));
}

export function stopInstance(
  step: Step<unknown>,
  instance: RouteInstance,
  why: "idle" | "new_revision" | "removed" | "draining",
): void {
  forgetInstance(step, instance);
  step.effects.push({ kind: "stop", instanceId: instance.id, why });
}

export function forgetInstance({ state }: Step<unknown>, instance: RouteInstance): void {
  state.instances.delete(instance.id);
  leaveSlots(state, instance);
}

export function leaveSlots(state: Step<unknown>["state"], instance: RouteInstance): void {
  removeFrom(state.free, instance);
  removeFrom(state.resting, instance);
  removeFrom(state.retiring, instance);
}

/** Sorts every instance anew after the policy changed, the longest idle first. */
export function rebuildSlots(step: Step<unknown>): void {
  const { state } = step;
  state.free.length = 0;
  state.resting.length = 0;
  const slots = slotsOf(step);
  const byUse = [...state.instances.values()].sort((a, b) => a.idleSinceMs - b.idleSinceMs);
  for (const instance of byUse) {
    if (!isUsable(state, instance)) continue;
    if (instance.resting) state.resting.push(instance);
    else if (instance.live < slots) state.free.push(instance);
  }
}

function slotsOf({ state }: Step<unknown>): number {
  return state.policy?.slots ?? 0;
}

function removeFrom(list: RouteInstance[], instance: RouteInstance): void {
  const at = list.lastIndexOf(instance);
  if (at === list.length - 1) list.length = Math.max(0, at);
  else if (at >= 0) list.splice(at, 1);
}

/**
 * What becomes of instances without a request: they rest soon, and stop after the idle time unless
 * provisioned.
 */
import { settleUnusable, stopInstance } from "./slots.ts";
import { isUsable, noteDue, type RouteInstance, type RoutePolicy, type Step } from "./state.ts";

/** Rests and stops what has been idle long enough, and notes when the next one will have been. */
export function expireIdle(step: Step<unknown>): void {
  const { state } = step;
  const { policy } = state;
  if (policy === undefined) return;
  const idle = [...state.instances.values()].filter((one) => one.live === 0);
  idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs);
  let spare = usableCount(step) - policy.provisioned;
  for (const instance of idle) {
    if (!isUsable(state, instance)) {
      expireUnusable(step, instance, policy);
    } else if (spare > 0 && step.now >= instance.idleSinceMs + policy.idleTimeoutMs) {
      stopInstance(step, instance, "idle");
      spare -= 1;
    } else {
      if (spare > 0) noteDue(state, instance.idleSinceMs + policy.idleTimeoutMs);
      restWhenDue(step, instance, policy);
    }
  }
}

/** One that nobody is promised, if there is one. */
export function stopLongestIdle(step: Step<unknown>): void {
  const { policy, instances } = step.state;
  if (policy === undefined || usableCount(step) <= policy.provisioned) return;
  let longest: RouteInstance | undefined;
  for (const one of instances.values()) {
    if (one.live > 0 || !isUsable(step.state, one)) continue;
    if (longest === undefined || one.idleSinceMs < longest.idleSinceMs) longest = one;
  }
  if (longest !== undefined) stopInstance(step, longest, "idle");
}

function restWhenDue(step: Step<unknown>, instance: RouteInstance, policy: RoutePolicy): void {
  const { state, now } = step;
  if (instance.resting || policy.restAfterMs === undefined) return;
  const dueMs = instance.idleSinceMs + policy.restAfterMs;
  if (now < dueMs) return noteDue(state, dueMs);
  instance.resting = true;
  state.free.splice(state.free.indexOf(instance), 1);
  state.resting.push(instance);
  step.effects.push({ kind: "rest", instanceId: instance.id });
}

function expireUnusable(step: Step<unknown>, instance: RouteInstance, policy: RoutePolicy): void {
  const { state, now } = step;
  const waitMs = instance.retiring
    ? (policy.restAfterMs ?? policy.idleTimeoutMs)
    : policy.idleTimeoutMs;
  const dueMs = instance.idleSinceMs + waitMs;
  if (now < dueMs) return noteDue(state, dueMs);
  if (instance.retiring) stopInstance(step, instance, "draining");
  else settleUnusable(step, instance);
}

function usableCount({ state }: Step<unknown>): number {
  let count = 0;
  for (const instance of state.instances.values()) if (isUsable(state, instance)) count += 1;
  return count;
}

/**
 * When another instance is started: somebody waits, limits allow, and a start is likely to be
 * sooner than a slot. The agent has the last word on limits; after a refusal a gate holds further
 * starts back for a growing while, and then lets one through as a probe.
 */
import type { StartRefusal } from "@skerry/contracts";
import { noteDue, type Step } from "./state.ts";
import { oldestWaiting, reasonNow } from "./waiting.ts";

const START_MS_GUESS = 30;
const EWMA_WEIGHT = 0.2;
/** By kind of refusal: the first pause and the longest. */
const PAUSES: Readonly<Record<StartRefusal["kind"], readonly [number, number]>> = {
  limit: [20, 500],
  unavailable: [50, 1_000],
  init_failed: [200, 10_000],
};

/** Asks for as many starts as are wanted now. */
export function requestStarts(step: Step<unknown>): void {
  const { state, now, effects } = step;
  const { policy, gate } = state;
  if (policy === undefined || state.isLeaving) return;
  const underWay = state.starting.get(policy.revisionId) ?? 0;
  const wanted = startsWanted(step) - underWay;
  if (wanted <= 0) return;
  if (now < gate.untilMs) return noteDue(state, gate.untilMs);
  const probes = gate.attempts > 0 ? Math.max(0, 1 - underWay) : Infinity;
  const count = Math.min(wanted, probes, policy.instancesMax - countedInstances(step));
  const reason = reasonNow(step);
  for (let i = 0; i < count; i += 1) {
    state.startedAt.push(now);
    effects.push({ kind: "start", revisionId: policy.revisionId, reason });
  }
  if (count > 0) state.starting.set(policy.revisionId, underWay + count);
}

/** One start is settled, either way. */
export function settleStart(step: Step<unknown>, revisionId: string, ready: boolean): void {
  const { state, now } = step;
  state.startSettledMs = now;
  for (const [id, count] of state.starting) {
    if (id !== revisionId) continue;
    if (count > 1) {
      state.starting.set(id, count - 1);
    } else {
      state.starting.delete(id);
      state.followed.delete(id);
    }
    const askedMs = state.startedAt.shift();
    if (ready && askedMs !== undefined) state.startMs = smoothed(state.startMs, now - askedMs);
    return;
  }
}

/** Closes the gate for a while. */
export function closeGate({ state, now }: Step<unknown>, refusal: StartRefusal): void {
  const { gate } = state;
  const [first, longest] = PAUSES[refusal.kind];
  gate.untilMs = now + Math.min(longest, first * 2 ** Math.min(gate.attempts, 20));
  gate.attempts += 1;
  gate.refusal = refusal;
  noteDue(state, gate.untilMs);
}

export function openGate({ state }: Step<unknown>): void {
  state.gate.attempts = 0;
  state.gate.untilMs = 0;
  state.gate.refusal = undefined;
}

/** Remembers how long a request held its slot. */
export function noteHold({ state }: Step<unknown>, heldMs: number): void {
  state.holdMs = smoothed(state.holdMs, heldMs);
}

function startsWanted(step: Step<unknown>): number {
  const { state } = step;
  const { policy } = state;
  if (policy === undefined) return 0;
  const replacements = state.retiring.filter((one) => one.revisionId === policy.revisionId).length;
  if (state.waiting.size === 0 || slotIsSooner(step)) return replacements;
  return Math.ceil(state.waiting.size / policy.slots) + replacements;
}

/**
 * Starting beats waiting unless the queue, at the usual pace, is worked off before a start would be
 * done. The guess is given up as soon as somebody has waited as long as a start takes.
 */
function slotIsSooner(step: Step<unknown>): boolean {
  const { state, now } = step;
  const slots = countCurrent(step) * (state.policy?.slots ?? 0);
  const oldest = oldestWaiting(step);
  if (slots === 0 || state.holdMs === undefined || oldest === undefined) return false;
  const startMs = state.startMs ?? START_MS_GUESS;
  if ((state.waiting.size * state.holdMs) / slots > startMs) return false;
  const patienceMs = oldest.arrivedMs + startMs;
  if (now >= patienceMs) return false;
  noteDue(state, patienceMs);
  return true;
}

function countCurrent({ state }: Step<unknown>): number {
  let count = 0;
  for (const instance of state.instances.values()) {
    if (instance.revisionId === state.policy?.revisionId) count += 1;
  }
  return count;
}

/** What counts against the limit. A retiring instance does not: its replacement would never fit. */
function countedInstances({ state }: Step<unknown>): number {
  let count = 0;
  for (const instance of state.instances.values()) if (!instance.retiring) count += 1;
  for (const starting of state.starting.values()) count += starting;
  return count;
}

function smoothed(before: number | undefined, sample: number): number {
  return before === undefined ? sample : before + (sample - before) * EWMA_WEIGHT;
}

/**
 * Which webhooks are called next. Pure but for its state, which is changed in place (ADR 0010): a
 * lane is an address with deliveries that wait; a host has so many calls at once at most, however
 * many addresses it has, and all hosts together so many.
 *
 * An address that fails so many times in a row is left alone for a while, longer each time; then
 * one call is made, and only its success lets others follow.
 */
import type { WEBHOOK_LIMITS } from "./limits.ts";

interface Lane {
  readonly target: string;
  readonly host: string;
  /** When there is something to claim; undefined when nothing is known to wait. */
  dueMs: number | undefined;
  out: number;
  isClaiming: boolean;
  /** Failures since the last success. */
  failures: number;
  pausedUntilMs: number;
}

export interface WebhooksState {
  readonly lanes: Map<string, Lane>;
  readonly limits: WebhookLimits;
}

type Limits = typeof WEBHOOK_LIMITS;
export type WebhookLimits = { readonly [K in keyof Limits]: number };

export type WebhooksEvent =
  /** There is something to claim from `dueMs` on, or sooner than was known. */
  | { readonly kind: "owed"; readonly target: string; readonly dueMs: number }
  /** What a claim came to. */
  | {
      readonly kind: "claimed";
      readonly target: string;
      readonly asked: number;
      readonly taken: number;
      readonly nextDueMs: number | null;
    }
  /** A call has ended, and the delivery waits no more or until `dueMs`. */
  | {
      readonly kind: "called";
      readonly target: string;
      readonly isDelivered: boolean;
      readonly dueMs: number | null;
    }
  /** Time has passed. */
  | { readonly kind: "looked" };

export interface WebhooksEffect {
  readonly kind: "claim";
  readonly target: string;
  readonly max: number;
}

export function createWebhooksState(limits: WebhookLimits): WebhooksState {
  return { lanes: new Map(), limits };
}

/** Takes an event in and says what is to be claimed; each claim is answered with `claimed`. */
export function decideWebhooks(
  state: WebhooksState,
  event: WebhooksEvent,
  nowMs: number,
): readonly WebhooksEffect[] {
  takeIn(state, event, nowMs);
  const out = outOf(state);
  const effects: WebhooksEffect[] = [];
  for (const lane of [...state.lanes.values()]) {
    const max = mayCall(lane, nowMs) ? roomOf(state.limits, lane, out) : 0;
    if (max <= 0) continue;
    lane.isClaiming = true;
    lane.dueMs = undefined;
    lane.out += max;
    out.all += max;
    out.byHost.set(lane.host, (out.byHost.get(lane.host) ?? 0) + max);
    // Its next turn comes after everybody else's.
    state.lanes.delete(lane.target);
    state.lanes.set(lane.target, lane);
    effects.push({ kind: "claim", target: lane.target, max });
  }
  return effects;
}

/** When to look again although nothing happens. */
export function nextWebhookMs({ lanes }: WebhooksState): number | undefined {
  const dues = [...lanes.values()].flatMap(({ dueMs, pausedUntilMs }) =>
    dueMs === undefined ? [] : [Math.max(dueMs, pausedUntilMs)],
  );
  return dues.length === 0 ? undefined : Math.min(...dues);
}

function takeIn(state: WebhooksState, event: WebhooksEvent, nowMs: number): void {
  switch (event.kind) {
    case "owed":
      return owe(laneOf(state, event.target), event.dueMs);
    case "claimed": {
      const lane = laneOf(state, event.target);
      lane.isClaiming = false;
      lane.out -= event.asked - event.taken;
      if (event.nextDueMs !== null) owe(lane, event.nextDueMs);
      return forgetIdle(state, lane);
    }
    case "called": {
      const lane = laneOf(state, event.target);
      lane.out -= 1;
      lane.failures = event.isDelivered ? 0 : lane.failures + 1;
      lane.pausedUntilMs = event.isDelivered ? 0 : pauseOf(state.limits, lane, nowMs);
      if (event.dueMs !== null) owe(lane, event.dueMs);
      return forgetIdle(state, lane);
    }
    case "looked":
  }
}

/** Failures of calls that began before the pause do not lengthen it. */
function pauseOf(limits: WebhookLimits, lane: Lane, nowMs: number): number {
  const { failuresMax, pauseMsMin, pauseMsMax } = limits;
  if (lane.failures < failuresMax || lane.pausedUntilMs > nowMs) return lane.pausedUntilMs;
  const doubled = pauseMsMin * 2 ** Math.min(lane.failures - failuresMax, 30);
  return nowMs + Math.min(doubled, pauseMsMax);
}

interface Out {
  all: number;
  readonly byHost: Map<string, number>;
}

function outOf({ lanes }: WebhooksState): Out {
  const found: Out = { all: 0, byHost: new Map() };
  for (const { host, out } of lanes.values()) {
    found.all += out;
    found.byHost.set(host, (found.byHost.get(host) ?? 0) + out);
  }
  return found;
}

function mayCall({ isClaiming, dueMs, pausedUntilMs }: Lane, nowMs: number): boolean {
  return !isClaiming && dueMs !== undefined && dueMs <= nowMs && pausedUntilMs <= nowMs;
}

function roomOf(limits: WebhookLimits, lane: Lane, out: Out): number {
  const { callsMax, hostCallsMax, failuresMax } = limits;
  const room = Math.min(callsMax - out.all, hostCallsMax - (out.byHost.get(lane.host) ?? 0));
  const isTrial = lane.failures >= failuresMax;
  return isTrial ? Math.min(room, 1 - lane.out) : room;
}

function owe(lane: Lane, dueMs: number): void {
  lane.dueMs = Math.min(lane.dueMs ?? dueMs, dueMs);
}

/** What it knows of failures is kept while there is something to send. */
function forgetIdle(state: WebhooksState, lane: Lane): void {
  const isIdle = lane.out === 0 && lane.dueMs === undefined && !lane.isClaiming;
  if (isIdle) state.lanes.delete(lane.target);
}

function laneOf(state: WebhooksState, target: string): Lane {
  const known = state.lanes.get(target);
  if (known !== undefined) return known;
  const host = URL.canParse(target) ? new URL(target).host : target;
  const counts = { dueMs: undefined, out: 0, isClaiming: false, failures: 0, pausedUntilMs: 0 };
  const fresh = { target, host, ...counts };
  state.lanes.set(target, fresh);
  return fresh;
}

/** How a call ended: `again` is tried until the delivery is too old, `refused` is not. */
export type CallVerdict = "delivered" | "again" | "refused";

/** What becomes of a delivery after a call. `chance` in [0, 1) spreads them out. */
export function afterCall(
  call: { readonly attempt: number; readonly expiresMs: number },
  verdict: CallVerdict,
  { limits, nowMs, chance }: { limits: WebhookLimits; nowMs: number; chance: number },
): { readonly state: "delivered" | "failed" | "waiting"; readonly dueMs: number } {
  if (verdict === "delivered") return { state: "delivered", dueMs: nowMs };
  const doubled = limits.retryMsMin * 2 ** Math.min(call.attempt - 1, 30);
  const waitMs = Math.min(doubled, limits.retryMsMax) * (0.5 + chance / 2);
  const dueMs = nowMs + Math.round(waitMs);
  if (verdict === "refused" || dueMs >= call.expiresMs) return { state: "failed", dueMs: nowMs };
  return { state: "waiting", dueMs };
}

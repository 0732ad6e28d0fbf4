/**
 * What is claimed next, and in whose name. Pure but for its state, which is changed in place
 * (ADR 0010): a lane is a function with something waiting or out; the lanes that are due take turns
 * within their account, and the accounts among each other, so that a flood for one delays no other.
 *
 * A lane never has more out than its window: what its policy says, else what its instances take;
 * nor much more payload than its part, so that large events of one leave room for others'. What is
 * out at a holder that is away counts for the first alone: instances are not kept idle for a
 * gateway that is gone. The window shrinks when attempts come back throttled and grows with those
 * that do not. A holder never has more out than its bounds, of which a part is kept for accounts
 * that have little out there. What is claimed counts as out from before the claim on. A lane that
 * is held back, by its rate or by its breaker, is due when it may go on; it is kept for as long as
 * it remembers something, also when nothing waits.
 */
import type { AccountId, FunctionId } from "@skerry/base";
import type { AttemptOutcome, BreakerPolicy } from "@skerry/contracts";
import {
  createBreaker,
  forgottenAtMs,
  heldUntilMs,
  judgeEnd,
  signOf,
  type Breaker,
  type Verdict,
} from "@skerry/functions";
import { keepDue, popDue, pushDue, type DueHeap } from "./due-heap.ts";
import type { DispatchLimits } from "./limits.ts";
import { createPace, fullAtMs, moreAtMs, roomAt, spend, type Pace } from "./pace.ts";

/** What is left in the heap of dues that are not wanted any more, beside one for each lane. */
const STALE_DUES_MAX = 64;

/** What configuration says of a function; undefined for one that is not there any more. */
export interface LaneFacts {
  readonly accountId: AccountId;
  readonly windowMax: number;
  /** No more may be out, wherever it is; else the window is what the instances take. */
  readonly isCapped?: boolean | undefined;
  /** Attempts that begin in a second; as many as can when absent. */
  readonly ratePerSecond?: number | undefined;
  readonly breaker?: BreakerPolicy | undefined;
}

interface Lane {
  readonly functionId: FunctionId;
  facts: LaneFacts | undefined;
  /** When there is something to claim; undefined when nothing is known to wait. */
  dueMs: number | undefined;
  out: number;
  /** Part of that which is at holders that are away. */
  away: number;
  bytes: number;
  /** Payloads that a claim under way is thought to bring: as large as those of the last one. */
  claiming: number;
  bytesEach: number;
  /** For whom that counts: as long as something is out, it does not change. */
  account: string;
  window: number;
  shrunkAtMs: number;
  readonly pace: Pace;
  readonly breaker: Breaker;
  isClaiming: boolean;
  /** Which turns it takes part in. */
  ring: string | undefined;
  /** Where it stands among those that are due later. */
  laterMs: number | undefined;
}

interface Share {
  out: number;
  bytes: number;
}

interface Holder extends Share {
  readonly id: string;
  /** Of each account that has something out there. */
  readonly accounts: Map<string, Share>;
  /** Attempts of each lane that are out there. */
  readonly lanes: Map<Lane, number>;
  /** It has said what it holds, and takes more. */
  isReady: boolean;
  /** Nobody knows whether it lives. */
  isAway: boolean;
}

export interface LanesState {
  readonly lanes: Map<FunctionId, Lane>;
  readonly holders: Map<string, Holder>;
  /** Lanes that are due and have room, by account; the first of the first is next. */
  readonly turns: Map<string, Map<FunctionId, Lane>>;
  readonly later: DueHeap<Lane>;
  readonly limits: DispatchLimits;
}

export type LanesEvent =
  /** There is something to claim from `dueMs` on, or sooner than was known. */
  | {
      readonly kind: "woken";
      readonly functionId: FunctionId;
      readonly dueMs: number;
      readonly facts: LaneFacts | undefined;
    }
  /** Configuration has changed. */
  | { readonly kind: "configured"; readonly factsOf: (id: FunctionId) => LaneFacts | undefined }
  | { readonly kind: "came"; readonly holder: string }
  | { readonly kind: "went"; readonly holder: string }
  /** It is there, and takes no more until it comes. */
  | { readonly kind: "refused"; readonly holder: string }
  /** Attempts that are out already. */
  | { readonly kind: "found"; readonly attempts: readonly Attempt[] }
  /** What a `claim` came to. */
  | {
      readonly kind: "claimed";
      readonly functionId: FunctionId;
      readonly holder: string;
      readonly asked: number;
      readonly taken: number;
      readonly isTrial?: boolean | undefined;
      readonly bytes: number;
      readonly nextDueMs: number | null;
    }
  /** What an `end` came to. */
  | { readonly kind: "ended"; readonly functionId: FunctionId; readonly isMore: boolean }
  /** Attempts that are out no more. */
  | { readonly kind: "freed"; readonly attempts: readonly FreedAttempt[] }
  /** Time has passed. */
  | { readonly kind: "looked" };

/** One that is out. */
export interface Attempt {
  readonly functionId: FunctionId;
  /** It tries whether a function runs again whose breaker is open. */
  readonly isTrial?: boolean | undefined;
  /** It is to come to its end. */
  readonly isStopping?: boolean | undefined;
  readonly holder: string;
  readonly bytes: number;
}

export interface FreedAttempt extends Attempt {
  /** Undefined when it says nothing about how much the function can take. */
  readonly wasThrottled: boolean | undefined;
}

export type LanesEffect =
  | {
      readonly kind: "claim";
      readonly functionId: FunctionId;
      readonly holder: string;
      readonly max: number;
      readonly isTrial: boolean;
    }
  /** The function is not there any more: what waits for it comes to its end. */
  | { readonly kind: "end"; readonly functionId: FunctionId };

export function createLanes(limits: DispatchLimits): LanesState {
  return {
    ...{ lanes: new Map<FunctionId, Lane>(), holders: new Map<string, Holder>() },
    ...{ turns: new Map<string, Map<FunctionId, Lane>>(), later: { items: [] }, limits },
  };
}

/** Takes an event in and says what is to be done; each effect is answered with its event. */
export function decide(
  state: LanesState,
  event: LanesEvent,
  nowMs: number,
): readonly LanesEffect[] {
  takeIn(state, event, nowMs);
  for (let due = popDue(state.later, nowMs); due !== undefined; due = popDue(state.later, nowMs)) {
    if (due.of.laterMs === due.dueMs) due.of.laterMs = undefined;
    if (state.lanes.get(due.of.functionId) === due.of) place(state, due.of, nowMs);
  }
  forgetStaleDues(state);
  return effectsOf(state, nowMs);
}

/**
 * Those of lanes that are gone, are due sooner or stand there twice would stay until their time.
 */
function forgetStaleDues({ lanes, later }: LanesState): void {
  if (later.items.length <= 2 * lanes.size + STALE_DUES_MAX) return;
  const kept = new Set<Lane>();
  keepDue(later, ({ dueMs, of }) => {
    const isWanted = of.laterMs === dueMs && lanes.get(of.functionId) === of && !kept.has(of);
    if (isWanted) kept.add(of);
    return isWanted;
  });
}

/** Says what the end of an attempt that is out means; told before it is freed. */
export function judge(
  { lanes }: LanesState,
  ended: Pick<Attempt, "functionId" | "isTrial"> & { readonly outcome: AttemptOutcome },
  nowMs: number,
): Verdict {
  const lane = lanes.get(ended.functionId);
  const policy = lane?.facts?.breaker;
  if (lane === undefined || policy === undefined) return { isCounted: true, turn: "stayed" };
  const end = { sign: signOf(ended.outcome), isTrial: ended.isTrial === true };
  return judgeEnd(lane.breaker, end, { policy, nowMs });
}

/** A lane as users see it. */
export interface LaneView {
  /** Attempts that are out here. */
  readonly out: number;
  /** How many may be out now; `windowMax` but for what came back throttled. */
  readonly window: number;
  /** Its breaker is open until this wall time at least; undefined while it is closed. */
  readonly openUntilMs: number | undefined;
}

/** Undefined for one that nothing is known of. */
export function viewOf({ lanes }: LanesState, functionId: FunctionId): LaneView | undefined {
  const lane = lanes.get(functionId);
  if (lane === undefined) return undefined;
  const { out, window, breaker } = lane;
  return { out, window: Math.floor(window), openUntilMs: breaker.open?.untilMs };
}

/** How many functions are left alone now. */
export function countOpenBreakers({ lanes }: LanesState): number {
  let count = 0;
  for (const { breaker } of lanes.values()) if (breaker.open !== undefined) count += 1;
  return count;
}

/** When to look again although nothing happens. */
export function nextLookMs({ later }: LanesState): number | undefined {
  return later.items[0]?.dueMs;
}

function takeIn(state: LanesState, event: LanesEvent, nowMs: number): void {
  switch (event.kind) {
    case "woken":
      return wake(state, event, nowMs);
    case "configured":
      for (const lane of [...state.lanes.values()]) {
        configure(lane, event.factsOf(lane.functionId));
        place(state, lane, nowMs);
      }
      return;
    case "came":
      holderOf(state, event.holder).isReady = true;
      return setAway(state, { holder: event.holder, isAway: false }, nowMs);
    case "went":
      holderOf(state, event.holder).isReady = false;
      setAway(state, { holder: event.holder, isAway: true }, nowMs);
      return forgetIdle(state, event.holder);
    case "refused":
      holderOf(state, event.holder).isReady = false;
      return;
    case "found":
      for (const attempt of event.attempts) add(state, attempt, 1);
      return;
    case "claimed":
      return claimed(state, event, nowMs);
    case "ended": {
      const lane = laneOf(state, event.functionId);
      lane.isClaiming = false;
      if (event.isMore) lane.dueMs = nowMs;
      return place(state, lane, nowMs);
    }
    case "freed":
      return freed(state, event.attempts, nowMs);
    case "looked":
  }
}

function wake(
  state: LanesState,
  { functionId, dueMs, facts }: Extract<LanesEvent, { kind: "woken" }>,
  nowMs: number,
): void {
  const lane = laneOf(state, functionId);
  configure(lane, facts);
  lane.dueMs = Math.min(lane.dueMs ?? dueMs, dueMs);
  place(state, lane, nowMs);
}

function configure(lane: Lane, facts: LaneFacts | undefined): void {
  const before = lane.facts?.windowMax;
  lane.facts = facts;
  if (facts !== undefined && facts.windowMax !== before) lane.window = facts.windowMax;
  if (facts?.breaker === undefined) Object.assign(lane.breaker, createBreaker());
}

/** What was woken while the claim was under way stays due. */
function claimed(
  state: LanesState,
  event: Extract<LanesEvent, { kind: "claimed" }>,
  nowMs: number,
): void {
  const { functionId, holder, asked, taken, bytes, nextDueMs } = event;
  const lane = laneOf(state, functionId);
  addBytes(state, { lane, holder, bytes: bytes - lane.claiming });
  add(state, { functionId, holder, bytes: 0 }, taken - asked);
  lane.claiming = 0;
  if (taken > 0) lane.bytesEach = bytes / taken;
  lane.isClaiming = false;
  spend(lane.pace, taken - asked);
  if (event.isTrial === true && taken === 0) endTrial(lane);
  if (nextDueMs !== null) lane.dueMs = Math.min(lane.dueMs ?? nextDueMs, nextDueMs);
  place(state, lane, nowMs);
  forgetIdle(state, holder);
}

function freed(state: LanesState, attempts: readonly FreedAttempt[], nowMs: number): void {
  const touched = new Set<Lane>();
  for (const attempt of attempts) {
    add(state, attempt, -1);
    const lane = laneOf(state, attempt.functionId);
    touched.add(lane);
    if (attempt.isTrial === true) endTrial(lane);
    if (attempt.wasThrottled !== undefined) {
      adapt(lane, attempt.wasThrottled, { nowMs, everyMs: state.limits.shrinkEveryMs });
    }
  }
  for (const lane of touched) place(state, lane, nowMs);
  for (const { holder } of attempts) forgetIdle(state, holder);
}

/** Another attempt may try the function, when its breaker is still open. */
function endTrial({ breaker }: Lane): void {
  if (breaker.open !== undefined) breaker.open.isTrying = false;
}

/** Half of what was too much, and back by a tenth for each one that was not. */
function adapt(
  lane: Lane,
  wasThrottled: boolean,
  { nowMs, everyMs }: { readonly nowMs: number; readonly everyMs: number },
): void {
  const windowMax = lane.facts?.windowMax ?? lane.window;
  if (!wasThrottled) {
    lane.window = Math.min(windowMax, lane.window + 0.1);
  } else if (Math.abs(nowMs - lane.shrunkAtMs) >= everyMs) {
    lane.shrunkAtMs = nowMs;
    lane.window = Math.max(1, lane.window / 2);
  }
}

/** What is out there holds nothing up, or does so again. */
function setAway(
  state: LanesState,
  { holder, isAway }: { readonly holder: string; readonly isAway: boolean },
  nowMs: number,
): void {
  const held = holderOf(state, holder);
  if (held.isAway === isAway) return;
  held.isAway = isAway;
  for (const [lane, out] of held.lanes) {
    lane.away += isAway ? out : -out;
    place(state, lane, nowMs);
  }
}

/** What is out as the window counts it. */
function busyOf({ facts, out, away }: Lane): number {
  return facts?.isCapped === true ? out : out - away;
}

function add(state: LanesState, { functionId, holder, bytes }: Attempt, count: number): void {
  const lane = laneOf(state, functionId);
  if (lane.out === 0) lane.account = lane.facts?.accountId ?? "";
  const held = holderOf(state, holder);
  const there = (held.lanes.get(lane) ?? 0) + count;
  if (there === 0) held.lanes.delete(lane);
  else held.lanes.set(lane, there);
  if (held.isAway) lane.away += count;
  const share = held.accounts.get(lane.account) ?? { out: 0, bytes: 0 };
  for (const each of [lane, held, share]) {
    each.out += count;
    each.bytes += count * bytes;
  }
  if (share.out === 0) held.accounts.delete(lane.account);
  else held.accounts.set(lane.account, share);
}

/** Of what is out already. */
function addBytes(
  state: LanesState,
  { lane, holder, bytes }: { readonly lane: Lane; readonly holder: string; readonly bytes: number },
): void {
  const held = holderOf(state, holder);
  for (const each of [lane, held, held.accounts.get(lane.account)]) if (each) each.bytes += bytes;
}

function laneOf({ lanes }: LanesState, functionId: FunctionId): Lane {
  let lane = lanes.get(functionId);
  if (lane === undefined) {
    lane = {
      ...{ functionId, facts: undefined, dueMs: undefined, out: 0, away: 0, bytes: 0 },
      ...{ window: 1, account: "", claiming: 0, bytesEach: 0 },
      ...{ shrunkAtMs: -Infinity, isClaiming: false, ring: undefined },
      ...{ laterMs: undefined, pace: createPace(), breaker: createBreaker() },
    };
    lanes.set(functionId, lane);
  }
  return lane;
}

function holderOf({ holders }: LanesState, id: string): Holder {
  let holder = holders.get(id);
  if (holder === undefined) {
    holder = {
      ...{ id, out: 0, bytes: 0, accounts: new Map(), lanes: new Map() },
      ...{ isReady: false, isAway: true },
    };
    holders.set(id, holder);
  }
  return holder;
}

function forgetIdle({ holders }: LanesState, id: string): void {
  const holder = holders.get(id);
  if (holder?.isReady === false && holder.out === 0) holders.delete(id);
}

/**
 * Puts a lane where it belongs now: among the turns, where it keeps its place, with those that are
 * due later, or nowhere.
 */
function place(state: LanesState, lane: Lane, nowMs: number): void {
  const { facts, functionId } = lane;
  const dueMs = nextTurnMs(lane, nowMs);
  const isFull = Math.floor(lane.window) <= busyOf(lane) || lane.bytes >= state.limits.laneBytesMax;
  const hasRoom = facts === undefined || !isFull;
  const isDue = dueMs !== undefined && dueMs <= nowMs;
  const ring = isDue && hasRoom && !lane.isClaiming ? (facts?.accountId ?? "") : undefined;
  if (ring !== lane.ring) {
    leaveTurns(state, lane);
    if (ring !== undefined) joinTurns(state, lane, ring);
  }
  if (dueMs !== undefined) {
    if (!isDue) lookLater(state, lane, dueMs);
  } else if (lane.out === 0 && !lane.isClaiming) {
    const keptUntilMs = rememberedUntilMs(lane, nowMs);
    if (keptUntilMs <= nowMs) state.lanes.delete(functionId);
    else lookLater(state, lane, keptUntilMs);
  }
}

function lookLater(state: LanesState, lane: Lane, atMs: number): void {
  // One whose trial is out is placed when that ends.
  if (atMs === Infinity || (lane.laterMs !== undefined && lane.laterMs <= atMs)) return;
  lane.laterMs = atMs;
  pushDue(state.later, atMs, lane);
}

/** When it is due and not held back; undefined when nothing is known to wait. */
function nextTurnMs({ dueMs, facts, pace, breaker }: Lane, nowMs: number): number | undefined {
  if (dueMs === undefined || facts === undefined) return dueMs;
  const { ratePerSecond } = facts;
  const hasPace = ratePerSecond === undefined || roomAt(pace, ratePerSecond, nowMs) >= 1;
  const pacedMs = hasPace ? -Infinity : moreAtMs(pace, ratePerSecond);
  return Math.max(dueMs, pacedMs, heldUntilMs(breaker, nowMs));
}

/** Until when it differs from a new one; a clock that was set back is not believed for long. */
function rememberedUntilMs({ facts, pace, breaker }: Lane, nowMs: number): number {
  if (facts === undefined) return -Infinity;
  const { ratePerSecond, breaker: policy } = facts;
  const fullMs = ratePerSecond === undefined ? -Infinity : fullAtMs(pace, ratePerSecond);
  if (policy === undefined) return fullMs;
  const forgottenMs = forgottenAtMs(breaker, policy.windowMs);
  const longestMs = nowMs + policy.windowMs + Math.max(policy.pauseMs, policy.pauseMsMax);
  return Math.max(fullMs, Math.min(forgottenMs, longestMs));
}

function joinTurns({ turns }: LanesState, lane: Lane, ring: string): void {
  const lanes = turns.get(ring) ?? new Map<FunctionId, Lane>();
  lanes.set(lane.functionId, lane);
  turns.set(ring, lanes);
  lane.ring = ring;
}

function leaveTurns({ turns }: LanesState, lane: Lane): void {
  if (lane.ring === undefined) return;
  const lanes = turns.get(lane.ring);
  lanes?.delete(lane.functionId);
  if (lanes?.size === 0) turns.delete(lane.ring);
  lane.ring = undefined;
}

function effectsOf(state: LanesState, nowMs: number): readonly LanesEffect[] {
  const effects: LanesEffect[] = [];
  for (;;) {
    const effect = nextEffect(state, nowMs);
    if (effect === undefined) return effects;
    effects.push(effect);
  }
}

/** Of the first account that has room. */
function nextEffect(state: LanesState, nowMs: number): LanesEffect | undefined {
  for (const [ring, lanes] of state.turns) {
    const [lane] = lanes.values();
    const effect = lane && effectOf(state, lane, nowMs);
    if (lane === undefined || effect === undefined) continue;
    // Whoever had a turn is the last of the next round.
    leaveTurns(state, lane);
    if (lanes.size > 0) {
      state.turns.delete(ring);
      state.turns.set(ring, lanes);
    }
    lane.isClaiming = true;
    lane.dueMs = undefined;
    return effect;
  }
  return undefined;
}

/** Undefined when no holder has room. */
function effectOf(state: LanesState, lane: Lane, nowMs: number): LanesEffect | undefined {
  const { functionId, facts, pace, breaker } = lane;
  if (facts === undefined) return { kind: "end", functionId };
  const { claimRowsMax } = state.limits;
  const found = leastBusy(state, facts.accountId);
  if (found === undefined) return undefined;
  const { holder } = found;
  const room = Math.min(Math.floor(lane.window) - busyOf(lane), found.room);
  const paced = facts.ratePerSecond === undefined ? room : roomAt(pace, facts.ratePerSecond, nowMs);
  const isTrial = breaker.open !== undefined;
  const max = isTrial ? 1 : Math.min(room, paced, claimRowsMax);
  if (breaker.open !== undefined) breaker.open.isTrying = true;
  spend(pace, max);
  add(state, { functionId, holder: holder.id, bytes: 0 }, max);
  const { claimBytesMax } = state.limits;
  lane.claiming = Math.round(Math.min(max * lane.bytesEach, claimBytesMax));
  addBytes(state, { lane, holder: holder.id, bytes: lane.claiming });
  return { kind: "claim", functionId, holder: holder.id, max, isTrial };
}

function leastBusy(
  { holders, limits }: LanesState,
  account: string,
): { readonly holder: Holder; readonly room: number } | undefined {
  let found: { readonly holder: Holder; readonly room: number } | undefined;
  for (const holder of holders.values()) {
    if (!holder.isReady || holder.out >= (found?.holder.out ?? Infinity)) continue;
    const room = roomFor(holder, account, limits);
    if (room > 0) found = { holder, room };
  }
  return found;
}

/** Attempts that a holder may be given of an account. */
function roomFor(
  { out, bytes, accounts }: Holder,
  account: string,
  { holderAttemptsMax, holderBytesMax, holderReserve }: DispatchLimits,
): number {
  const own = accounts.get(account) ?? { out: 0, bytes: 0 };
  const sharers = accounts.size + (own.out === 0 ? 1 : 0);
  const left = (what: "out" | "bytes", max: number): number => {
    const reserve = max * holderReserve;
    const part = reserve / sharers;
    const all = what === "out" ? out : bytes;
    const kept = own[what] < part ? Math.min(max - all, Math.ceil(part - own[what])) : 0;
    return Math.max(kept, max - reserve - all);
  };
  if (left("bytes", holderBytesMax) <= 0) return 0;
  return Math.floor(left("out", holderAttemptsMax));
}

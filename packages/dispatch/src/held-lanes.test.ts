/**
 * Lanes that are held back, by their rate or by their breaker, over seeded runs of a function that
 * fails from one time to another. Each property has the same run without its protection beside it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, systemClock, type Random } from "@skerry/base";
import type { BreakerPolicy } from "@skerry/contracts";
import {
  countOpenBreakers,
  createLanes,
  decide,
  judge,
  nextLookMs,
  viewOf,
  type LaneFacts,
  type LanesEffect,
  type LanesEvent,
} from "./lanes.ts";
import { DISPATCH_LIMITS } from "./limits.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(5) });
const HOLDER = "one";
const BREAKER: BreakerPolicy = {
  ...{ failures: 5, windowMs: 10_000, pauseMs: 1_000, pauseMsMax: 8_000 },
};

interface Story {
  readonly facts: Partial<LaneFacts>;
  readonly waiting: number;
  readonly seed?: number;
  /** The function fails from the first to before the second. */
  readonly failsMs?: readonly [number, number];
  /** A share of attempts that is throttled or lost instead of ending. */
  readonly faults?: number;
  readonly untilMs: number;
}

interface Begun {
  readonly atMs: number;
  readonly isTrial: boolean;
}

interface Ended extends Begun {
  readonly endedMs: number;
  readonly failed: boolean;
  readonly isCounted: boolean;
}

/** Plays one function to a time: what began, what ended, and how it stands then. */
function play(story: Story) {
  const random = seededRandom(story.seed ?? 1);
  const functionId = ids.id("fn");
  const facts: LaneFacts = { accountId: ids.id("acct"), windowMax: 20, ...story.facts };
  const state = createLanes(DISPATCH_LIMITS);
  const out: (Begun & { readonly endMs: number })[] = [];
  const begun: Begun[] = [];
  const ended: Ended[] = [];
  const opens: number[] = [];
  let waiting = story.waiting;
  let nowMs = 0;
  const perform = (effects: readonly LanesEffect[]): void => {
    for (const effect of effects) {
      assert.ok(effect.kind === "claim");
      const { max: asked, isTrial } = effect;
      const taken = Math.min(asked, waiting);
      waiting -= taken;
      for (let i = 0; i < taken; i += 1) {
        begun.push({ atMs: nowMs, isTrial });
        out.push({ atMs: nowMs, isTrial, endMs: nowMs + 5 + Math.floor(random.float() * 50) });
      }
      const told = { functionId, holder: HOLDER, asked, taken, isTrial, bytes: 0 };
      feed({ kind: "claimed", ...told, nextDueMs: waiting > 0 ? nowMs : null });
    }
  };
  const feed = (event: LanesEvent): void => perform(decide(state, event, nowMs));
  const end = (one: Begun): void => {
    const said = outcomeOf(story, random, nowMs);
    const { isTrial } = one;
    if (said !== "lost") {
      const verdict = judge(state, { functionId, isTrial, outcome: said }, nowMs);
      if (verdict.turn !== "stayed") opens.push(nowMs);
      const failed = said === "function_error";
      ended.push({ ...one, endedMs: nowMs, failed, isCounted: verdict.isCounted });
    }
    if (said !== "ok") waiting += 1;
    const attempt = { functionId, holder: HOLDER, bytes: 0, isTrial, wasThrottled: undefined };
    feed({ kind: "freed", attempts: [attempt] });
    if (said !== "ok") feed({ kind: "woken", functionId, dueMs: nowMs + 20, facts });
  };
  feed({ kind: "came", holder: HOLDER });
  feed({ kind: "woken", functionId, dueMs: 0, facts });
  for (;;) {
    const endMs = Math.min(...out.map((one) => one.endMs));
    nowMs = Math.max(nowMs, Math.min(endMs, nextLookMs(state) ?? Infinity));
    if (nowMs === Infinity || nowMs > story.untilMs) break;
    feed({ kind: "looked" });
    for (const one of out.filter((each) => each.endMs <= nowMs)) {
      out.splice(out.indexOf(one), 1);
      end(one);
    }
  }
  const isOpen = countOpenBreakers(state) > 0;
  return { begun, ended, opens, waiting, isOpen, state, view: viewOf(state, functionId) };
}

function outcomeOf({ failsMs, faults = 0 }: Story, random: Random, nowMs: number) {
  if (random.float() < faults) return random.float() < 0.5 ? ("lost" as const) : "throttled";
  const [fromMs, toMs] = failsMs ?? [0, 0];
  return nowMs >= fromMs && nowMs < toMs ? "function_error" : "ok";
}

/** The most that began within any time of this length. */
function mostWithin(begun: readonly Begun[], spanMs: number): number {
  let most = 0;
  let from = 0;
  for (const [i, { atMs }] of begun.entries()) {
    while ((begun[from]?.atMs ?? atMs) <= atMs - spanMs) from += 1;
    most = Math.max(most, i - from + 1);
  }
  return most;
}

for (const ratePerSecond of [0.5, 3, 40, 2_000]) {
  test(`of ${ratePerSecond} a second no more begin in any time, and no fewer over a long one`, () => {
    const untilMs = ratePerSecond < 1 ? 60_000 : 10_000;
    const story = { waiting: 100_000, untilMs, faults: 0.2 };
    const wide = { windowMax: 1_000 };
    const { begun } = play({ ...story, facts: { ...wide, ratePerSecond } });
    const bucket = Math.max(1, ratePerSecond / 10);
    for (const spanMs of [1, 50, 1_000, 5_000]) {
      const bound = Math.ceil((spanMs / 1_000) * ratePerSecond + bucket);
      const most = mostWithin(begun, spanMs);
      assert.ok(most <= bound, `${most} within ${spanMs} ms`);
    }
    const wanted = (untilMs / 1_000) * ratePerSecond;
    assert.ok(begun.length >= 0.9 * wanted, `${begun.length} of ${wanted}`);
    const unpaced = play({ ...story, facts: wide, untilMs: 1_000 });
    assert.ok(mostWithin(unpaced.begun, 1_000) > ratePerSecond + bucket, "the control");
  });
}

test("a rate holds for what comes one by one, whatever was forgotten in between", () => {
  const state = createLanes(DISPATCH_LIMITS);
  const functionId = ids.id("fn");
  const facts = { accountId: ids.id("acct"), windowMax: 5, ratePerSecond: 2 };
  decide(state, { kind: "came", holder: HOLDER }, 0);
  let begun = 0;
  const oneAt = (nowMs: number): void => {
    for (const effect of decide(state, { kind: "woken", functionId, dueMs: nowMs, facts }, nowMs)) {
      assert.ok(effect.kind === "claim");
      begun += 1;
      const told = { functionId, holder: HOLDER, asked: effect.max, taken: 1, bytes: 0 };
      decide(state, { kind: "claimed", ...told, nextDueMs: null }, nowMs);
      const freed = { functionId, holder: HOLDER, bytes: 0, wasThrottled: false };
      decide(state, { kind: "freed", attempts: [freed] }, nowMs);
    }
  };
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) oneAt(nowMs);
  assert.ok(begun >= 19 && begun <= 21, String(begun));
  oneAt(20_000);
  decide(state, { kind: "looked" }, 20_600);
  assert.equal(state.lanes.size, 0, "one whose bucket is full again is forgotten");
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`a breaker leaves a function alone while it fails, and closes when it does not (seed ${seed})`, () => {
    const failsMs = [2_000, 30_000] as const;
    const faults = seed % 2 === 0 ? 0.1 : 0;
    const story = { waiting: 8_000, failsMs, faults, seed, untilMs: 60_000 };
    const held = play({ ...story, facts: { breaker: BREAKER } });
    const free = play({ ...story, facts: {} });
    const [openedMs = Infinity, closedMs = 0] = held.opens;
    assert.ok(openedMs >= 2_000 && openedMs < 2_200, String(openedMs));
    assert.ok(closedMs >= 30_000 && closedMs < 40_000, String(closedMs));
    assert.equal(held.isOpen, false);
    const meanwhile = held.begun.filter(({ atMs }) => atMs > openedMs && atMs < closedMs);
    assert.ok(meanwhile.length > 0 && meanwhile.every(({ isTrial }) => isTrial));
    for (const [i, { atMs }] of meanwhile.entries()) {
      const gapMs = atMs - (meanwhile[i - 1]?.atMs ?? -Infinity);
      if (faults === 0) assert.ok(gapMs >= BREAKER.pauseMs, `${gapMs} ms apart`);
    }
    const counted = held.ended.filter((one) => one.failed && one.isCounted).length;
    assert.ok(counted <= 20, `${counted} used up an attempt: as many as were out at once`);
    assert.ok(held.ended.every((one) => !one.failed || !one.isTrial || !one.isCounted));
    assert.ok(held.waiting === 0, "what waited has run then");
    const burnt = free.ended.filter((one) => one.failed && one.isCounted).length;
    assert.ok(burnt > 1_000, `the control: without it ${burnt} are used up`);
  });
}

test("a function that fails now and then, or is throttled, keeps its breaker closed", () => {
  const state = createLanes(DISPATCH_LIMITS);
  const functionId = ids.id("fn");
  const facts = { accountId: ids.id("acct"), windowMax: 5, breaker: BREAKER };
  decide(state, { kind: "woken", functionId, dueMs: 9e9, facts }, 0);
  const tell = (outcome: "ok" | "function_error" | "throttled" | "lost", nowMs: number) =>
    judge(state, { functionId, outcome }, nowMs).turn;
  for (let at = 0; at < 1_000; at += 1) {
    assert.equal(tell(at % 3 === 0 ? "function_error" : "ok", at), "stayed");
    assert.equal(tell(at % 2 === 0 ? "throttled" : "lost", at), "stayed");
  }
  const slow = Array.from({ length: 20 }, (_, i) => tell("function_error", 50_000 + i * 10_001));
  assert.ok(
    slow.every((turn) => turn === "stayed"),
    "too far apart",
  );
  const fast = Array.from({ length: 5 }, (_, i) => tell("function_error", 1_000_000 + i));
  assert.deepEqual(fast, ["stayed", "stayed", "stayed", "stayed", "opened"], "the control");
});

test("a clock that is set back holds an open breaker no longer than its pause", () => {
  const state = createLanes(DISPATCH_LIMITS);
  const functionId = ids.id("fn");
  const facts = { accountId: ids.id("acct"), windowMax: 5, breaker: BREAKER, ratePerSecond: 5 };
  decide(state, { kind: "came", holder: HOLDER }, 0);
  decide(state, { kind: "woken", functionId, dueMs: 9e12, facts }, 1e12);
  for (let i = 0; i < 5; i += 1) judge(state, { functionId, outcome: "crashed" }, 1e12);
  assert.equal(viewOf(state, functionId)?.openUntilMs, 1e12 + BREAKER.pauseMs);
  decide(state, { kind: "woken", functionId, dueMs: 0, facts }, 1_000);
  const effects = decide(state, { kind: "looked" }, 1_000 + BREAKER.pauseMs);
  assert.deepEqual(
    effects.map((effect) => effect.kind === "claim" && effect.isTrial),
    [true],
  );
});

test("nothing is remembered of a breaker when the function has none any more", () => {
  const story = { waiting: 50, failsMs: [0, 5_000] as const, untilMs: 500 };
  const { state, isOpen } = play({ ...story, facts: { breaker: BREAKER } });
  assert.equal(isOpen, true);
  const [functionId] = state.lanes.keys();
  assert.ok(functionId !== undefined);
  const factsOf = (): LaneFacts => ({ accountId: ids.id("acct"), windowMax: 20 });
  decide(state, { kind: "configured", factsOf }, 600);
  assert.equal(countOpenBreakers(state), 0);
});

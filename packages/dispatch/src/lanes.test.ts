import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, systemClock, type FunctionId } from "@skerry/base";
import { createLanes, decide, nextLookMs, type LaneFacts, type LanesEffect } from "./lanes.ts";
import { DISPATCH_LIMITS, type DispatchLimits } from "./limits.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(3) });

/** Lanes over a store that always has as much to claim as `waiting` says. */
class Play {
  readonly state;
  readonly waiting = new Map<FunctionId, number>();
  readonly claimed: FunctionId[] = [];
  nowMs = 1_000;
  readonly #out: { functionId: FunctionId; holder: string; bytes: number }[] = [];

  constructor(limits: Partial<DispatchLimits> = {}) {
    this.state = createLanes({ ...DISPATCH_LIMITS, ...limits });
  }

  wake(functionId: FunctionId, facts: LaneFacts, count: number, dueMs = this.nowMs): void {
    this.waiting.set(functionId, count);
    this.#do(decide(this.state, { kind: "woken", functionId, dueMs, facts }, this.nowMs));
  }

  come(holder: string): void {
    this.#do(decide(this.state, { kind: "came", holder }, this.nowMs));
  }

  lose(holder: string): void {
    this.#do(decide(this.state, { kind: "went", holder }, this.nowMs));
  }

  refuse(holder: string): void {
    this.#do(decide(this.state, { kind: "refused", holder }, this.nowMs));
  }

  look(): void {
    this.#do(decide(this.state, { kind: "looked" }, this.nowMs));
  }

  /** Ends the attempts that are out longest. */
  end(count: number, wasThrottled = false): void {
    const attempts = this.#out.splice(0, count).map((one) => ({ ...one, wasThrottled }));
    this.#do(decide(this.state, { kind: "freed", attempts }, this.nowMs));
  }

  outOf(functionId: FunctionId): number {
    return this.#out.filter((one) => one.functionId === functionId).length;
  }

  heldBy(holder: string): number {
    return this.#out.filter((one) => one.holder === holder).length;
  }

  #do(effects: readonly LanesEffect[]): void {
    const queue = [...effects];
    for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
      if (effect.kind === "end") continue;
      const { functionId, holder, max } = effect;
      const waiting = this.waiting.get(functionId) ?? 0;
      const taken = Math.min(max, waiting);
      this.waiting.set(functionId, waiting - taken);
      for (let i = 0; i < taken; i += 1) {
        this.claimed.push(functionId);
        this.#out.push({ functionId, holder, bytes: 10 });
      }
      const nextDueMs = waiting > taken ? this.nowMs : null;
      const answered = { functionId, holder, asked: max, taken, bytes: taken * 10, nextDueMs };
      queue.push(...decide(this.state, { kind: "claimed", ...answered }, this.nowMs));
    }
  }
}

const account = (): LaneFacts => ({ accountId: ids.id("acct"), windowMax: 1_000 });

test("nothing is claimed before a holder has come, nor more than the window", () => {
  const play = new Play();
  const fn = ids.id("fn");
  play.wake(fn, { ...account(), windowMax: 3 }, 10);
  assert.deepEqual(play.claimed, []);
  play.come("one");
  assert.equal(play.outOf(fn), 3);
  play.end(2);
  assert.equal(play.outOf(fn), 3);
});

test("what is out at a holder that is away fills no window but a cap", () => {
  const play = new Play();
  const [free, capped] = [ids.id("fn"), ids.id("fn")];
  const facts = { ...account(), windowMax: 3 };
  play.come("one");
  play.wake(free, facts, 20);
  play.wake(capped, { ...facts, isCapped: true }, 20);
  play.refuse("one");
  play.come("two");
  assert.equal(play.heldBy("two"), 0, "it is there, and runs them");
  play.lose("one");
  assert.deepEqual([play.outOf(free), play.outOf(capped), play.heldBy("two")], [6, 3, 3]);
  // Back with what it holds: that counts again.
  play.come("one");
  play.end(3);
  assert.deepEqual([play.outOf(free), play.outOf(capped)], [3, 3]);
  play.lose("two");
  play.end(6);
  assert.deepEqual([play.outOf(free), play.outOf(capped)], [3, 3]);
});

test("what an earlier run gave to a holder that never comes fills no window", () => {
  const play = new Play();
  const functionId = ids.id("fn");
  const attempts = Array.from({ length: 3 }, () => ({ functionId, holder: "dead", bytes: 0 }));
  decide(play.state, { kind: "found", attempts }, play.nowMs);
  play.come("new");
  play.wake(functionId, { ...account(), windowMax: 3 }, 20);
  assert.equal(play.heldBy("new"), 3);
  const freed = attempts.map((one) => ({ ...one, wasThrottled: undefined }));
  decide(play.state, { kind: "freed", attempts: freed }, play.nowMs);
  assert.equal(play.heldBy("new"), 3);
});

test("a flood for one function delays no other of its account", () => {
  const play = new Play({ holderAttemptsMax: 10 });
  const facts = account();
  const [flood, other] = [ids.id("fn"), ids.id("fn")];
  play.wake(flood, facts, 1_000_000);
  play.come("one");
  play.wake(other, facts, 5);
  play.claimed.length = 0;
  for (let i = 0; i < 10; i += 1) play.end(1);
  assert.equal(play.claimed.filter((fn) => fn === other).length, 5);
});

test("an account with many functions delays no account with one", () => {
  const play = new Play({ holderAttemptsMax: 10, claimRowsMax: 1 });
  const many = account();
  const single = ids.id("fn");
  for (let i = 0; i < 100; i += 1) play.wake(ids.id("fn"), many, 1_000);
  play.come("one");
  play.claimed.length = 0;
  play.wake(single, account(), 50);
  for (let i = 0; i < 100; i += 1) play.end(1);
  assert.equal(play.claimed.filter((fn) => fn === single).length, 50);
});

test("a lane that is woken again and again keeps its turn", () => {
  const play = new Play({ holderAttemptsMax: 1, claimRowsMax: 1 });
  const facts = account();
  const [first, second] = [ids.id("fn"), ids.id("fn")];
  play.wake(first, facts, 100);
  play.come("one");
  play.wake(second, facts, 100);
  for (let i = 0; i < 10; i += 1) {
    play.wake(second, facts, 100);
    play.end(1);
  }
  assert.ok(play.claimed.filter((fn) => fn === second).length >= 5);
});

test("the holder with the least out is given the next", () => {
  const play = new Play({ claimRowsMax: 1 });
  play.come("one");
  play.come("two");
  for (let i = 0; i < 10; i += 1) play.wake(ids.id("fn"), account(), 1);
  assert.deepEqual([play.heldBy("one"), play.heldBy("two")], [5, 5]);
});

test("a holder is given no more than its bounds of number and bytes", () => {
  const play = new Play({ holderAttemptsMax: 7, holderReserve: 0 });
  play.come("one");
  play.wake(ids.id("fn"), account(), 100);
  assert.equal(play.heldBy("one"), 7);
  const bytes = new Play({ holderBytesMax: 45, claimRowsMax: 1, holderReserve: 0 });
  bytes.come("one");
  bytes.wake(ids.id("fn"), account(), 100);
  assert.equal(bytes.heldBy("one"), 5);
});

test("large events of one function leave room for another's, and go on when some have ended", () => {
  const play = new Play({ holderBytesMax: 100, laneBytesMax: 50, claimRowsMax: 1 });
  const [large, other] = [ids.id("fn"), ids.id("fn")];
  play.wake(large, account(), 100);
  play.come("one");
  assert.equal(play.outOf(large), 5);
  play.wake(other, account(), 3);
  assert.equal(play.outOf(other), 3);
  play.end(2);
  assert.equal(play.outOf(large), 5);
});

/** Of a holder, which the flood fills. */
const FLOODED = {
  "many small": { holderAttemptsMax: 40 },
  "few large": { holderBytesMax: 400 },
};

for (const [what, room] of Object.entries(FLOODED)) {
  test(`${what} events of an account leave room for another, which gets its turns then`, () => {
    const limits = { ...room, claimRowsMax: 1, holderReserve: 0.2 };
    for (const play of [new Play(limits), new Play({ ...limits, holderReserve: 0 })]) {
      const isKept = play.state.limits.holderReserve > 0;
      const flood = account();
      for (let i = 0; i < 8; i += 1) play.wake(ids.id("fn"), flood, 1_000);
      play.come("one");
      play.claimed.length = 0;
      const other = ids.id("fn");
      play.wake(other, account(), 400);
      const early = play.claimed.filter((fn) => fn === other).length;
      assert.equal(early > 0, isKept, `${early} before anything of the flood has ended`);
      play.wake(ids.id("fn"), account(), 400);
      // Bytes are known once they are claimed: each lane's turn may have passed the bound.
      assert.ok(play.heldBy("one") <= 50);
      for (let i = 0; i < 300; i += 1) play.end(1);
      const got = play.claimed.filter((fn) => fn === other).length;
      assert.ok(got >= 95, `a third of the turns: ${got}`);
    }
  });
}

test("a window halves when attempts are throttled and grows back with those that are not", () => {
  const play = new Play();
  const fn = ids.id("fn");
  const facts = { ...account(), windowMax: 64 };
  play.wake(fn, facts, 100_000);
  play.come("one");
  assert.equal(play.outOf(fn), 64);
  // The last by a clock that was set back.
  for (const [expected, afterMs] of [
    [32, DISPATCH_LIMITS.shrinkEveryMs],
    [16, DISPATCH_LIMITS.shrinkEveryMs],
    [8, -2 * DISPATCH_LIMITS.shrinkEveryMs],
  ] as const) {
    play.nowMs += afterMs;
    play.end(64, true);
    play.wake(fn, facts, 100_000);
    assert.equal(play.outOf(fn), expected);
  }
  for (let i = 0; i < 1_000; i += 1) play.end(1);
  assert.equal(play.outOf(fn), 64);
});

test("what is due later is looked at then, by the earliest alone", () => {
  const play = new Play();
  play.come("one");
  const dues = [9_000, 3_000, 5_000, 7_000, 3_500];
  for (const dueMs of dues) play.wake(ids.id("fn"), account(), 1, dueMs);
  assert.equal(nextLookMs(play.state), 3_000);
  for (const [i, dueMs] of dues.toSorted((a, b) => a - b).entries()) {
    play.nowMs = dueMs;
    play.look();
    assert.equal(play.claimed.length, i + 1);
  }
  assert.equal(nextLookMs(play.state), undefined);
});

test("dues that are not wanted any more are not kept until their time", () => {
  const play = new Play();
  const [moved, last] = [ids.id("fn"), ids.id("fn")];
  play.wake(last, account(), 1, 2_000_000);
  for (let i = 0; i < 1_000; i += 1) play.wake(moved, account(), 1, 1_000_000 - i);
  play.come("one");
  for (let i = 0; i < 1_000; i += 1) {
    const fn = ids.id("fn");
    play.wake(fn, account(), 0, 5_000_000);
    play.wake(fn, account(), 0);
  }
  assert.ok(play.state.later.items.length < 100, String(play.state.later.items.length));
  assert.equal(nextLookMs(play.state), 1_000_000 - 999);
  for (const nowMs of [1_000_000, 2_000_000]) {
    play.nowMs = nowMs;
    play.look();
  }
  assert.deepEqual(play.claimed, [moved, last]);
});

test("what is due much later is not kept once more for each that is due sooner", () => {
  const state = createLanes(DISPATCH_LIMITS);
  const [functionId, facts, holder] = [ids.id("fn"), account(), "one"];
  const [farMs, rounds] = [1_000_000, 1_000];
  decide(state, { kind: "came", holder }, 0);
  decide(state, { kind: "woken", functionId, dueMs: farMs, facts }, 0);
  for (let nowMs = 1; nowMs <= rounds; nowMs += 1) {
    decide(state, { kind: "woken", functionId, dueMs: nowMs, facts }, nowMs - 1);
    const [effect] = decide(state, { kind: "looked" }, nowMs);
    assert.ok(effect?.kind === "claim");
    const answered = { functionId, holder, asked: effect.max, taken: 0, bytes: 0 };
    decide(state, { kind: "claimed", ...answered, nextDueMs: farMs }, nowMs);
  }
  assert.ok(state.later.items.length < 100, String(state.later.items.length));
  assert.equal(nextLookMs(state), farMs);
});

test("nothing is kept of lanes and holders that are done", () => {
  const play = new Play();
  play.come("one");
  for (let i = 0; i < 100; i += 1) play.wake(ids.id("fn"), account(), 2);
  play.end(200);
  decide(play.state, { kind: "went", holder: "one" }, play.nowMs);
  const { lanes, holders, turns, later } = play.state;
  assert.deepEqual([lanes.size, holders.size, turns.size, later.items.length], [0, 0, 0, 0]);
});

test("what waits for a function that is gone is to be ended", () => {
  const state = createLanes(DISPATCH_LIMITS);
  const functionId = ids.id("fn");
  decide(state, { kind: "woken", functionId, dueMs: 0, facts: account() }, 1);
  const effects = decide(state, { kind: "configured", factsOf: () => undefined }, 1);
  assert.deepEqual(effects, [{ kind: "end", functionId }]);
});

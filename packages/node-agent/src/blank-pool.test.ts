import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, type Random } from "@skerry/base";
import {
  decidePool,
  poolKeyText,
  type Pool,
  type PoolEffect,
  type PoolEvent,
  type PoolKey,
  type PoolPolicy,
  type PoolState,
} from "./blank-pool.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261109);
const POLICY: PoolPolicy = {
  blanksPerPool: 3,
  coolAfterMs: 10_000,
  poolsMax: 4,
  retryMsMax: 5_000,
};

function keyOf(memoryMb: number): PoolKey {
  return { runtimeBuild: "node26", rung: "bubblewrap", memoryMb, kind: "event" };
}

/** A world in which starts take time and fail, and blanks die; performs what is decided. */
class PoolWorld {
  state: PoolState = new Map();
  nowMs = 0;
  readonly alive = new Map<string, number>();
  readonly starting: string[] = [];
  starts = 0;
  readonly #policy: PoolPolicy;

  constructor(policy: PoolPolicy = POLICY) {
    this.#policy = policy;
  }

  send(event: PoolEvent): readonly PoolEffect[] {
    const step = decidePool(this.state, event, { nowMs: this.nowMs, policy: this.#policy });
    this.state = step.state;
    for (const effect of step.effects) this.#perform(effect);
    return step.effects;
  }

  take(key: PoolKey): boolean {
    const text = poolKeyText(key);
    const has = (this.alive.get(text) ?? 0) > 0;
    if (has) this.#add(text, -1);
    this.send({ kind: "wanted", key, took: has });
    return has;
  }

  finish(good: boolean): void {
    const key = this.starting.shift();
    if (key === undefined) return;
    if (good) this.#add(key, 1);
    this.send({ kind: good ? "started" : "failed", key });
  }

  lose(key: PoolKey): void {
    const text = poolKeyText(key);
    if ((this.alive.get(text) ?? 0) === 0) return;
    this.#add(text, -1);
    this.send({ kind: "lost", key: text });
  }

  pool(key: PoolKey): Pool | undefined {
    return this.state.get(poolKeyText(key));
  }

  get blanks(): number {
    return [...this.alive.values()].reduce((sum, count) => sum + count, 0);
  }

  #perform(effect: PoolEffect): void {
    if (effect.kind === "start") {
      this.starts += 1;
      this.starting.push(poolKeyText(effect.key));
    } else this.#add(effect.key, -1);
  }

  #add(key: string, by: number): void {
    this.alive.set(key, (this.alive.get(key) ?? 0) + by);
  }
}

function checkInvariants(world: PoolWorld): void {
  assert.ok(world.starting.length <= 1, "one start at a time");
  for (const [key, count] of world.alive) {
    const pool = world.state.get(key);
    assert.ok(count >= 0, "nothing is discarded that is not there");
    assert.equal(pool?.ready ?? 0, count, "what is decided on is what is there");
    assert.ok(count + (pool?.starting ?? 0) <= POLICY.blanksPerPool, "no more than the policy");
  }
  const idle = [...world.state.values()].filter(({ starting }) => starting === 0);
  assert.ok(idle.length <= POLICY.poolsMax, "no more pools than the policy");
}

function randomStep(world: PoolWorld, random: Random): void {
  const key = keyOf(64 * (1 + Math.floor(random.float() * 7)));
  const roll = random.float();
  world.nowMs += random.float() * 800;
  if (roll < 0.35) world.take(key);
  else if (roll < 0.65) world.finish(random.float() < 0.8);
  else if (roll < 0.75) world.lose(key);
  else world.send({ kind: "tick" });
}

test("whatever happens, in any order: bounds hold, and counts are what is there", (t) => {
  t.diagnostic(`seed ${SEED}; replay with SKERRY_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  for (let round = 0; round < 40; round += 1) {
    const world = new PoolWorld();
    for (let step = 0; step < 400; step += 1) {
      randomStep(world, random);
      checkInvariants(world);
    }
    assert.ok(world.starts > 5, "the simulation does something");
  }
});

test("control: a pool that keeps one more than the policy is noticed by the same checks", () => {
  const world = new PoolWorld({ ...POLICY, blanksPerPool: POLICY.blanksPerPool + 1 });
  world.take(keyOf(64));
  assert.throws(() => {
    for (let n = 0; n < 10; n += 1) {
      world.finish(true);
      checkInvariants(world);
    }
  }, /no more than the policy/);
});

test("a pool that is used is filled to the policy, and refilled after each take", () => {
  const world = new PoolWorld();
  const key = keyOf(128);
  assert.equal(world.take(key), false);
  for (let n = 0; n < 10; n += 1) world.finish(true);
  assert.deepEqual([world.blanks, world.starting.length], [3, 0]);
  assert.equal(world.take(key), true);
  assert.deepEqual([world.blanks, world.starting.length], [2, 1]);
  world.finish(true);
  assert.equal(world.blanks, 3);
});

test("a blank that dies is replaced", () => {
  const world = new PoolWorld();
  const key = keyOf(128);
  world.take(key);
  for (let n = 0; n < 10; n += 1) world.finish(true);
  world.lose(key);
  assert.equal(world.starting.length, 1);
});

test("the emptiest pool is filled first, among equals the one used last", () => {
  const world = new PoolWorld();
  world.take(keyOf(64));
  world.nowMs = 10;
  world.take(keyOf(128));
  world.nowMs = 20;
  world.take(keyOf(256));
  const order: string[] = [];
  for (let n = 0; n < 6; n += 1) {
    order.push(/\|(\d+)\|/.exec(world.starting[0] ?? "")?.[1] ?? "");
    world.finish(true);
  }
  assert.deepEqual(order, ["64", "256", "128", "256", "128", "64"]);
});

test("a pool that nobody used for long is given up with its blanks, a used one stays", () => {
  const world = new PoolWorld();
  const [used, left] = [keyOf(64), keyOf(128)];
  world.take(used);
  world.take(left);
  for (let n = 0; n < 10; n += 1) world.finish(true);
  assert.equal(world.blanks, 6);
  world.nowMs = 9_000;
  world.take(used);
  world.finish(true);
  world.nowMs = 10_500;
  const effects = world.send({ kind: "tick" });
  assert.deepEqual(
    effects,
    Array.from({ length: 3 }, () => ({ kind: "discard", key: poolKeyText(left) })),
  );
  assert.deepEqual([world.pool(left), world.blanks], [undefined, 3]);
});

test("starts that fail are tried again later and later, up to a bound, and at once after a good one", () => {
  const world = new PoolWorld({ ...POLICY, coolAfterMs: 1e9 });
  const key = keyOf(64);
  world.take(key);
  const pauses: number[] = [];
  for (let n = 0; n < 8; n += 1) {
    world.finish(false);
    assert.equal(world.starting.length, 0, "not at once");
    const pause = (world.pool(key)?.retryAtMs ?? 0) - world.nowMs;
    pauses.push(pause);
    world.nowMs += pause - 1;
    world.send({ kind: "tick" });
    assert.equal(world.starting.length, 0, "not before its time");
    world.nowMs += 1;
    world.send({ kind: "tick" });
    assert.equal(world.starting.length, 1);
  }
  assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000]);
  world.finish(true);
  assert.deepEqual([world.pool(key)?.failures, world.starting.length], [0, 1]);
});

test("a pool that fails does not keep others from being filled", () => {
  const world = new PoolWorld();
  world.take(keyOf(64));
  world.finish(false);
  world.take(keyOf(128));
  assert.deepEqual(world.starting, [poolKeyText(keyOf(128))]);
});

test("with no blanks wanted none is ever started", () => {
  const world = new PoolWorld({ ...POLICY, blanksPerPool: 0 });
  for (let n = 0; n < 20; n += 1) world.take(keyOf(64 * n));
  assert.equal(world.starts, 0);
});

test("keys that differ in anything a blank is born with are different pools", () => {
  const base = keyOf(128);
  const others = [
    base,
    { ...base, memoryMb: 256 },
    { ...base, rung: "process" },
    { ...base, runtimeBuild: "node27" },
    { ...base, kind: "fetch" as const },
  ];
  assert.equal(new Set(others.map(poolKeyText)).size, others.length);
});

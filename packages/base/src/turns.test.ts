import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "./clock.ts";
import { defineReasons, PlatformError } from "./platform-error.ts";
import { Turns, type TurnLimits } from "./turns.ts";

const fail = defineReasons({
  NO_TURN: {
    ...{ code: "UNAVAILABLE", retryable: true, audience: "user" },
    ...{ message: "{why}", hint: "Try again." },
  },
});

const LIMITS: TurnLimits = {
  atOnce: 3,
  atOncePerOwner: 2,
  waitingMax: 4,
  waitingPerOwnerMax: 3,
  waitMsMax: 60_000,
  refuse: (why) => fail("NO_TURN", { why }),
};

/** Turns, and builds that go on until they are let go. */
class Site {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly #turns: Turns;
  readonly #all: Promise<unknown>[] = [];

  constructor(limits: Partial<TurnLimits> = {}) {
    this.#turns = new Turns(systemClock(), { ...LIMITS, ...limits });
  }

  /** The name begins with its account. */
  async ask(name: string): Promise<string> {
    const work = async (): Promise<string> => {
      this.begun.push(name);
      await new Promise<void>((resolve) => this.#ends.set(name, resolve));
      return "built";
    };
    const asked = this.#turns
      .run(name.slice(0, 1), work)
      .catch((error: unknown) => PlatformError.from(error).reason);
    this.#all.push(asked);
    return await asked;
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    // What waited is begun by the end of the one before it.
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }

  async endAll(): Promise<void> {
    for (let at = 0; at < this.begun.length; at += 1) await this.end(this.begun[at] ?? "");
    await Promise.all(this.#all);
  }
}

test("no more builds are under way at once than allowed, and the next begins when one ends", async () => {
  const site = new Site();
  for (const name of ["a1", "b1", "c1", "d1"]) void site.ask(name);
  assert.deepEqual(site.begun, ["a1", "b1", "c1"]);
  await site.end("b1");
  assert.deepEqual(site.begun, ["a1", "b1", "c1", "d1"]);
  await site.endAll();
});

test("one account's builds leave room for another's, which asked later", async () => {
  const site = new Site();
  for (const name of ["a1", "a2", "a3", "b1"]) void site.ask(name);
  assert.deepEqual(site.begun, ["a1", "a2", "b1"]);
  await site.end("b1");
  assert.deepEqual(site.begun, ["a1", "a2", "b1"]);
  await site.end("a1");
  assert.deepEqual(site.begun, ["a1", "a2", "b1", "a3"]);
  await site.endAll();
});

test("a full line refuses, for an account before it does for all", async () => {
  const site = new Site({ atOncePerOwner: 3 });
  for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) void site.ask(name);
  assert.equal(await site.ask("a7"), "NO_TURN");
  void site.ask("b1");
  assert.equal(await site.ask("b2"), "NO_TURN");
  await site.endAll();
  assert.ok(!site.begun.includes("a7") && !site.begun.includes("b2"));
});

test("who waits too long is refused, and is not begun later", async () => {
  const site = new Site({ atOnce: 1, waitMsMax: 20 });
  void site.ask("a1");
  assert.equal(await site.ask("b1"), "NO_TURN");
  await site.endAll();
  assert.deepEqual(site.begun, ["a1"]);
});

test("a build that fails gives its place back", async () => {
  const queue = new Turns(systemClock(), { ...LIMITS, atOnce: 1 });
  await assert.rejects(queue.run("a", () => Promise.reject(new TypeError("broken"))));
  assert.equal(await queue.run("a", () => Promise.resolve("built")), "built");
});

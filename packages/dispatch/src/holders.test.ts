import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, silentLog, systemRandom, type RequestId } from "@skerry/base";
import type { Peer } from "@skerry/control-links";
import { createLedgerClock, createSequence, type SeenHolder } from "@skerry/invocations";
import { HandClock } from "@skerry/testkit";
import { NO_LISTENERS } from "../test/no-listeners.ts";
import { NO_WEBHOOKS } from "../test/no-webhooks.ts";
import { ConfigView } from "./config-view.ts";
import { createDispatch } from "./dispatch.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Holders } from "./holders.ts";
import { DISPATCH_LIMITS } from "./limits.ts";
import type { DispatchDeps } from "./ports.ts";

const AWAY_MS = 10 * DISPATCH_LIMITS.holderGraceMs;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A store that holds one attempt, and waits for the test before it lets go of all. */
class Play {
  readonly clock = new HandClock();
  readonly deps: DispatchDeps;
  readonly attempt: { readonly id: RequestId; readonly n: number };
  readonly calls: string[] = [];
  readonly letGo = Promise.withResolvers<void>();
  /** What platforms have noted on a database that they share. */
  seen: readonly SeenHolder[] = [];
  /** Happens while that is read. */
  onSeen: () => void = () => undefined;
  /** What the platform of a lost gateway must have noted last. */
  fence: unknown;
  #isHeld = true;

  constructor() {
    const { clock } = this;
    const random = systemRandom();
    const ids = createIdSource({ clock, random });
    const configLog = {
      seq: () => Promise.resolve(0),
      read: () => Promise.resolve({ seq: 0, fromStart: true, complete: true, entries: [] }),
    };
    const store = { call: (_: unknown, name: string, args: unknown) => this.#call(name, args) };
    const ports = { store: store as DispatchDeps["store"], configLog, log: silentLog() };
    this.deps = { clock, random, ids, webhooks: NO_WEBHOOKS, ...ports };
    this.attempt = { id: ids.requestId(), n: 1 };
  }

  holders(): Holders {
    const { deps } = this;
    const nextSeq = createSequence(deps.clock);
    const clock = createLedgerClock(deps.clock);
    const inner = { ...deps, clock, nextSeq, config: new ConfigView(deps.configLog) };
    const dispatcher = new Dispatcher(inner, { ...NO_LISTENERS, limits: DISPATCH_LIMITS });
    return new Holders({ ...inner, dispatcher, isShared: true }, DISPATCH_LIMITS);
  }

  peer(): Peer {
    return { id: "gw", role: "gateway" } as Peer;
  }

  async #call(name: string, args: unknown): Promise<unknown> {
    this.calls.push(name);
    if (name === "seenHolders") {
      this.onSeen();
      return this.seen;
    }
    if (name === "heldBy") {
      const { id, n: attempt } = this.attempt;
      return this.#isHeld ? [{ id, attempt, functionId: "fn" }] : [];
    }
    if (name === "release" && (args as { readonly kept: unknown }).kept === null) {
      this.fence = (args as { readonly seenMs: unknown }).seenMs;
      await this.letGo.promise;
      this.#isHeld = false;
    }
    return [];
  }
}

test("a gateway that is back while what it held is let go of is told so, and keeps none of it", async () => {
  const play = new Play();
  const holders = play.holders();
  const peer = play.peer();
  holders.came(peer);
  await holders.holding(peer, [play.attempt]);
  holders.went(peer);
  play.clock.advance(AWAY_MS);
  await turn();
  const back = play.peer();
  holders.came(back);
  const answer = holders.holding(back, [play.attempt]);
  await turn();
  play.letGo.resolve();
  assert.deepEqual(await answer, { abandon: [0] });
});

test("another platform's gateway that is back is not let go of because that failed before", async () => {
  for (const isBack of [true, false]) {
    const play = new Play();
    const holders = play.holders();
    play.letGo.reject(new Error("the store is away"));
    const isNoted = async (seenMs: number): Promise<number> => {
      play.seen = [{ holder: "theirs", seenMs }];
      await holders.look();
      return play.calls.filter((name) => name === "release").length;
    };
    assert.equal(await isNoted(1), 0);
    play.clock.advance(DISPATCH_LIMITS.leaseMs);
    assert.equal(await isNoted(1), 1, "nobody has noted it for a lease");
    play.clock.advance(AWAY_MS);
    await turn();
    assert.equal(await isNoted(isBack ? 2 : 1), isBack ? 1 : 2);
  }
});

test("a lease begins when its note was read, however long that took, and is let go of by that", async () => {
  const play = new Play();
  const holders = play.holders();
  play.letGo.resolve();
  play.seen = [{ holder: "theirs", seenMs: 7 }];
  play.onSeen = () => play.clock.advance(DISPATCH_LIMITS.leaseMs);
  await holders.look();
  play.onSeen = () => undefined;
  await holders.look();
  assert.ok(!play.calls.includes("release"), "it was noted a moment ago, perhaps");
  play.clock.advance(DISPATCH_LIMITS.leaseMs);
  await holders.look();
  assert.equal(play.fence, 7);
});

test("a control that starts waits for gateways that run, and for no others", async () => {
  const { startGraceMs } = DISPATCH_LIMITS;
  for (const [living, graceMs] of [
    [new Set(["gw"]), startGraceMs],
    [new Set(["another"]), 0],
    [undefined, startGraceMs],
  ] as const) {
    const play = new Play();
    play.seen = [{ holder: "gw", seenMs: null }];
    const holders = play.holders();
    await holders.start(living);
    play.clock.advance(Math.max(0, graceMs - 1));
    await turn();
    assert.equal(play.calls.includes("release"), graceMs === 0);
    play.clock.advance(1);
    await turn();
    assert.ok(play.calls.includes("release"));
    play.letGo.resolve();
  }
});

test("what a gateway says it holds is noted before the ledger is asked for it", async () => {
  const play = new Play();
  const holders = play.holders();
  const peer = play.peer();
  holders.came(peer);
  await holders.holding(peer, [play.attempt]);
  assert.deepEqual(play.calls.slice(0, 3), ["beat", "release", "heldBy"]);
});

test("a control that drains lets go of nothing: its gateways go on at the next one", async () => {
  for (const isDraining of [false, true]) {
    const play = new Play();
    const dispatch = createDispatch(play.deps);
    const peer = play.peer();
    dispatch.room.came(peer);
    if (isDraining) dispatch.beginDrain();
    dispatch.room.went(peer);
    play.clock.advance(AWAY_MS);
    await turn();
    assert.equal(play.calls.includes("release"), !isDraining);
  }
});

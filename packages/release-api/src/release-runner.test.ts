/**
 * Who carries releases on: to their end while figures are fine, nowhere while there are none to be
 * had, and no further than people must see to it.
 */
import assert from "node:assert/strict";
import { createIdSource, silentLog, systemClock, systemRandom } from "@skerry/base";
import { emptyHistogram, type WindowFigures } from "@skerry/contracts";
import { HandClock, until } from "@skerry/testkit";
import { AppReleases } from "../test/app-release-world.ts";
import { storeModule } from "../test/release-module.ts";
import { onBothStores, type ReleaseCases, type ReleaseWorld } from "../test/release-world.ts";
import { ReleaseRunner } from "./release-runner.ts";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });

/** A runner whose time goes on while somebody waits for what it does. */
class Running implements AsyncDisposable {
  readonly releases: AppReleases;
  readonly runner: ReleaseRunner;
  readonly committed: number[] = [];
  /** How often figures were asked for. */
  asked = 0;
  areFiguresThere = true;
  /** Revisions without a request. */
  uncalled: ReadonlySet<string> = new Set();
  readonly #clock = new HandClock();

  constructor(world: ReleaseWorld) {
    this.releases = new AppReleases(world);
    this.runner = new ReleaseRunner({
      ...{ store: world.store, module: storeModule, clock: this.#clock, ids, log: silentLog() },
      figures: {
        versionFigures: async ({ revisionIds }) => {
          this.asked += 1;
          if (!this.areFiguresThere) throw new Error("the records are away");
          return revisionIds.map((revisionId): WindowFigures => {
            const [duration, cold] = [emptyHistogram(), emptyHistogram()];
            const ok = this.uncalled.has(revisionId) ? 0 : 100;
            return { revisionId, outcomes: { ok }, serverErrors: 0, duration, cold };
          });
        },
      },
      committed: (seq) => this.committed.push(seq),
    });
  }

  /** Lets time go on until it is so. */
  async until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
    await until(what, async () => {
      this.#clock.advance(1_000);
      return await is();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runner.close();
  }
}

const CASES: ReleaseCases = {
  "what is open goes to its end by itself, and each move is told": async (world) => {
    await using running = new Running(world);
    const { releases, runner, committed } = running;
    await releases.prepare();
    const { id } = await releases.create();
    runner.wake();
    await running.until("done", async () => (await releases.get(id)).state === "done");
    const { log } = await world.kept();
    const places = 3;
    await running.until("all is told", () => committed.length === places);
    assert.deepEqual(
      committed,
      committed.toSorted((a, b) => a - b),
    );
    assert.equal(committed.at(-1), log.entries.at(-1)?.seq);
  },

  "without figures it stays where it is, and goes on when there are some again": async (world) => {
    await using running = new Running(world);
    const { releases, runner } = running;
    await releases.prepare();
    const { id } = await releases.create();
    running.areFiguresThere = false;
    runner.wake();
    await running.until("it was tried again and again", () => running.asked >= 4);
    const { state, places } = await releases.get(id);
    assert.deepEqual([state, places[1]?.state], ["running", "current"]);
    running.areFiguresThere = true;
    await running.until("done", async () => (await releases.get(id)).state === "done");
  },

  "requests by an alias with variables count for the version, and releases leave it those": async (
    world,
  ) => {
    await using running = new Running(world);
    const { releases, runner } = running;
    await releases.prepare();
    const { functions } = await world.kept();
    const env = { LEVEL: "warn" };
    for (const { name } of functions) await world.set(`${name}:release`, { version: 1, env });
    const { id } = await releases.create();
    running.uncalled = new Set((await world.kept()).revisions.map((one) => one.id));
    runner.wake();
    await running.until("done", async () => (await releases.get(id)).state === "done");
    for (const { name } of functions) {
      const { target } = await world.alias(name, "release");
      assert.deepEqual(target, { version: 2, shares: [], rules: [], env });
    }
  },

  "what people must see to pauses it and is said, and they may abort it": async (world) => {
    await using running = new Running(world);
    const { releases, runner } = running;
    await releases.prepare();
    const { id } = await releases.create();
    const [fn] = (await world.kept()).functions.filter(({ name }) => name === "buy");
    assert.ok(fn !== undefined);
    const of = { id: fn.id, app: world.app, name: fn.name };
    await world.store.call(storeModule, "removeVersionBlindly", { fn: of, number: 2 });
    runner.wake();
    await running.until("paused", async () => (await releases.get(id)).state === "paused");
    assert.match((await releases.get(id)).why ?? "", /shop\/buy has no version 2/);
    await releases.turn("abort", id);
    assert.equal((await releases.get(id)).state, "aborted");
  },
};

onBothStores("a runner of releases", CASES);

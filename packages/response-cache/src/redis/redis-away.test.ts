/** A Redis in trouble makes misses, not errors, and forgets no purge. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { silentLog } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { keptAnswer } from "../../test/kept.ts";
import { encodeKept } from "./codec.ts";
import { HeldStages } from "./held-stages.ts";
import { AWAY, RedisLink, type RedisArgument } from "./link.ts";
import { RedisPurges } from "./purges.ts";

/** Answers what the test says, or hangs. */
class FakeRedis {
  isReady = true;
  isHung = false;
  readonly commands: string[][] = [];
  replyTo: (name: string) => unknown = () => null;

  sendCommand(command: readonly RedisArgument[]): Promise<unknown> {
    this.commands.push(command.map(String));
    if (this.isHung) return new Promise(() => undefined);
    return Promise.resolve(this.replyTo(String(command[0])));
  }
}

function openLink(): { clock: HandClock; redis: FakeRedis; link: RedisLink } {
  const clock = new HandClock();
  const redis = new FakeRedis();
  const link = new RedisLink({ clock, log: silentLog(), client: redis }, 50);
  return { clock, redis, link };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

void describe("a Redis that is away", () => {
  void it("costs one request its time, and the next ones nothing until it is tried again", async () => {
    const { clock, redis, link } = openLink();
    redis.isHung = true;
    const first = link.ask(["GET", "a"]);
    clock.advance(50);
    assert.equal(await first, AWAY);
    assert.equal(link.isAway, true);
    assert.equal(await link.ask(["GET", "a"]), AWAY);
    assert.equal(redis.commands.length, 1, "it is not asked while it is away");
    redis.isHung = false;
    clock.advance(1_000);
    assert.deepEqual(await link.ask(["GET", "a"]), [null]);
    assert.equal(link.isAway, false);
  });

  void it("is not asked while it is not connected", async () => {
    const { redis, link } = openLink();
    redis.isReady = false;
    assert.equal(await link.ask(["GET", "a"]), AWAY);
    assert.deepEqual(redis.commands, []);
  });

  void it("finds nothing of a stage whose purge it did not take, and takes it later", async () => {
    const { clock, redis, link } = openLink();
    const purges = new RedisPurges({ link, clock, prefix: "p:" });
    redis.isReady = false;
    await purges.purge("stage", { tag: "t" });
    assert.equal(purges.isHeld("stage"), true);
    assert.equal(purges.isHeld("other"), false);
    redis.isReady = true;
    for (let tries = 0; tries < 4; tries++) {
      clock.advance(500);
      await settled();
    }
    assert.equal(purges.isHeld("stage"), false);
    assert.equal(redis.commands.filter(([name]) => name === "EVAL").length, 1);
  });

  void it("has the next process forget the stages whose purges one held that ended", async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-held-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const { clock, redis, link } = openLink();
    const open = (owner: string): RedisPurges => {
      const heldStages = new HeldStages(silentLog(), { directory, owner });
      return new RedisPurges({ link, clock, prefix: "p:", heldStages });
    };
    redis.isReady = false;
    const first = open("first");
    await first.purge("api/stage", { tag: "t" });
    first.close();
    const next = open("next");
    await settled();
    assert.equal(next.isHeld("api/stage"), true);
    assert.equal(next.isHeld("other"), false);
    assert.deepEqual(readdirSync(directory), ["next.api%2Fstage"], "it is its own now");
    redis.isReady = true;
    for (let tries = 0; tries < 4; tries++) {
      clock.advance(500);
      await settled();
    }
    assert.equal(next.isHeld("api/stage"), false);
    assert.deepEqual(readdirSync(directory), []);
    assert.equal(redis.commands.at(-1)?.includes("*"), true, "all of it is forgotten");
  });

  void it("finds a purge whose rule goes while it is looked up", async () => {
    const { clock, link, redis } = openLink();
    const purges = new RedisPurges({ link, clock, prefix: "p:" });
    // Purge 4 names it; then another process forgets all, between the first two looks.
    const rules = { ZMSCORE: ["4"], ZRANGE: [], GETRANGE: Buffer.alloc(0), GET: "0" };
    const gone: Readonly<Record<string, unknown>> = {
      ZMSCORE: [null],
      ZRANGE: [],
      GETRANGE: Buffer.alloc(0),
      GET: "5",
    };
    let now: Readonly<Record<string, unknown>> = rules;
    redis.replyTo = (name) => {
      const reply = now[name];
      now = gone;
      return reply;
    };
    assert.equal(await purges.isPurged(keptAnswer({ mark: 3 }), 4), true);
    redis.replyTo = (name) => (name === "GET" ? "0" : gone[name]);
    assert.equal(await purges.isPurged(keptAnswer({ mark: 3 }), 4), false, "the control");
  });

  void it("makes an answer a miss whose purges cannot be looked up, or were lost", async () => {
    const { clock, redis, link } = openLink();
    const purges = new RedisPurges({ link, clock, prefix: "p:" });
    const kept = keptAnswer({ mark: 3 });
    assert.equal(await purges.isPurged(kept, 3), false);
    assert.equal(await purges.isPurged(kept, 2), true);
    assert.equal(await purges.isPurged(kept, 4), true, "its rules are gone");
    redis.isReady = false;
    assert.equal(await purges.isPurged(kept, 4), true);
  });

  void it("takes a value of another version for none", async () => {
    const { decodeKept } = await import("./codec.ts");
    const value = encodeKept(keptAnswer());
    assert.notEqual(decodeKept(value), undefined);
    for (const broken of [value.subarray(0, 4), value.subarray(0, 20), Buffer.from("other")]) {
      assert.equal(decodeKept(broken), undefined);
    }
  });
});

/**
 * Restarts that go wrong: a successor that cannot start leaves the old one serving and is told as a
 * typed error, and what an agent that was killed in the middle of its restart left behind is ended
 * by the one that stays.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  callHttp,
  startLoad,
  startPlatform,
  until,
  type Load,
  type Platform,
} from "@skerry/testkit";
import { instanceDirectories, untilOnlyListedAreLeft } from "./living.ts";
import { MIRROR, SLOW } from "./sources.ts";

const TIMEOUT = { timeout: 120_000 };
const MAIN = fileURLToPath(new URL("../apps/platform/src/main.ts", import.meta.url));
const open = { auth: "none" } as const;

describe("restarts that go wrong", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    await platform.deploy({ app: "stays", fn: "mirror", files: MIRROR, config: open });
    await platform.deploy({ app: "stays", fn: "slow", files: SLOW, config: open });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const loadMirror = (): Load =>
    startLoad({
      connections: 2,
      pauseMsMax: 25,
      call: () => ({ port: platform.gatewayPort, path: "/-/stays/mirror/", method: "POST" }),
    });
  const newest = (role: "control" | "agent"): number => Math.max(...platform.pids(role));
  const starts = (): number => platform.logTail(2_000).split("started again").length - 1;

  /** No process that begins meanwhile can make the spool that it needs. */
  const withoutSpool = async (name: "meter" | "logs", work: () => Promise<void>): Promise<void> => {
    const spool = join(platform.home, "spool", name);
    renameSync(spool, `${spool}.aside`);
    writeFileSync(spool, "");
    try {
      await work();
    } finally {
      rmSync(spool);
      renameSync(`${spool}.aside`, spool);
    }
  };

  for (const [role, spool] of [
    ["gateway", "meter"],
    ["agent", "logs"],
  ] as const) {
    it(`a ${role} whose successor cannot start goes on serving`, TIMEOUT, async (t) => {
      const load = loadMirror();
      t.after(() => load.stop());
      const [old, startsBefore] = [platform.pids(role), starts()];
      await withoutSpool(spool, async () => {
        const [code, reason] = ["UNAVAILABLE", "ROLE_FAILED"];
        await assert.rejects(platform.restart(role), { code, reason, message: /ENOTDIR/ });
        const goal = load.answered + 20;
        await until("the old one answers", () => load.answered >= goal);
        assert.deepEqual(platform.pids(role), old);
      });
      assert.deepEqual((await load.stop()).failures, []);
      assert.equal(starts(), startsBefore, "nobody missed the successor");
      await platform.restart(role);
      assert.equal(platform.pids(role).length, 1);
      assert.notDeepEqual(platform.pids(role), old, "control: once it can, another serves");
    });
  }

  it("a control whose successor ends before its turn goes on serving", TIMEOUT, async () => {
    const [old, startsBefore] = [platform.pids("control"), starts()];
    const restarted = platform.restart("control");
    const told = assert.rejects(restarted, { code: "UNAVAILABLE", reason: "ROLE_FAILED" });
    await until("a successor", () => platform.pids("control").length === 2, { everyMs: 1 });
    process.kill(newest("control"), "SIGKILL");
    await told;
    assert.deepEqual(platform.pids("control"), old);
    await platform.untilWhole();
    assert.equal(starts(), startsBefore, "nobody missed the successor");
  });

  it("who gives the order is told why it failed", TIMEOUT, async () => {
    const env = { ...process.env, SKERRY_HOME: platform.home };
    const order = (...words: readonly string[]): Promise<unknown> =>
      promisify(execFile)(process.execPath, [MAIN, ...words], { env });
    await withoutSpool("meter", () => {
      const stderr = /role gateway did not become ready.*ENOTDIR.*\n.*platform\.jsonl/;
      return assert.rejects(order("restart", "gateway"), { code: 16, stderr });
    });
    await assert.rejects(order("restart", "moon"), { stderr: /`restart moon`/ });
  });

  for (const { which, answers } of [
    { which: "new", answers: true },
    { which: "old", answers: false },
  ]) {
    it(`what the ${which} agent leaves that is killed in a restart is ended`, TIMEOUT, async () => {
      const [old] = platform.pids("agent");
      assert.ok(old !== undefined);
      const path = "/-/stays/slow/?ms=1500";
      const slow = callHttp({ port: platform.gatewayPort, path });
      await until("the slow call is on", async () => {
        const { items } = await platform.client.listInstances();
        return items.some(({ function: fn, state }) => fn === "slow" && state === "ready");
      });
      mkdirSync(join(platform.home, "runtimes", "half-copied.new-1"));
      const oldOnes = new Set(instanceDirectories(platform).keys());
      const restarted = platform.restart("agent").catch(() => undefined);
      const left = await until("sandboxes of the new agent", () => {
        const ids = [...instanceDirectories(platform).keys()];
        const fresh = ids.filter((id) => !oldOnes.has(id));
        return platform.pids("agent").length === 2 && fresh.length > 0 && fresh;
      });
      process.kill(which === "old" ? old : newest("agent"), "SIGKILL");
      const { status } = await slow;
      assert.equal(status === 200, answers);
      await restarted;
      await until("one agent", () => platform.pids("agent").length === 1);
      const below = (name: string): readonly string[] => readdirSync(join(platform.home, name));
      const sockets = (): readonly string[] => below("run").filter((n) => n.startsWith("agent-"));
      await until("one agent's things", () =>
        ["instances", "builds", "runtimes"].every((name) => below(name).length === 1),
      );
      await until("one agent's socket", () => sockets().length === 1);
      await platform.untilWhole();
      const living = await untilOnlyListedAreLeft(platform);
      const dead = new Set(which === "old" ? oldOnes : left);
      assert.deepEqual(
        living.filter((id) => dead.has(id)),
        [],
      );
    });
  }
});

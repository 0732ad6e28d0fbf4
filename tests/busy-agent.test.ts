/**
 * Starting instances is the agent's work alone: while it starts many, and also while it does
 * nothing at all, a gateway goes on answering from the instances that are there.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  callHttp,
  startLoad,
  startPlatform,
  until,
  type Load,
  type Platform,
} from "@skerry/testkit";
import { holdCall, type HeldCall } from "./held-call.ts";
import { MIRROR } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const COLD_STARTS = 16;
/** Two cores are shared by everything here; a gateway that waits for starts takes far longer. */
const WARM_MS_MAX = 10_000;

describe("an agent that is busy, or stopped", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    // A stopped role stays as it is.
    platform = await startPlatform({ settings: { roleSilenceMs: 0 } });
    const open = { auth: "none" } as const;
    await platform.deploy({ app: "busy", fn: "warm", files: MIRROR, config: open });
    // So many starts take their time, and a stopped agent starts none.
    const config = { ...open, concurrency: 1, maxInstances: COLD_STARTS, queueTimeoutMs: 120_000 };
    await platform.deploy({ app: "busy", fn: "cold", files: MIRROR, config });
    await platform.deploy({ app: "busy", fn: "later", files: MIRROR, config });
    await warmCall();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const warmCall = (deadlineMs = 60_000): ReturnType<typeof callHttp> =>
    callHttp({ port: platform.gatewayPort, path: "/-/busy/warm/", method: "POST", deadlineMs });
  const coldCall = (): ReturnType<typeof callHttp> =>
    callHttp({ port: platform.gatewayPort, path: "/-/busy/later/", method: "POST" });
  /** Keeps an instance of its own. */
  const holdCold = (): HeldCall => holdCall(platform.gatewayPort, "/-/busy/cold/");
  const coldInstances = async (): Promise<number> => {
    const { items } = await platform.client.listInstances();
    return items.filter(({ function: fn, state }) => fn === "cold" && state === "ready").length;
  };
  const loadWarm = (): Load =>
    startLoad({
      connections: 2,
      pauseMsMax: 5,
      call: () => ({ port: platform.gatewayPort, path: "/-/busy/warm/", method: "POST" }),
    });

  it("warm calls are answered while many instances are started", TIMEOUT, async (t) => {
    const load = loadWarm();
    t.after(() => load.stop());
    const answered = load.answered;
    const burst = Array.from({ length: COLD_STARTS }, () => holdCold());
    await until("an instance for each", async () => (await coldInstances()) === COLD_STARTS, {
      ...{ deadlineMs: 180_000, everyMs: 100 },
    });
    const during = load.answered - answered;
    const statuses = await Promise.all(
      burst.map((held) => {
        held.end();
        return held.status;
      }),
    );
    const { failures, slowestMs } = await load.stop();
    t.diagnostic(`${during} warm calls, the slowest took ${slowestMs.toFixed(0)} ms`);
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.deepEqual(failures, []);
    assert.ok(slowestMs < WARM_MS_MAX, `the slowest took ${slowestMs} ms`);
    assert.ok(during > 5 * COLD_STARTS, `only ${during} warm calls were answered meanwhile`);
  });

  it(
    "warm calls are answered while the agent is stopped, cold ones afterwards",
    TIMEOUT,
    async (t) => {
      await platform.kill("agent", "SIGSTOP");
      const state = { isAnswered: false };
      const cold = coldCall().finally(() => {
        state.isAnswered = true;
      });
      const load = loadWarm();
      t.after(() => load.stop());
      await until("200 warm answers", () => load.answered >= 200);
      const { failures, slowestMs } = await load.stop();
      assert.equal(state.isAnswered, false, "control: nothing can be started meanwhile");
      await platform.kill("agent", "SIGCONT");
      assert.deepEqual(failures, []);
      assert.ok(slowestMs < WARM_MS_MAX, `the slowest took ${slowestMs} ms`);
      assert.equal((await cold).status, 200);
    },
  );

  it("control: a gateway that does not get on is noticed", TIMEOUT, async () => {
    await platform.kill("gateway", "SIGSTOP");
    await assert.rejects(warmCall(500), { message: /no answer/ });
    await platform.kill("gateway", "SIGCONT");
    assert.equal((await warmCall()).status, 200);
  });
});

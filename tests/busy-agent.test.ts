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
import { MIRROR, SLOW } from "./sources.ts";

const TIMEOUT = { timeout: 120_000 };
const COLD_STARTS = 16;
/** Two cores are shared by everything here; a gateway that waits for starts takes far longer. */
const WARM_MS_MAX = 3_000;

describe("an agent that is busy, or stopped", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    const open = { auth: "none" } as const;
    await platform.deploy({ app: "busy", fn: "warm", files: MIRROR, config: open });
    const config = { ...open, maxInstances: COLD_STARTS };
    await platform.deploy({ app: "busy", fn: "cold", files: SLOW, config });
    await platform.deploy({ app: "busy", fn: "later", files: SLOW, config });
    await warmCall();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const warmCall = (deadlineMs = 60_000): ReturnType<typeof callHttp> =>
    callHttp({ port: platform.gatewayPort, path: "/-/busy/warm/", method: "POST", deadlineMs });
  const coldCall = (fn: string, ms: number): ReturnType<typeof callHttp> =>
    callHttp({ port: platform.gatewayPort, path: `/-/busy/${fn}/?ms=${ms}` });
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
    // Each holds its instance until the last one runs, so that as many are needed.
    const burst = Array.from({ length: COLD_STARTS }, () => coldCall("cold", 2_000));
    const statuses = (await Promise.all(burst)).map(({ status }) => status);
    const during = load.answered - answered;
    const { failures, slowestMs } = await load.stop();
    const { items } = await platform.client.listInstances();
    t.diagnostic(`${during} warm calls, the slowest took ${slowestMs.toFixed(0)} ms`);
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.ok(items.filter(({ function: fn }) => fn === "cold").length > COLD_STARTS / 2);
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
      const cold = coldCall("later", 1).finally(() => {
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

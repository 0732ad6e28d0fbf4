/**
 * Replacing a role of a running platform loses no request, warm or cold; killing one does, which
 * shows that the load would notice. Few suites take longer. Node starts them by name, and whatever
 * comes last is waited for by idle cores.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
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
  type RoleName,
} from "@skerry/testkit";
import { ECHO, FAULTY, HOLDING_MIRROR, TARDY } from "./sources.ts";

/** Of gateway and of control. */
const RESTARTS = Number(process.env["SKERRY_TEST_RESTARTS"] ?? 50);
const AGENT_RESTARTS = Math.ceil(RESTARTS / 5);
/** Requests are made rarely enough that restarts need not wait for a processor. */
const PAUSE_MS_MAX = 80;
/** Functions that are called by one client each, so that their instances can be counted on. */
const COLD_FUNCTIONS = 3;
const IS_COLD = /start;desc="(blank|fresh)"/;
const TIMEOUT = { timeout: 1_800_000 };
const GATEWAY_FLAGS = ["--heap-growing-percent=400", "--no-allocation-site-pretenuring"];
const MAIN = fileURLToPath(new URL("../apps/platform/src/main.ts", import.meta.url));

describe("restarts under load", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    const open = { auth: "none" } as const;
    await platform.deploy({ app: "load", fn: "mirror", files: HOLDING_MIRROR, config: open });
    await platform.deploy({ app: "load", fn: "echo", files: ECHO, config: open });
    for (let cold = 0; cold < COLD_FUNCTIONS; cold += 1)
      await platform.deploy({ app: "load", fn: `cold-${cold}`, files: FAULTY });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  /**
   * Twelve connections to a handler that shares its instance and holds each request, so that most
   * of them have one under way at any moment; four to one that answers at once and does not share.
   */
  const loadFunctions = (): Load =>
    startLoad({
      connections: 16,
      pauseMsMax: PAUSE_MS_MAX,
      call: (client, turn) =>
        client % 4 === 0
          ? { port: platform.gatewayPort, path: `/-/load/echo/?word=${client}.${turn}` }
          : {
              ...{ port: platform.gatewayPort, path: "/-/load/mirror/", method: "POST" },
              body: `${client}.${turn} ${"x".repeat(turn % 3_000)}`,
            },
      check: ({ status, text }, client, turn) => {
        assert.equal(status, 200, text.slice(0, 400));
        const word = client % 4 === 0 ? (JSON.parse(text) as { word: string }).word : text;
        assert.equal(word.split(" ")[0], `${client}.${turn}`);
      },
    });

  /** Every other request ends its instance, so that the next one needs a new one. */
  const loadCold = (seen: { cold: number }): Load =>
    startLoad({
      connections: COLD_FUNCTIONS,
      call: (client, turn) => ({
        port: platform.gatewayPort,
        path: `/-/load/cold-${client}/${turn % 2 === 0 ? "" : "?do=exit"}`,
        headers: { "x-skerry-key": platform.key },
      }),
      check: ({ status, headers, text }, _client, turn) => {
        if (turn % 2 === 1) {
          assert.equal(headers["x-skerry-error"], "FUNCTION_CRASHED", text.slice(0, 400));
          return;
        }
        assert.equal(status, 200, text.slice(0, 400));
        if (IS_COLD.test(String(headers["server-timing"]))) seen.cold += 1;
      },
    });

  const loadApi = (): Load =>
    startLoad({
      connections: 2,
      pauseMsMax: 60,
      call: () => ({
        ...{ port: platform.apiPort, path: "/v1/apps/load/functions" },
        headers: { authorization: `Bearer ${platform.key}` },
      }),
    });

  const restart = async (role: RoleName, times: number): Promise<void> => {
    for (let done = 0; done < times; done += 1) await platform.restart(role);
  };

  const assertNoneFailed = async (load: Load): Promise<void> => {
    const { answered, failures, slowestMs } = await load.stop();
    assert.deepEqual(failures, [], `${failures.length} of ${answered} requests failed`);
    assert.ok(answered > RESTARTS, `only ${answered} requests; the slowest took ${slowestMs} ms`);
  };

  it(
    "no request fails while gateway and control are replaced again and again",
    TIMEOUT,
    async (t) => {
      const loads = [loadFunctions(), loadApi()];
      t.after(() => Promise.all(loads.map((load) => load.stop())));
      await Promise.all([restart("gateway", RESTARTS), restart("control", RESTARTS)]);
      for (const load of loads) await assertNoneFailed(load);
    },
  );

  it("no request fails while the agent and all its instances are replaced", TIMEOUT, async (t) => {
    const load = loadFunctions();
    t.after(() => load.stop());
    const old = platform.pids("agent");
    await restart("agent", AGENT_RESTARTS);
    await assertNoneFailed(load);
    assert.notDeepEqual(platform.pids("agent"), old);
  });

  for (const [role, times] of [
    ["gateway", RESTARTS / 12],
    ["control", RESTARTS / 25],
    ["agent", RESTARTS / 25],
  ] as const) {
    it(
      `no request that needs a new instance fails while the ${role} is replaced`,
      TIMEOUT,
      async (t) => {
        const seen = { cold: 0 };
        const load = loadCold(seen);
        t.after(() => load.stop());
        await restart(role, Math.ceil(times));
        const { answered, failures } = await load.stop();
        assert.deepEqual(failures, [], `${failures.length} of ${answered} requests failed`);
        assert.ok(seen.cold > times, `only ${seen.cold} of ${answered} requests were cold`);
      },
    );
  }

  it("a start that is under way when the agent is replaced is finished", TIMEOUT, async () => {
    await platform.deploy({ app: "load", fn: "tardy", files: TARDY });
    const headers = { "x-skerry-key": platform.key };
    const called = callHttp({ port: platform.gatewayPort, path: "/-/load/tardy/", headers });
    const firstLoaded = async (): Promise<string | undefined> => {
      for await (const line of platform.client.listLogs({ params: { app: "load", fn: "tardy" } }))
        if (line.text.startsWith("inst_")) return line.text;
      return undefined;
    };
    const first = await until("its code is being loaded", firstLoaded);
    await platform.restart("agent");
    const { status, text } = await called;
    assert.deepEqual([status, text], [200, first], "by the instance that was starting");
  });

  it("no deployment fails while the agent is replaced", TIMEOUT, async () => {
    const state = { isOver: false, deployed: 0 };
    const deploying = (async () => {
      for (; !state.isOver; state.deployed += 1) {
        const files = { "index.ts": `export const handler = (): number => ${state.deployed};` };
        await platform.deploy({ app: "load", fn: "built", files });
      }
    })();
    await restart("agent", 3).finally(() => {
      state.isOver = true;
    });
    await deploying;
    assert.ok(state.deployed > 0);
  });

  it("a first call right after the agent was replaced is answered", TIMEOUT, async () => {
    for (const fn of ["first-0", "first-1"]) {
      await platform.deploy({ app: "load", fn, files: ECHO });
      await platform.restart("agent");
      const { status, headers, text } = await callHttp({
        port: platform.gatewayPort,
        path: `/-/load/${fn}/?word=first`,
        headers: { "x-skerry-key": platform.key },
      });
      assert.equal(status, 200, text);
      assert.match(String(headers["server-timing"]), IS_COLD);
    }
  });

  it("the command that a person gives replaces the process and says so", TIMEOUT, async () => {
    const old = platform.pids("gateway");
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, "restart", "gateway"], {
      env: { ...process.env, SKERRY_HOME: platform.home },
    });
    assert.equal(stdout, "ok\n");
    const now = platform.pids("gateway");
    assert.ok(now.length === 1 && now[0] !== old[0], `${String(old)} → ${String(now)}`);
    // No process runs by a flag that its V8 does not know (docs/adr/0038).
    const words = readFileSync(`/proc/${now[0]}/cmdline`, "utf8").split("\0");
    for (const flag of GATEWAY_FLAGS) assert.ok(words.includes(flag), flag);
  });

  it("control: killing the gateway instead does fail requests", TIMEOUT, async (t) => {
    const load = loadFunctions();
    t.after(() => load.stop());
    for (let kills = 0; kills < 5; kills += 1) {
      await platform.untilWhole();
      await platform.kill("gateway");
    }
    await platform.untilWhole();
    const { answered, failures } = await load.stop();
    assert.ok(failures.length > 0, `${answered} requests, none failed`);
  });
});

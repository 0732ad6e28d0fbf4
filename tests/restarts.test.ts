/**
 * Replacing a role of a running platform loses no request; killing one does, which shows that the
 * load would notice.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startLoad, startPlatform, type Load, type Platform, type RoleName } from "@skerry/testkit";
import { ECHO, MIRROR } from "./sources.ts";

const RESTARTS = Number(process.env["SKERRY_TEST_RESTARTS"] ?? 50);
const AGENT_RESTARTS = Math.ceil(RESTARTS / 5);
const TIMEOUT = { timeout: 600_000 };
const MAIN = fileURLToPath(new URL("../apps/platform/src/main.ts", import.meta.url));

describe("restarts under load", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    const open = { auth: "none" } as const;
    await platform.deploy({ app: "load", fn: "mirror", files: MIRROR, config: open });
    await platform.deploy({ app: "load", fn: "echo", files: ECHO, config: open });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  /** Twelve connections to a handler that shares its instance, four to one that does not. */
  const loadFunctions = (): Load =>
    startLoad({
      connections: 16,
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

  const loadApi = (): Load =>
    startLoad({
      connections: 2,
      pauseMsMax: 20,
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

  it("the command that a person gives replaces the process and says so", TIMEOUT, async () => {
    const old = platform.pids("gateway");
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, "restart", "gateway"], {
      env: { ...process.env, SKERRY_HOME: platform.home },
    });
    assert.equal(stdout, "ok\n");
    const now = platform.pids("gateway");
    assert.ok(now.length === 1 && now[0] !== old[0], `${String(old)} → ${String(now)}`);
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

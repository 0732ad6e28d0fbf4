/**
 * With control stopped, or its database gone, what is deployed is served: warm and cold, and by a
 * gateway and an agent that were killed meanwhile. How long it lasts makes no difference once both
 * have noticed: from then on they only try to reach control again, at pauses that no longer grow.
 * `control-away/long-run.ts` holds it for ten minutes.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasPostgres, startPlatform, startPostgres, until, type Platform } from "@skerry/testkit";
import { deployServed, serve } from "./control-away/serving.ts";
import { ECHO } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const NOTICED = "control is away";
const COLD_CALLS = 10;
/** A role that a busy machine holds up for a second or two is not one that hangs. */
const SILENCE_MS = 6_000;
/** Nobody replaces a role that these tests stop. */
const LEFT_ALONE = { settings: { roleSilenceMs: 0 } };

/** How often the platform's log says that a role has noticed. */
function noticed(platform: Platform): number {
  return platform.logTail(2_000).split(NOTICED).length - 1;
}

describe("control is away", TIMEOUT, () => {
  it(
    "calls go on while it is stopped, and so they do through a killed gateway and agent",
    TIMEOUT,
    async () => {
      await using platform = await startPlatform(LEFT_ALONE);
      await deployServed(platform);
      await platform.kill("control", "SIGSTOP");

      const unaware = await serve(platform, (cold) => cold >= COLD_CALLS);
      assert.deepEqual(unaware.failures, [], "before anyone has noticed");
      await until("gateway and agent have noticed", () => noticed(platform) >= 2, {
        deadlineMs: 60_000,
      });
      const aware = await serve(platform, (cold) => cold >= COLD_CALLS);
      assert.deepEqual(aware.failures, [], "after they have noticed");
      assert.ok(aware.warm > 0 && aware.cold === COLD_CALLS);

      await platform.kill("agent");
      await platform.kill("gateway");
      await until(
        "another agent and gateway serve",
        async () => {
          const { failures } = await serve(platform, (cold) => cold >= 1);
          return failures.length === 0;
        },
        { deadlineMs: 60_000 },
      );
      const replaced = await serve(platform, (cold) => cold >= COLD_CALLS);
      assert.deepEqual(replaced.failures, [], "by gateway and agent that never saw control");

      await platform.kill("control", "SIGCONT");
      await platform.untilWhole();
      await platform.deploy({ app: "away", fn: "later", files: ECHO });
    },
  );

  it("the API itself does not answer then: the control of this test", TIMEOUT, async () => {
    await using platform = await startPlatform(LEFT_ALONE);
    const pids = platform.pids("control");
    await platform.kill("control", "SIGSTOP");
    // Longer than it takes in the test below until a control that hangs is replaced.
    const signal = AbortSignal.timeout(1.5 * SILENCE_MS);
    await assert.rejects(platform.client.getPlatform({ signal }), { name: "TimeoutError" });
    assert.deepEqual(platform.pids("control"), pids);
    await platform.kill("control", "SIGCONT");
  });

  it("a role that hangs is replaced, and what runs goes on meanwhile", TIMEOUT, async () => {
    await using platform = await startPlatform({ settings: { roleSilenceMs: SILENCE_MS } });
    await deployServed(platform);
    for (const role of ["control", "agent", "gateway"] as const) {
      const pids = platform.pids(role);
      await platform.kill(role, "SIGSTOP");
      if (role === "control") {
        const { failures } = await serve(platform, (cold) => cold >= 2);
        assert.deepEqual(failures, []);
      }
      await until(`another ${role}`, () => pids.every((pid) => !platform.pids().includes(pid)));
      await platform.untilWhole();
      const { failures } = await serve(platform, (cold) => cold >= 1);
      assert.deepEqual(failures, [], role);
    }
    await platform.deploy({ app: "away", fn: "later", files: ECHO });
  });

  it(
    "calls go on while its database is gone; deploys are refused and work again afterwards",
    { ...TIMEOUT, skip: hasPostgres() ? false : "PostgreSQL is absent" },
    async (t) => {
      const postgres = await startPostgres();
      t.after(() => postgres.stop());
      await using platform = await startPlatform({ settings: { store: postgres.url } });
      await deployServed(platform);
      await postgres.crash();

      const served = await serve(platform, (cold) => cold >= COLD_CALLS);
      assert.deepEqual(served.failures, []);
      const refused = platform.deploy({ app: "away", fn: "later", files: ECHO });
      await assert.rejects(refused, { code: "UNAVAILABLE" });

      await postgres.start();
      await until("deploys work again", () =>
        platform.deploy({ app: "away", fn: "later", files: ECHO }),
      );
    },
  );
});

/**
 * Instances die in every way that there is, again and again, through the whole platform. Afterwards
 * the next request is served and nothing of the dead is left: no process, control group, directory
 * or descriptor. SKERRY_TEST_DEATHS makes longer runs.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { callHttp, startPlatform, until, type Platform } from "@skerry/testkit";
import { untilOnlyListedAreLeft } from "./living.ts";
import { FAULTY } from "./sources.ts";

const AT_ONCE = 4;
/** Descriptors of agent and gateway may differ by what is under way at the moment of looking. */
const DESCRIPTORS_SLACK = 12;

interface Death {
  readonly fault: string;
  /** What the caller may be told; what a fork bomb hits first is chance. */
  readonly reason: RegExp;
  /** Ended by the timeout, which is short then. */
  readonly late?: true;
}

const WAYS: readonly Death[] = [
  { fault: "memory", reason: /OUT_OF_MEMORY/ },
  { fault: "fork", reason: /OUT_OF_MEMORY|TIMEOUT|CRASHED|FAILED/, late: true },
  { fault: "exit", reason: /CRASHED/ },
  { fault: "spin", reason: /TIMEOUT/, late: true },
  { fault: "heap", reason: /OUT_OF_MEMORY/ },
  { fault: "hang", reason: /TIMEOUT/, late: true },
  { fault: "deaf", reason: /TIMEOUT/, late: true },
  { fault: "kill", reason: /CRASHED/ },
  { fault: "output", reason: /OUT_OF_MEMORY|TIMEOUT|CRASHED/, late: true },
  { fault: "abort", reason: /CRASHED/ },
];

/** So often that one descriptor for each death of a single way stands out. */
const DEATHS_OF_A_WAY = DESCRIPTORS_SLACK + 2;
const DEATHS = Number(process.env["SKERRY_TEST_DEATHS"] ?? WAYS.length * DEATHS_OF_A_WAY);
const TIMEOUT = { timeout: 60_000 + DEATHS * 3_000 };

describe("what instances leave behind", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    const config = { auth: "none", memoryMb: 64, maxInstances: 2 * AT_ONCE } as const;
    const [files, app] = [FAULTY, "deadly"];
    await platform.deploy({ app, files, fn: "faulty", config: { ...config, timeoutMs: 20_000 } });
    await platform.deploy({ app, files, fn: "late", config: { ...config, timeoutMs: 400 } });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const call = (fn: string, fault: string): ReturnType<typeof callHttp> =>
    callHttp({ port: platform.gatewayPort, path: `/-/deadly/${fn}/?do=${fault}` });
  const die = async ({ fault, reason, late }: Death): Promise<void> => {
    const { headers, text } = await call(late === true ? "late" : "faulty", fault);
    assert.match(String(headers["x-skerry-error"]), reason, `${fault}: ${text}`);
  };
  const descriptors = (role: "agent" | "gateway"): number =>
    readdirSync(`/proc/${platform.pids(role)[0]}/fd`).length;

  it("every death is told by its reason, and nothing of the dead is left", TIMEOUT, async () => {
    assert.equal((await call("faulty", "nothing")).status, 200);
    const first = { agent: descriptors("agent"), gateway: descriptors("gateway") };
    const deaths = Array.from({ length: DEATHS }, (_, index) => WAYS[index % WAYS.length] as Death);
    while (deaths.length > 0) await Promise.all(deaths.splice(0, AT_ONCE).map((one) => die(one)));
    assert.equal((await call("faulty", "nothing")).status, 200, "the next request is served");

    const live = await untilOnlyListedAreLeft(platform);
    assert.ok(live.length > 0, "control: what lives is seen");
    for (const role of ["agent", "gateway"] as const) {
      const grown = (): number => descriptors(role) - first[role];
      const isBack = (): boolean => grown() <= DESCRIPTORS_SLACK;
      await until(`${role}'s descriptors to be closed`, isBack).catch(() => undefined);
      assert.ok(isBack(), `${role} holds ${grown()} descriptors more`);
    }
  });
});

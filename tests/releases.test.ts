/**
 * Releases at work: an app of two functions under load goes to its new version by itself, one that
 * fails goes back by itself, and neither a killed control nor a person leaves it in between. The
 * routes of its gateway API are wherever its aliases are.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { CreateReleaseRequest, ReleaseResource } from "@skerry/api-schema";
import type { RouteInput } from "@skerry/contracts";
import {
  callHttp,
  startLoad,
  startPlatform,
  until,
  type HttpAnswer,
  type Load,
  type Platform,
} from "@skerry/testkit";

const TIMEOUT = { timeout: 1_800_000 };
/** Far longer than a release takes on a machine that does other things. */
const DEADLINE = { deadlineMs: 600_000 };
const APP = "depot";
const FUNCTIONS = ["add", "list"] as const;
const CLIENTS = 8;
const config = { auth: "none", concurrency: 8 } as const;

/** Of each function the version to which an alias leads alone; undefined: it is divided. */
type Led = Readonly<Record<string, number | undefined>>;

/** Fails each fifth time when it is told to. */
const codeOf = (revision: number, fails: boolean): string => `let n = 0;
  export default {
    fetch: () => {
      n += 1;
      if (${fails} && n % 5 === 0) throw new Error("out of stock");
      return new Response(process.env.SKERRY_VERSION);
    },
  };
  // ${revision}`;

/** How long requests take says more of a busy machine than of a version: errors are compared. */
const HOW: CreateReleaseRequest = {
  ...{ stages: ["test", "release"], steps: [20, 100], approved: true, guards: ["error-rate"] },
  ...{ stepWaitMs: 500, sampleWaitMs: 3_000_000, samplesMin: 200 },
};

/** It changes no more by itself. */
function rests({ endedAt, state }: ReleaseResource): boolean {
  return endedAt !== null || state === "paused";
}

describe("releases", TIMEOUT, () => {
  let platform: Platform;
  let load: Load;
  let revision = 0;

  /** Deploys both functions and routes anew; `failing` names the one that fails at times. */
  const deploy = async (failing?: string, routes: readonly RouteInput[] = []): Promise<void> => {
    revision += 1;
    for (const fn of FUNCTIONS) {
      const files = { "index.ts": codeOf(revision, fn === failing) };
      await platform.deploy({ app: APP, fn, files, config });
    }
    const edition: RouteInput = {
      ...{ path: "/edition", auth: "none", to: { answer: { body: `${revision}` } } },
    };
    // A stage of its own, so that only releases change what it serves.
    const stages = { test: { follows: false, qualifier: "test" } };
    const add: RouteInput = { path: "/add", to: { function: "add" }, auth: "none" };
    const body = { routes: [edition, add, ...routes], stages };
    await platform.client.putGatewayApi({ params: { app: APP, api: "web" }, body });
  };
  const asked = (stage: string, path: string): Promise<HttpAnswer> =>
    callHttp({ port: platform.gatewayPort, path: `/~/${APP}/web/${stage}${path}` });

  const params = { app: APP };
  const create = (more: CreateReleaseRequest = {}): Promise<ReleaseResource> =>
    platform.client.createRelease({ params, body: { ...HOW, ...more } });
  const get = (release: string): Promise<ReleaseResource> =>
    platform.client.getRelease({ params: { app: APP, release } });
  /** Looks until it is as wanted; what it had become when it ended or paused otherwise. */
  const untilIs = (
    id: string,
    what: string,
    is: (one: ReleaseResource) => boolean,
  ): Promise<ReleaseResource> => {
    let stood: ReleaseResource | undefined;
    return until(
      `release ${what}`,
      async () => {
        stood = await get(id);
        return is(stood) && stood;
      },
      { ...DEADLINE, giveUp: () => stood !== undefined && rests(stood) },
    ).catch((error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify(stood)}`));
  };
  const ended = (id: string, state: ReleaseResource["state"]): Promise<ReleaseResource> =>
    untilIs(id, `to be ${state}`, (one) => one.state === state);
  const inCanary = (id: string): Promise<ReleaseResource> =>
    untilIs(id, "in its canary", ({ places }) => places[1]?.state === "current");

  const led = async (alias: string): Promise<Led> => {
    const found: Record<string, number | undefined> = {};
    for (const fn of FUNCTIONS) {
      const { target } = await platform.client.getAlias({ params: { app: APP, fn, alias } });
      found[fn] = target.shares.length > 0 ? undefined : target.version;
    }
    return found;
  };
  const assertLed = async (alias: string, version: number | undefined): Promise<void> => {
    assert.deepEqual(await led(alias), { add: version, list: version }, `${alias} of all`);
    if (version === undefined) return;
    // Each revision is released, so that versions have the numbers of editions.
    await until(`routes of ${version} at ${alias}`, async () => {
      const { text } = await asked(alias, "/edition");
      return text === `${version}`;
    });
  };

  const callAll = (): Load =>
    startLoad({
      connections: CLIENTS,
      call: (client, turn) => {
        const paths = [`/-/${APP}/list:release/`, `/~/${APP}/web/release/add`];
        return { port: platform.gatewayPort, path: paths[(client + turn) % paths.length] ?? "" };
      },
      // What versions fail at is the releases' to see, but nobody is led to nowhere.
      check: ({ status, text }) => assert.notEqual(status, 404, text),
    });
  const stopLoad = async (): Promise<void> => {
    const { answered, failures } = await load.stop();
    assert.ok(answered > 0);
    assert.deepEqual(failures, [], "each request has its route");
  };

  before(async () => {
    platform = await startPlatform();
    await deploy();
    await platform.client.publishApp({ params, body: { alias: "release" } });
    const stage = { app: APP, api: "web", stage: "release" };
    await platform.client.createPublication({ params: stage, body: {} });
    load = callAll();
  }, TIMEOUT);
  after(async () => {
    await load.stop();
    await platform.stop();
  }, TIMEOUT);

  it("a good version goes through its steps to all callers of all functions", async () => {
    await deploy();
    const { id } = await create();
    const done = await ended(id, "done");
    assert.deepEqual([...new Set(done.places.map(({ state }) => state))], ["passed"]);
    assert.equal(done.figures?.to.errors, 0);
    await assertLed("test", 2);
    await assertLed("release", 2);
  });

  it("a version of which one function fails is rolled back by itself, in all of them", async () => {
    await deploy("list");
    const { id } = await create();
    const back = await ended(id, "rolledBack");
    assert.match(back.why ?? "", /^list: [\d.]+ % of \d+ requests fail, 0 % of \d+ did; Fisher/);
    await assertLed("release", 2);
    await assertLed("test", 2);
    const unguarded = await create({ guards: [] });
    await ended(unguarded.id, "done");
    await assertLed("release", 3);
  });

  it("control that is killed in the middle of a canary goes on behind it", async () => {
    // Only the new routes lead to a function that only the new version has.
    await platform.deploy({ app: APP, fn: "extra", files: { "index.ts": codeOf(0, false) } });
    await deploy(undefined, [{ path: "/extra", to: { function: "extra" }, auth: "none" }]);
    // Without samples it stays in its canary, however long that takes here.
    await stopLoad();
    const { id } = await create();
    await inCanary(id);
    await assertLed("release", undefined);
    const isLed = async (): Promise<boolean> => (await asked("test", "/extra")).text === "1";
    await until("the whole of test to be led there", isLed);
    assert.equal((await asked("release", "/edition")).text, "3", "both versions are met");
    assert.equal((await asked("release", "/extra")).status, 404);
    await platform.kill("control");
    load = callAll();
    const done = await until(
      "it goes on",
      async () => {
        const one = await get(id);
        return one.endedAt !== null && one;
      },
      DEADLINE,
    );
    assert.equal(done.state, "done", JSON.stringify(done));
    await assertLed("release", 4);
    assert.equal((await asked("release", "/extra")).text, "1");
  });

  it("a release waits for its approval, and an abort leads back to what was before", async () => {
    await deploy();
    const { id } = await create({ approved: false, stepWaitMs: 3_600_000 });
    await untilIs(id, "to wait", ({ state }) => state === "waiting");
    await assertLed("test", 5);
    await assertLed("release", 4);
    const one = { params: { app: APP, release: id }, body: {} };
    await platform.client.approveRelease(one);
    await inCanary(id);
    await assertLed("release", undefined);
    await assert.rejects(create(), { reason: "RELEASE_OPEN" });
    const aborted = await platform.client.abortRelease(one);
    assert.equal(aborted.state, "aborted");
    await assertLed("test", 4);
    await assertLed("release", 4);
    await stopLoad();
  });
});

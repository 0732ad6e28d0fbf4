/**
 * User code that forges its runtime's words, against the whole platform: in the middle of a
 * request, while an instance of it starts, and while it is built. A lie costs the liar its own
 * call, instance or deployment. No role ends, and a neighbour's calls are all answered meanwhile.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { callHttp, startLoad, startPlatform, until, type Platform } from "@skerry/testkit";
import { LYING_HANDLER, LYING_LOAD, lyingBuild } from "./liars.ts";
import { MIRROR } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const AT_ONCE = 4;
const open = { auth: "none" } as const;
/** No lie is found by it: what takes so long is the machine. */
const PATIENCE_MS = 60_000;

const CRASHED = /^502 FUNCTION_CRASHED$/;
const BAD = /^502 FUNCTION_BAD_RESPONSE$/;
const INIT_FAILED = /^502 FUNCTION_INIT_FAILED$/;
const HONEST = /^200 honest$/;
/** Which of these it is depends on who reads first. */
const AT_MOST_ITSELF = /^(200 honest|502 FUNCTION_(CRASHED|INIT_FAILED))$/;

/** What the caller of a lie is told. */
const IN_A_REQUEST: Readonly<Record<string, RegExp>> = {
  garbage: CRASHED,
  giant: CRASHED,
  unknown: CRASHED,
  hello: CRASHED,
  // Its answer may stand in the same bytes, before the instance is ended.
  open: /^(200 honest|502 FUNCTION_CRASHED)$/,
  parked: CRASHED,
  nobody: CRASHED,
  flood: CRASHED,
  nothing: BAD,
  deep: BAD,
  status: BAD,
  poison: BAD,
  headers: BAD,
  error: BAD,
  kind: BAD,
  credit: HONEST,
  notes: HONEST,
  pongs: HONEST,
  pings: HONEST,
  print: HONEST,
};

const WHILE_LOADED: Readonly<Record<string, RegExp>> = {
  garbage: INIT_FAILED,
  hello: INIT_FAILED,
  open: AT_MOST_ITSELF,
  parked: INIT_FAILED,
  nothing: INIT_FAILED,
  deep: INIT_FAILED,
  body: INIT_FAILED,
  flood: INIT_FAILED,
  kind: INIT_FAILED,
  poison: INIT_FAILED,
  times: HONEST,
  pings: HONEST,
  notes: HONEST,
  early: CRASHED,
  late: /^(200 honest|502 FUNCTION_CRASHED)$/,
};

/** Told on a parked link, to nobody: the next peer refuses it, or it was lost on the way. */
const WHILE_PARKED: Readonly<Record<string, RegExp>> = Object.fromEntries(
  ["garbage", "hello", "nothing", "early", "pings"].map((lie) => [lie, AT_MOST_ITSELF]),
);

/** How a deployment of a liar ends. */
const IN_A_BUILD: Readonly<Record<string, RegExp>> = {
  print: /^succeeded$/,
  cache: /^succeeded$/,
  "large-cache": /^succeeded$/,
  other: /^succeeded$/,
  pings: /^succeeded$/,
  kind: /FUNCTION_INIT_FAILED.*BadReply/,
  deep: /FUNCTION_INIT_FAILED.*BadReply/,
  body: /FUNCTION_INIT_FAILED.*BadReply/,
  garbage: /FUNCTION_INIT_FAILED.*Crashed/,
  flood: /FUNCTION_INIT_FAILED.*Crashed/,
};

describe("functions that forge what their runtime says", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    await platform.deploy({ app: "honest", fn: "mirror", files: MIRROR, config: open });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const call = async (fn: string, query = ""): Promise<string> => {
    const path = `/-/liars/${fn}/${query}`;
    const { status, headers, text } = await callHttp({ port: platform.gatewayPort, path });
    assert.equal(headers["x-evil"], undefined);
    return `${status} ${String(headers["x-skerry-error"] ?? text.replaceAll('"', ""))}`;
  };

  const tellWhileLoaded = (lies: Readonly<Record<string, RegExp>>, waits: boolean) =>
    forAll(lies, async (lie, told) => {
      const fn = `load-${waits ? "asked" : "parked"}-${lie}`;
      const config = { ...open, initTimeoutMs: PATIENCE_MS, env: { LIE: lie, WAITS: `${waits}` } };
      await platform.deploy({ app: "liars", fn, files: LYING_LOAD, config });
      assert.match(await call(fn), told, lie);
    });

  it("a lie in the middle of a request costs the liar its answer", TIMEOUT, async () => {
    const config = { ...open, timeoutMs: PATIENCE_MS };
    await platform.deploy({ app: "liars", fn: "handler", files: LYING_HANDLER, config });
    await unharmed(platform, () =>
      forAll(IN_A_REQUEST, async (lie, told) => {
        assert.match(await call("handler", `?lie=${lie}`), told, lie);
      }).then(() => assertTold(platform)),
    );
  });

  it("a lie while an instance starts costs the liar its instance", TIMEOUT, async () => {
    await unharmed(platform, () => tellWhileLoaded(WHILE_LOADED, true));
  });

  it("a lie on a parked link costs the liar its instance at most", TIMEOUT, async () => {
    await unharmed(platform, () => tellWhileLoaded(WHILE_PARKED, false));
  });

  it("a lie to the build costs the liar its deployment at most", TIMEOUT, async () => {
    await unharmed(platform, () =>
      forAll(IN_A_BUILD, async (lie, told) => {
        const files = lyingBuild(lie);
        const ended = platform.deploy({ app: "liars", fn: `build-${lie}`, files, config: open });
        const end = await ended.then(({ state }) => state).catch(String);
        assert.match(end, told, lie);
        if (end === "succeeded") assert.match(await call(`build-${lie}`), HONEST, lie);
      }),
    );
  });

  it("control: a role that ends is noticed", TIMEOUT, async () => {
    const killed = unharmed(platform, () => platform.kill("agent"));
    await assert.rejects(killed, { name: "AssertionError" });
    await platform.untilWhole();
  });
});

async function forAll(
  lies: Readonly<Record<string, RegExp>>,
  tell: (lie: string, told: RegExp) => Promise<void>,
): Promise<void> {
  const left = Object.entries(lies);
  const teller = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await tell(...next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, teller));
}

/** Every role is the same process afterwards, and the neighbour got all its answers meanwhile. */
async function unharmed(platform: Platform, work: () => Promise<void>): Promise<void> {
  const pids = platform.pids();
  const load = startLoad({
    connections: 2,
    pauseMsMax: 25,
    call: (client, turn) => ({
      ...{ port: platform.gatewayPort, path: "/-/honest/mirror/", method: "POST" },
      body: `${client}.${turn}`,
    }),
    check: ({ status, text }, client, turn) =>
      assert.deepEqual([status, text], [200, `${client}.${turn}`]),
  });
  try {
    await work();
  } finally {
    const { answered, failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.ok(answered > 0);
    assert.deepEqual(platform.pids(), pids, platform.logTail());
  }
}

/** Control has taken in what the liar printed and what was recorded of it. */
async function assertTold(platform: Platform): Promise<void> {
  const asked = { params: { app: "liars", fn: "handler" }, query: { limit: 1_000 } };
  await until("what was printed", async () => {
    for await (const { text } of platform.client.listLogs(asked)) {
      if (text.includes("from the future")) return true;
    }
    return false;
  });
  await until("all records", async () => {
    const { items } = await platform.client.listInvocations(asked);
    assert.equal(items.length, Object.keys(IN_A_REQUEST).length);
    return true;
  });
}

/** What a deployment does with timers and triggers, as the file and the platform have them. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { projectManifest, type TimerResource } from "@skerry/api-schema";
import { runCli } from "../test/run-cli.ts";
import { routes } from "@skerry/contracts/schemas";
import { createClient, decideDeclared, declaredBy, planDeclared, type Declared } from "@skerry/sdk";
import {
  type Asked,
  deploymentOf,
  FAKE_KEY,
  functionNamed,
  startFakePlatform,
} from "@skerry/testkit/clients";

const AT = "2030-01-01T08:00:00.000Z";

function timerOf(more: Partial<TimerResource> = {}): TimerResource {
  return {
    ...{ id: "tmr_1", app: "shop", name: "nightly", function: "cart", cron: "0 3 * * *" },
    ...{ timezone: "UTC", at: null, payload: null, enabled: true, pausedBecause: null },
    ...{ missed: "once", orderingKey: null, eventFormat: "cloudevents", nextAt: AT, lastAt: null },
    ...{ lastInvocationId: null, skippedTicks: 0, version: 2, etag: '"2"', madeBy: "manifest" },
    ...{ createdAt: AT, updatedAt: AT },
    ...more,
  };
}

function declared(timers: object, triggers: object = {}): readonly Declared[] {
  const manifest = { app: "shop", functions: { cart: {} }, timers, triggers };
  return declaredBy(projectManifest.parse(manifest));
}

const decide = (timers: object, present: readonly TimerResource[]): readonly string[] =>
  decideDeclared("timer", declared(timers), present).map(({ name, change, changes }) =>
    [change, name, ...changes].join(" "),
  );

const NIGHTLY = { nightly: { function: "cart", cron: "0 3 * * *" } };

test("what is new is made, what differs is changed, and what is as the file says stays", () => {
  assert.deepEqual(decide(NIGHTLY, []), ["create nightly"]);
  assert.deepEqual(decide(NIGHTLY, [timerOf()]), ["same nightly"]);
  const other = timerOf({ cron: "0 4 * * *", payload: { a: 1 } });
  assert.deepEqual(decide(NIGHTLY, [other]), ["change nightly cron payload"]);
  const once = { nightly: { function: "cart", at: "2030-01-01T09:00:00+01:00" } };
  assert.deepEqual(decide(once, [timerOf({ cron: null, at: AT })]), ["same nightly"]);
});

test("only what a manifest made is removed, and what is named is taken over", () => {
  const byHand = timerOf({ name: "own", madeBy: null });
  assert.deepEqual(decide({}, [timerOf(), byHand]), ["remove nightly"]);
  assert.deepEqual(decide(NIGHTLY, [timerOf({ madeBy: null })]), ["change nightly madeBy"]);
});

test("what was paused by hand stays paused unless the file says otherwise", () => {
  const paused = timerOf({ enabled: false });
  assert.deepEqual(decide(NIGHTLY, [paused]), ["same nightly"]);
  const told = { nightly: { ...NIGHTLY.nightly, enabled: true } };
  assert.deepEqual(decide(told, [paused]), ["change nightly enabled"]);
});

test("what stands because its function was removed goes on with the deployment that has it", () => {
  const stands = timerOf({ enabled: false, pausedBecause: "function_removed" });
  assert.deepEqual(decide(NIGHTLY, [stands]), ["change nightly enabled pausedBecause"]);
});

test("a file that names a function it does not have, or no time, is refused with the place", () => {
  const problems = (timers: object): string => {
    const parsed = projectManifest.safeParse({ app: "shop", functions: { cart: {} }, timers });
    return JSON.stringify(parsed.error?.issues.map(({ path, message }) => [path, message]));
  };
  assert.match(problems({ a: { function: "pay", cron: "* * * * *" } }), /pay is none of the app/);
  assert.match(problems({ a: { function: "cart" } }), /either cron or at/);
});

const ROUTES = [{ path: "/buy", to: { function: "cart" } }];

test("gateway APIs are compared by what the file says of them, and no other stage is looked at", async () => {
  const manifest = (web: object) =>
    declaredBy(projectManifest.parse({ app: "shop", functions: { cart: {} }, apis: { web } }));
  // Some names mean something to objects of JavaScript.
  const release = { variables: { theme: "spring" } };
  const own = { routes: ROUTES, stages: { dev: {}, constructor: {}, release } };
  const stageOf = (stage: string, more: object = {}) => ({
    ...{ app: "shop", api: "web", stage, urls: [], qualifier: stage, variables: {} },
    ...{ follows: false, publication: null, etag: '"1"', ...more },
  });
  const listed = {
    ...{ id: "api_1", app: "shop", name: "web", routeCount: 1, stages: [], madeBy: "manifest" },
    ...{ createdAt: AT, updatedAt: AT, etag: '"1"' },
  };
  const none = () => ({ items: [], nextCursor: null });
  await using platform = await startFakePlatform({
    ...{ listTimers: none, listTopicTriggers: none, listRules: none, listActions: none },
    listGatewayApis: () => ({ items: [listed, { ...listed, name: "old" }], nextCursor: null }),
    getGatewayApi: () => ({ ...listed, routes: routes.parse(ROUTES) }),
    listStages: () => ({
      items: [
        stageOf("test", { qualifier: "$LATEST", follows: true }),
        stageOf("release", { variables: { theme: "spring" } }),
        stageOf("constructor"),
        stageOf("own", { variables: { theme: "autumn" } }),
      ],
      nextCursor: null,
    }),
  });
  const { url: apiUrl } = platform;
  const client = createClient({ apiUrl, gatewayUrl: apiUrl, key: FAKE_KEY });
  const changes = async (web: object): Promise<readonly string[]> =>
    (await planDeclared(client, "shop", manifest(web))).map((one) =>
      [one.change, one.name, ...one.changes].join(" "),
    );
  assert.deepEqual(await changes(own), ["same web", "remove old"]);
  const changed = [{ ...ROUTES[0], auth: "none" }];
  assert.deepEqual((await changes({ ...own, routes: changed }))[0], "change web routes");
  const other = { ...own, stages: { release: { variables: { theme: "winter" } } } };
  assert.deepEqual((await changes(other))[0], "change web stages");
});

test("routes that lead to functions of nobody are refused with the place", () => {
  const refused = (more: object): string => {
    const web = { routes: [{ ...ROUTES[0], ...more }] };
    const file = { app: "shop", functions: { cart: {} }, apis: { web } };
    return JSON.stringify(projectManifest.safeParse(file).error?.issues ?? "none");
  };
  assert.equal(refused({}), '"none"');
  for (const more of [
    { to: { files: "pay", directory: "public" } },
    { auth: { authorizer: { function: "pay" } } },
    { downgrade: { to: ["stale", { function: "pay" }] } },
  ]) {
    assert.match(refused(more), /"apis","web","routes".*pay is none of the app/);
  }
});

test("a deployment makes, changes and removes timers and triggers after its functions", async (t) => {
  const asked: [string, Asked["params"], unknown][] = [];
  const note = (name: string) => (call: Asked) =>
    void asked.push([name, call.params, (call.body as { madeBy?: string } | undefined)?.madeBy]);
  const trigger = {
    ...{ app: "shop", name: "store", topic: "prices", function: "cart", enabled: true },
    ...{ madeBy: null, lag: 0, settled: 0, deadLetters: 0, expired: 0 },
    ...{ deadLettersKept: 0, redriving: 0, batchesRunning: 0, oldestAt: null },
  };
  const platform = await startFakePlatform({
    planDeployment: () => ({
      app: "shop",
      layersMissing: [],
      functions: [{ name: "cart", change: "create", changes: [], needsUpload: false }],
    }),
    createDeployment: () => {
      asked.push(["deployed", {}, undefined]);
      return deploymentOf("succeeded");
    },
    getDeployment: () => deploymentOf("succeeded"),
    getFunction: ({ params }) => functionNamed(params["fn"] ?? "", params["app"]),
    listTimers: () => ({ items: [timerOf({ name: "old" })], nextCursor: null }),
    listTopicTriggers: () => ({ items: [], nextCursor: null }),
    listRules: () => ({ items: [], nextCursor: null }),
    listActions: () => ({ items: [], nextCursor: null }),
    listGatewayApis: () => ({ items: [], nextCursor: null }),
    putTimer: (call) => {
      note("timer")(call);
      return timerOf();
    },
    deleteTimer: note("removed"),
    putTopicTrigger: (call) => {
      note("trigger")(call);
      return { ...trigger, settings: (call.body as { settings: object }).settings };
    },
  });
  t.after(() => platform[Symbol.asyncDispose]());
  const folder = mkdtempSync(join(tmpdir(), "skerry-declared-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "cart"));
  writeFileSync(join(folder, "cart", "index.js"), "exports.handler = () => 1;\n");
  writeFileSync(
    join(folder, "skerry.yaml"),
    'app: shop\nfunctions: { cart: { dir: cart } }\ntimers: { nightly: { function: cart, cron: "0 3 * * *" } }\n' +
      "triggers: { store: { function: cart, topic: prices, settings: { batchMessages: 10 } } }\n",
  );
  const planned = await runCli(["deploy", folder, "--plan"], { url: platform.url });
  assert.match(planned.stdout, /\+ timer nightly +create\n {2}- timer old +remove\n {2}\+ trigger/);
  assert.deepEqual(asked, []);
  const made = await runCli(["deploy", folder, "--json"], { url: platform.url });
  assert.equal(made.exitCode, 0, made.stderr);
  assert.deepEqual(asked, [
    ["deployed", {}, undefined],
    ["timer", { app: "shop", timer: "nightly" }, "manifest"],
    ["removed", { app: "shop", timer: "old" }, undefined],
    ["trigger", { app: "shop", trigger: "store" }, "manifest"],
  ]);
  const { declared: told } = JSON.parse(made.stdout) as { declared: { change: string }[] };
  assert.deepEqual(
    told.map(({ change }) => change),
    ["create", "remove", "create"],
  );
});

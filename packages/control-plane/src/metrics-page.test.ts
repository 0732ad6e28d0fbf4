import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import {
  createIdSource,
  systemClock,
  systemRandom,
  type FunctionId,
  type RevisionId,
} from "@skerry/base";
import type { FunctionResource } from "@skerry/api-schema";
import {
  ALIAS_FIGURES_MAX,
  DOWNGRADE_REASONS,
  emptyHistogram,
  FUNCTION_FIGURES_MAX,
  OUTCOMES,
  ROUTE_FIGURES_MAX,
  ROUTE_LABEL_CHARS_MAX,
  THROTTLE_REASONS,
  type InvocationTally,
  type MeterRecord,
  type RevisionFigures,
} from "@skerry/contracts";
import { addRecords, emptyTally } from "@skerry/invocations";
import { AGENT_ID, Harness, type Problem } from "../test/harness.ts";
import { instanceOf, instancesReply } from "../test/instances.ts";
import { built, inBody } from "../test/peer-double.ts";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });

function tallyOf(count: number): InvocationTally {
  const record: MeterRecord = {
    ...{ requestId: ids.requestId(), functionId: ids.id("fn"), revisionId: ids.id("rev") },
    ...{ instanceId: undefined, outcome: "ok", coldReason: "warm", startKind: "warm" },
    ...{ status: 200, memoryMb: 128, startWallMs: 0, queueUs: 0, placeUs: 0, bootUs: 0 },
    ...{ codeUs: 0, initUs: 0, handlerUs: 2_000, bytesIn: 0, bytesOut: 0, billedUs: 2_000 },
  };
  return addRecords(
    emptyTally(),
    Array.from({ length: count }, () => record),
  );
}

async function deployAll(harness: Harness, names: readonly string[]): Promise<FunctionId[]> {
  await harness.ended(
    await harness.deploy("shop", Object.fromEntries(names.map((name) => [name, name]))),
  );
  const found: FunctionId[] = [];
  for (const name of names) {
    const path = `/v1/apps/shop/functions/${name}`;
    const { body } = await harness.send<FunctionResource>("GET", path);
    found.push(body.id as FunctionId);
  }
  return found;
}

async function page(harness: Harness): Promise<string> {
  const { status, body, headers } = await harness.send<string>("GET", "/metrics");
  assert.equal(status, 200);
  assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return body;
}

test("functions are labelled by name, instances by state, roles by whether they answer", async () => {
  await using harness = await Harness.open();
  const views = [] as ReturnType<typeof instanceOf>[];
  harness.peer({
    ...{ role: "agent", id: AGENT_ID },
    answer: (head) => (head.op === "build" ? built(head as never) : instancesReply(views)),
  });
  const [one] = await deployAll(harness, ["one"]);
  assert.ok(one !== undefined);
  views.push(instanceOf(one, { id: ids.id("inst"), app: "shop", fn: "one", state: "resting" }));
  harness.metrics.counted.push({ functionId: one, tally: tallyOf(3) });
  const text = await page(harness);
  assert.match(text, /^skerry_invocations_total\{app="shop",function="one",outcome="ok"\} 3$/m);
  assert.match(text, /^skerry_instances\{app="shop",function="one",state="resting"\} 1$/m);
  assert.match(text, /^skerry_instances\{app="shop",function="one",state="ready"\} 0$/m);
  assert.match(text, /^skerry_role_up\{role="control",id="control"\} 1$/m);
  // The double's answer to that question makes no sense.
  assert.match(text, new RegExp(`^skerry_role_up\\{role="agent",id="${AGENT_ID}"\\} 0$`, "m"));
});

test("what limits turned away is counted by function and reason, quotas beside their use", async () => {
  await using harness = await Harness.open();
  const views = [] as ReturnType<typeof instanceOf>[];
  harness.peer({
    ...{ role: "agent", id: AGENT_ID },
    answer: (head) => (head.op === "build" ? built(head as never) : instancesReply(views)),
  });
  const [one] = await deployAll(harness, ["one"]);
  assert.ok(one !== undefined);
  views.push(instanceOf(one, { id: ids.id("inst"), app: "shop", fn: "one", memoryMb: 256 }));
  const throttled = { RATE_LIMITED: 7 };
  const duration = { ...emptyHistogram(), sumMs: 1_500 };
  const alias = { alias: "release", outcomes: { ok: 3 }, duration };
  const route = {
    app: "shop",
    api: "public",
    stage: "test",
    route: 'GET /"a',
    downgrades: { cold: 3 },
  };
  const { accountId } = harness.control;
  const figures = {
    ...harness.metrics.figures(),
    functions: [{ functionId: one, live: 2, waiting: 1, throttled, aliases: [alias] }],
    routes: [
      { accountId, ...route },
      { accountId: ids.id("acct"), ...route, app: "theirs" },
    ],
  };
  const answer = (): object => inBody({}, JSON.stringify(figures));
  harness.peer({ role: "gateway", id: ids.id("gw"), answer });
  await harness.send("PUT", "/v1/quotas", { body: { concurrency: 40, storageMb: null } });
  const text = await page(harness);
  const own = 'app="shop",function="one",reason="RATE_LIMITED"';
  assert.match(text, new RegExp(`^skerry_throttled_total\\{${own},id="gw_.*"\\} 7$`, "m"));
  const byAlias = 'app="shop",function="one",alias="release",id="gw_[^"]*"';
  assert.match(
    text,
    new RegExp(`^skerry_alias_invocations_total\\{${byAlias},outcome="ok"\\} 3$`, "m"),
  );
  const summed = `^skerry_alias_invocation_duration_seconds_sum\\{${byAlias}\\} 1\\.5$`;
  assert.match(text, new RegExp(summed, "m"));
  const routes = text.match(/^skerry_route_downgrades_total\{.*$/gm) ?? [];
  const ofRoute = 'app="shop",api="public",stage="test",route="GET /\\"a",reason="cold",id="gw_';
  assert.equal(routes.length, 1, "those of another account are not told");
  assert.ok(routes[0]?.includes(ofRoute) === true && routes[0].endsWith(" 3"), routes[0]);
  assert.match(text, /^skerry_quota\{quota="concurrency"\} 40$/m);
  assert.doesNotMatch(text, /skerry_quota\{quota="storageMb"\}/);
  assert.match(text, /^skerry_quota_used\{quota="concurrency"\} 3$/m);
  assert.match(text, /^skerry_quota_used\{quota="memoryMb"\} 256$/m);
});

test("a gateway that tells as much as it may is heard", async () => {
  await using harness = await Harness.open({ figuresAnswerMs: 60_000 });
  harness.agent();
  const [one] = await deployAll(harness, ["one"]);
  assert.ok(one !== undefined);
  const most = 123_456_789;
  const each = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, most]));
  const many = <Item>(count: number, item: (i: number) => Item): readonly Item[] =>
    Array.from({ length: count }, (_, i) => item(i));
  const duration = { counts: emptyHistogram().counts.map(() => most), sumMs: most + 0.25 };
  const outcomes = each(OUTCOMES);
  const name = "a".repeat(40);
  const text = "r".repeat(ROUTE_LABEL_CHARS_MAX);
  const accountId = ids.id("acct");
  const route = { accountId, app: name, api: name, stage: name, route: text };
  const figures = {
    ...harness.metrics.figures(),
    functions: many(FUNCTION_FIGURES_MAX, (i) => ({
      ...{ functionId: i === 0 ? one : ids.id("fn"), live: most, waiting: most },
      throttled: each(THROTTLE_REASONS),
      aliases: i < ALIAS_FIGURES_MAX ? [{ alias: name, outcomes, duration }] : [],
    })),
    routes: many(ROUTE_FIGURES_MAX, () => ({ ...route, downgrades: each(DOWNGRADE_REASONS) })),
  };
  const answer = (): object => inBody({}, JSON.stringify(figures));
  harness.peer({ role: "gateway", id: ids.id("gw"), answer });
  const told = await page(harness);
  assert.match(told, /^skerry_role_up\{role="gateway",id="gw_[^"]*"\} 1$/m);
  const line = `^skerry_alias_invocations_total\\{.*alias="${name}".*outcome="ok"\\} ${most}$`;
  assert.match(told, new RegExp(line, "m"));
});

test("functions that are not there any more have no labels, and many share one", async () => {
  await using harness = await Harness.open({ metricFunctionsMax: 2 });
  harness.agent();
  const known = await deployAll(harness, ["a", "b", "c", "d"]);
  for (const functionId of [...known, ids.id("fn")]) {
    harness.metrics.counted.push({ functionId, tally: tallyOf(5) });
  }
  const text = await page(harness);
  const totals = text.match(/^skerry_invocations_total.*$/gm) ?? [];
  assert.equal(totals.length, 3);
  assert.ok(
    totals.includes('skerry_invocations_total{app="_other",function="_other",outcome="ok"} 10'),
  );
});

function figuresOf(revisionId: string, ok: number): RevisionFigures {
  const duration = { counts: [ok, ...emptyHistogram().counts.slice(1)], sumMs: ok / 5 };
  return { revisionId: revisionId as RevisionId, outcomes: { ok }, serverErrors: 0, duration };
}

async function latestOf(harness: Harness, name: string): Promise<string> {
  const path = `/v1/apps/shop/functions/${name}`;
  return (await harness.send<FunctionResource>("GET", path)).body.latest.id;
}

test("versions are labelled by number and what else is deployed as $LATEST, as many as fit", async () => {
  await using harness = await Harness.open({ metricFunctionsMax: 2 });
  harness.agent();
  await deployAll(harness, ["one", "two"]);
  const deploy = async (text: string): Promise<void> => {
    await harness.ended(await harness.deploy("shop", { one: text, two: "two" }));
  };
  const publish = async (): Promise<void> => {
    const path = "/v1/apps/shop/functions/one/versions";
    assert.equal((await harness.send("POST", path, { body: {} })).status, 201);
  };
  const count = async (name: string, ok: number): Promise<void> => {
    harness.metrics.countedByRevision.push(figuresOf(await latestOf(harness, name), ok));
  };
  const shown = async (): Promise<readonly string[]> => {
    const counts =
      /^skerry_version_invocations_total\{app="shop",function="one",version="(.*)",outcome="ok"\} (\d+)$/gm;
    return [...(await page(harness)).matchAll(counts)].map(([, name, n]) => `${name}: ${n}`);
  };
  await count("one", 7);
  await count("two", 9);
  assert.deepEqual(await shown(), [], "no function has a version");
  await publish();
  assert.deepEqual(await shown(), ["1: 7"]);
  const text = await page(harness);
  assert.doesNotMatch(text, /version_.*function="two"/, "which has no version");
  assert.match(text, /^skerry_version_invocation_duration_seconds_count\{.*version="1"\} 7$/m);
  await deploy("another");
  await count("one", 1);
  assert.deepEqual((await shown()).toSorted(), ["$LATEST: 1", "1: 7"]);
  await publish();
  assert.deepEqual((await shown()).toSorted(), ["1: 7", "2: 1"]);
  await deploy("a third");
  await count("one", 2);
  assert.deepEqual((await shown()).toSorted(), ["$LATEST: 2", "2: 1"], "the oldest went");
});

test("a key is asked for unless metrics are open, and then only of others than this machine's", async () => {
  for (const metricsOpen of [false, true]) {
    await using harness = await Harness.open({}, undefined, { metricsOpen });
    const statusOf = async (headers: Record<string, string> = {}): Promise<number> =>
      (await harness.send("GET", "/metrics", { key: null, headers })).status;
    assert.equal(await statusOf(), metricsOpen ? 200 : 401);
    assert.equal(await statusOf({ "x-forwarded-for": "192.0.2.1" }), 401, "through a proxy");
    assert.equal(await statusOf({ "x-skerry-key": "nonsense" }), 401, "a wrong key");
    const other = (await harness.send("GET", "/v1/apps", { key: null })).status;
    assert.equal(other, 401, "nothing else is open");
  }
});

test("open metrics are not for a page that another site's name led here", async () => {
  await using harness = await Harness.open({}, undefined, { metricsOpen: true });
  const statusOf = async (host: string): Promise<number | undefined> => {
    const { port } = new URL(harness.url);
    return await new Promise((resolve, reject) => {
      const req = request({ host: "127.0.0.1", port, path: "/metrics", headers: { host } });
      req.on("response", (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      req.on("error", reject);
      req.end();
    });
  };
  assert.equal(await statusOf("localhost:4400"), 200);
  assert.equal(await statusOf("[::1]"), 200);
  assert.equal(await statusOf("rebound.example"), 401);
  assert.equal(await statusOf("127.0.0.1.example"), 401);
});

test("a key that is confined to apps sees no metrics, a viewer of the account does", async () => {
  await using harness = await Harness.open();
  for (const [apps, status] of [
    [null, 200],
    [["shop"], 403],
  ] as const) {
    const body = { name: "viewer", role: "viewer", apps };
    const made = await harness.send<{ key: string }>("POST", "/v1/keys", { body });
    const { key } = made.body;
    const reply = await harness.send<Problem>("GET", "/metrics", { key });
    assert.equal(reply.status, status);
  }
});

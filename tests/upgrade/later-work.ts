/**
 * What a home holds that is to run later, and what calls it: invocations in every stand, timers,
 * rules, a topic whose group stands in its middle, versions, an alias, publications, a domain.
 * `fill` makes it with the release that the fixture is of; `assertKept` looks for it in a later one
 * and goes on with it, whenever that is.
 */
import assert from "node:assert/strict";
import { callHttp, until, type Platform } from "@skerry/testkit";

const APP = "later";
const DAY_MS = 86_400_000;
const TOPIC = { params: { topic: "readings" } };
const TRIGGER = { params: { app: APP, trigger: "keeper" } };
const API = { app: APP, api: "web" };
const RELEASE = { params: { ...API, stage: "release" } };
const HOST = "kept.example";

/** Settings under which nothing of it has become too old. */
export const KEEPS_ALL = { ledgerDays: 36_500, telemetryDays: 3_650, eventHours: 8_760 };

const WORK = `export const handler = (event) => {
  if (event?.bad) throw new RangeError("not this one");
  return { version: process.env.SKERRY_VERSION };
};
`;
const KEEP = `export const handler = (messages) => {
  if (messages.some(({ data }) => data < 0)) throw new RangeError("below zero");
};
`;

export async function fill(platform: Platform): Promise<void> {
  await fillLedger(platform);
  await fillTopic(platform);
  await fillVersions(platform);
}

const INVOCATION = { app: APP, fn: "paced" };
const accept = (platform: Platform, fn: string, more: object = {}) =>
  platform.client.acceptInvocation({ params: { app: APP, fn }, body: { event: {}, ...more } });

/** Ended well and badly, delayed by most of a year, and waiting for its function's pace. */
async function fillLedger(platform: Platform): Promise<void> {
  const { client } = platform;
  const files = { "index.ts": WORK };
  await platform.deploy({ app: APP, fn: "work", files, config: { async: { attempts: 1 } } });
  const paced = { ratePerSecond: 0.01, maxAgeMs: 30 * DAY_MS };
  await platform.deploy({ ...INVOCATION, files, config: { async: paced } });
  await accept(platform, "work", { event: { bad: true } });
  await accept(platform, "work", { delayMs: 364 * DAY_MS, idempotencyKey: "one-day" });
  await accept(platform, "paced");
  await until(
    "the first to end",
    async () => (await statesOf(platform, "paced"))[0] === "succeeded",
  );
  await accept(platform, "paced");
  await until("a failure", async () => (await statesOf(platform, "work"))[1] === "failed");
  const yearly = { function: "work", cron: "0 3 1 1 *", timezone: "Europe/Berlin" };
  const body = { ...yearly, payload: { why: "a new year" }, missed: "skip" as const };
  await client.putTimer({ params: { app: APP, timer: "yearly" }, body });
  const pattern = { type: ["order.placed"] };
  await client.putRule({
    params: { app: APP, rule: "orders" },
    body: { pattern, function: "work" },
  });
  const statesNow = [await statesOf(platform, "work"), await statesOf(platform, "paced")];
  assert.deepEqual(statesNow, [
    ["waiting", "failed"],
    ["waiting", "succeeded"],
  ]);
}

/** Newest first. */
async function statesOf({ client }: Platform, fn: string): Promise<readonly string[]> {
  const query = { app: APP, function: fn, source: "api" as const };
  return (await client.listAcceptedInvocations({ query })).items.map(({ state }) => state);
}

/** One message is settled, one dead, and one not read. */
async function fillTopic(platform: Platform): Promise<void> {
  const { client } = platform;
  await platform.deploy({ app: APP, fn: "keep", files: { "index.ts": KEEP } });
  await client.putTopic({ ...TOPIC, body: { partitions: 2, retentionMs: 3_650 * DAY_MS } });
  const settings = { batchMessages: 1, attempts: 1, retryDelayMs: 10 };
  const body = { topic: "readings", function: "keep", from: "earliest", settings };
  await client.putTopicTrigger({ ...TRIGGER, body });
  const publish = (...data: readonly number[]) =>
    client.publishMessages({
      ...TOPIC,
      body: { messages: data.map((one) => ({ key: "a", data: one })) },
    });
  await publish(1, -1);
  await until("both to be read", async () => (await client.getTopicTrigger(TRIGGER)).lag === 0);
  await client.setTopicTriggerEnabled({ ...TRIGGER, body: { enabled: false } });
  await publish(2);
  assert.deepEqual(await standOf(platform), UNREAD);
}

const UNREAD = { settled: 1, deadLettersKept: 1, lag: 1, enabled: false };

async function standOf({ client }: Platform): Promise<typeof UNREAD> {
  const { settled, deadLettersKept, lag, enabled } = await client.getTopicTrigger(TRIGGER);
  return { settled, deadLettersKept, lag, enabled };
}

/** Two versions, the older one of which an alias and a stage lead to. */
async function fillVersions(platform: Platform): Promise<void> {
  const { client } = platform;
  const called = { app: APP, fn: "called" };
  for (const edition of ["first", "second"]) {
    const files = { "index.ts": `${WORK}// ${edition}\n` };
    await platform.deploy({ ...called, files, config: { auth: "none" } });
    await client.publishVersion({ params: called, body: {} });
  }
  await client.putAlias({ params: { ...called, alias: "live" }, body: { target: { version: 1 } } });
  const routes = [
    { path: "/called", to: { function: "called" }, auth: "none" as const },
    { path: "/edition", to: { answer: { body: "An edition." } }, auth: "none" as const },
  ];
  const params = API;
  await client.putGatewayApi({ params, body: { routes: routes.slice(0, 1) } });
  await client.createPublication({ ...RELEASE, body: { qualifier: "live" } });
  await client.putGatewayApi({ params, body: { routes } });
  await client.createPublication({ ...RELEASE, body: { qualifier: "live" } });
  await client.putDomain({ params: { host: HOST }, body: { ...API, stage: "release" } });
}

/** Everything is there, and goes on. */
export async function assertKept(platform: Platform): Promise<void> {
  await assertLedger(platform);
  await assertTopic(platform);
  await assertVersions(platform);
}

async function assertLedger(platform: Platform): Promise<void> {
  const { client } = platform;
  const [, failed] = await statesOf(platform, "work");
  assert.equal(failed, "failed");
  // Its key is in force for a day only, and shown for as long as it is kept.
  const query = { app: APP, function: "work", idempotencyKey: "one-day" };
  const { items: delayed } = await client.listAcceptedInvocations({ query });
  assert.equal(delayed.length, 1);
  for (const { acceptedAt, state } of delayed)
    if (Date.now() < Date.parse(acceptedAt) + 364 * DAY_MS) assert.equal(state, "waiting");
  // It is tried for a month, and told to be too old from then on.
  await until("what waited to end", async () => {
    const [state = ""] = await statesOf(platform, "paced");
    return state === "succeeded" || state === "expired";
  });
  assert.equal((await statesOf(platform, "paced"))[1], "succeeded");
  const of = { app: APP, function: "work", state: "failed" } as const;
  const made = await client.createRedrive({ body: { ...of, dryRun: true } });
  const params = { redrive: made.id };
  await until("a count", async () => (await client.getRedrive({ params })).state === "done");
  assert.equal((await client.getRedrive({ params })).matched, 1);
  const timer = await client.getTimer({ params: { app: APP, timer: "yearly" } });
  assert.deepEqual(
    [timer.cron, timer.timezone, timer.payload, timer.enabled],
    [...["0 3 1 1 *", "Europe/Berlin", { why: "a new year" }, true]],
  );
  const { items } = await client.listRules({ params: { app: APP } });
  assert.deepEqual(
    items.map(({ name, pattern }) => [name, pattern]),
    [["orders", { type: ["order.placed"] }]],
  );
}

async function assertTopic(platform: Platform): Promise<void> {
  const { client } = platform;
  assert.deepEqual(await standOf(platform), UNREAD);
  await client.setTopicTriggerEnabled({ ...TRIGGER, body: { enabled: true } });
  const of = { app: APP, trigger: "keeper", target: "work" };
  await client.createRedrive({ body: of });
  const gone = { settled: 2, deadLettersKept: 0, lag: 0, enabled: true };
  await until("what was left to be run", async () => {
    const { settled, deadLettersKept } = await standOf(platform);
    return settled === gone.settled && deadLettersKept === 0;
  });
  assert.deepEqual(await standOf(platform), gone);
}

async function assertVersions(platform: Platform): Promise<void> {
  const { client, gatewayPort: port } = platform;
  const { items: versions } = await client.listVersions({ params: { app: APP, fn: "called" } });
  assert.deepEqual(
    versions.map(({ version }) => version).toSorted((a, b) => a - b),
    [1, 2],
  );
  const { items: publications } = await client.listPublications(RELEASE);
  assert.deepEqual(
    publications.map(({ number }) => number).toSorted((a, b) => a - b),
    [1, 2],
  );
  const headers = { host: HOST };
  assert.equal((await callHttp({ port, path: "/edition", headers })).text, "An edition.");
  for (const call of [{ path: `/-/${APP}/called:live/` }, { path: "/called", headers }]) {
    const { status, text } = await callHttp({ port, ...call });
    assert.deepEqual([status, text], [200, '{"version":"1"}'], call.path);
  }
}

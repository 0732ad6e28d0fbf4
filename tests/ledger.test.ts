/**
 * Accepted invocations over the deaths of every role: none is lost, each ends once and is told of,
 * and a restart of control makes no attempt twice. What one would see without the release of lost
 * gateways is in dispatch's own tests.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import {
  callHttp,
  startPlatform,
  until,
  type Platform,
  type RoleName,
  type SourceFiles,
} from "@skerry/testkit";
import { scaleWithLag } from "./ledger/consumers.ts";
import { putEventsOverKills } from "./ledger/events.ts";
import { holdBack } from "./ledger/held-back.ts";
import { runJobs } from "./ledger/jobs.ts";
import { publishOverKills } from "./ledger/publishing.ts";
import { redriveOverKill } from "./ledger/redriving.ts";

const TIMEOUT = { timeout: 600_000 };
const ACCEPTED_PER_KILL = 150;
const POISON = 123;
const LISTS = 6;
const LIST_EVENTS = 40;

const WORK: SourceFiles = {
  "index.ts": `
interface Asked {
  readonly word: string;
  readonly waitMs?: number;
  readonly fails?: boolean;
  readonly hangsFirst?: boolean;
}
export async function handler(asked: Asked, context: { attempt: number }): Promise<object> {
  const { word, waitMs, fails, hangsFirst } = asked;
  console.log("ran " + word);
  if (hangsFirst === true && context.attempt === 1) await new Promise(() => undefined);
  if (waitMs !== undefined) await new Promise((resolve) => setTimeout(resolve, waitMs));
  if (fails === true) throw new TypeError("on purpose");
  return { word };
}
`,
};

/**
 * Says what it ran, and when, once it has run a batch as a whole; the poisoned message fails all of
 * it.
 */
const STORE: SourceFiles = {
  "index.ts": `
interface Message { readonly partitionkey: string; readonly data: number }
export async function handler(messages: readonly Message[]): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  if (messages.some(({ data }) => data === ${POISON})) throw new TypeError("poison");
  const stored = messages.map(({ data }) => data).join(" ");
  console.log("stored " + process.hrtime.bigint() + " " + stored);
}
`,
};
const PUBLISHED = 500;
const KEYS = 20;

interface Row {
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly result: string | null;
}

let platform: Platform;

/** What the webhook heard, by the id of the message. */
const heard = new Map<string, { readonly headers: IncomingHttpHeaders; readonly body: string }>();
const receiver = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const { headers } = request;
    const body = Buffer.concat(parts).toString();
    heard.set(String(headers["webhook-id"]), { headers, body });
    response.end();
  });
});
const SIGNING_KEY = "the key of this test";

/** The id of what was accepted; undefined when it was not. */
async function accept(event: object): Promise<string | undefined> {
  const answer = await callHttp({
    ...{ port: platform.gatewayPort, path: "/-/ledger/work/", method: "POST" },
    headers: {
      ...{ "content-type": "application/json", "x-skerry-key": platform.key },
      prefer: "respond-async",
    },
    body: JSON.stringify(event),
  }).catch(() => undefined);
  if (answer?.status !== 202) return undefined;
  return (JSON.parse(answer.text) as { id: string }).id;
}

/** Several callers at once; the role dies after a third of what they have accepted. */
async function acceptOverKill(role: RoleName): Promise<readonly string[]> {
  const accepted: string[] = [];
  let killing: Promise<void> | undefined;
  const caller = async (): Promise<void> => {
    while (accepted.length < ACCEPTED_PER_KILL) {
      const id = await accept({ word: `${role}-${accepted.length}`, waitMs: 20 });
      if (id !== undefined) accepted.push(id);
      if (accepted.length > ACCEPTED_PER_KILL / 3) killing ??= platform.kill(role);
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  await killing;
  return accepted;
}

/** A call with a key; undefined when its connection broke. */
async function callOnce(key: string, event: object) {
  return await callHttp({
    ...{ port: platform.gatewayPort, path: "/-/ledger/work/", method: "POST" },
    headers: {
      ...{ "content-type": "application/json", "x-skerry-key": platform.key },
      ...{ "x-skerry-invoke": "event", "idempotency-key": key },
    },
    body: JSON.stringify(event),
  }).catch(() => undefined);
}

function query<T>(sql: string, ...params: readonly string[]): T[] {
  const path = join(platform.home, "state", "ledger.db");
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(sql).all(...params) as T[];
  } finally {
    database.close();
  }
}

function rowOf(id: string): Row | undefined {
  const [row] = query<Row>(
    `SELECT state, attempts, error, CAST(result AS TEXT) AS result
     FROM ledger_invocations WHERE id = ?`,
    id,
  );
  return row;
}

function assertBalanced(): void {
  const sums = new Map(
    query<{ what: string; n: number }>(
      "SELECT what, SUM(n) AS n FROM ledger_sums GROUP BY what",
    ).map(({ what, n }) => [what, n]),
  );
  const ends = ["succeeded", "failed", "expired", "cancelled"];
  const ended = ends.reduce((sum, end) => sum + (sums.get(end) ?? 0), 0);
  assert.equal(sums.get("accepted"), ended);
  const [kept] = query<{ n: number }>("SELECT COUNT(*) AS n FROM ledger_invocations");
  assert.equal(kept?.n, ended);
}

function untilAllEnded(): Promise<unknown> {
  const look = (): boolean =>
    query("SELECT seq FROM ledger_queue LIMIT 1").length === 0 &&
    query("SELECT id FROM ledger_deliveries WHERE state = 'waiting' LIMIT 1").length === 0;
  return until("everything to end", look, { deadlineMs: 180_000, everyMs: 100 });
}

async function timesPrinted(text: string): Promise<number> {
  let times = 0;
  const params = { app: "ledger", fn: "work" };
  for await (const line of platform.client.listLogs({ params, query: { limit: 1_000 } }))
    if (line.text === text) times += 1;
  return times;
}

/**
 * Numbers of messages in the order in which they were stored, first time each: by the machine's
 * clock, since a log has the lines of several instances in the order in which they were read.
 */
async function stored(): Promise<readonly number[]> {
  const batches: { readonly atNs: bigint; readonly numbers: readonly number[] }[] = [];
  const params = { app: "ledger", fn: "store" };
  for await (const { text } of platform.client.listLogs({ params, query: { limit: 1_000 } })) {
    const [word, at, ...numbers] = text.split(" ");
    if (word === "stored") batches.push({ atNs: BigInt(at ?? ""), numbers: numbers.map(Number) });
  }
  const ordered = batches.toSorted((a, b) => (a.atNs < b.atNs ? -1 : 1));
  return [...new Set(ordered.flatMap(({ numbers }) => numbers))];
}

async function publish(from: number, to: number): Promise<void> {
  const messages = Array.from({ length: to - from }, (_, i) => {
    return { key: `hotel-${(from + i) % KEYS}`, data: from + i };
  });
  await platform.client.publishMessages({ params: { topic: "prices" }, body: { messages } });
}

async function runTopic(): Promise<void> {
  const { client } = platform;
  const config = { auth: "none" as const, maxInstances: 4 };
  await platform.deploy({ app: "ledger", fn: "store", files: STORE, config });
  await client.putTopic({ params: { topic: "prices" }, body: { partitions: 4 } });
  const params = { app: "ledger", trigger: "store" };
  const settings = { batchMessages: 10, attempts: 2, retryDelayMs: 20 };
  const body = { topic: "prices", function: "store", from: "earliest", settings };
  await client.putTopicTrigger({ params, body });
  await publish(0, PUBLISHED / 2);
  await until("the first to be stored", async () => (await stored()).length > 0);
  await platform.kill("control");
  await platform.untilWhole();
  await publish(PUBLISHED / 2, PUBLISHED);
  const stand = () => client.getTopicTrigger({ params });
  await until("all to be settled", async () => (await stand()).lag === 0, {
    deadlineMs: 180_000,
  });
  await until("all to be told", async () => (await stored()).length === PUBLISHED - 1);
  const { items } = await client.listTopicDeadLetters({ params, query: {} });
  assert.deepEqual(
    items.map(({ data, attempts }) => [data, attempts]),
    [[POISON, 2]],
  );
  const numbers = await stored();
  for (let key = 0; key < KEYS; key += 1) {
    const ofKey = numbers.filter((number) => number % KEYS === key);
    assert.deepEqual(
      ofKey,
      ofKey.toSorted((a, b) => a - b),
    );
  }
  await untilAllEnded();
  assertBalanced();
}

/** Lists that are sent again as long as their answer is lost, while control dies under them. */
async function acceptListsOverKill(): Promise<void> {
  const target = { app: "ledger", fn: "work" };
  const wordOf = (list: number, at: number): string => `list-${list}-${at}`;
  const sent = Array.from({ length: LISTS }, async (_, list) => {
    const events = Array.from({ length: LIST_EVENTS }, (_one, at) => {
      const word = wordOf(list, at);
      return { event: { word }, idempotencyKey: word, orderingKey: `list-${list % 2}` };
    });
    return await platform.client.invokeMany(target, events);
  });
  await Promise.all([...sent, platform.kill("control")]);
  await platform.untilWhole();
  await untilAllEnded();
  for (const [list, { items, refused }] of (await Promise.all(sent)).entries()) {
    assert.equal(refused, 0);
    for (const [at, item] of items.entries()) {
      assert.ok("id" in item);
      assert.equal(rowOf(item.id)?.result, JSON.stringify({ word: wordOf(list, at) }));
    }
  }
  const [written] = query<{ n: number }>(
    "SELECT COUNT(*) AS n FROM ledger_invocations WHERE idempotency_key LIKE 'list-%'",
  );
  assert.equal(written?.n, LISTS * LIST_EVENTS, "each is written once");
  assertBalanced();
}

describe("the ledger, over a platform", TIMEOUT, () => {
  before(async () => {
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const { port } = receiver.address() as AddressInfo;
    platform = await startPlatform({ settings: { webhookHosts: `127.0.0.1:${port}` } });
    const value = `whsec_${Buffer.from(SIGNING_KEY).toString("base64")}`;
    await platform.client.putSecret({ params: { secret: "webhook-signing" }, body: { value } });
    const told = { onSuccess: { webhook: `http://127.0.0.1:${port}/hook` } };
    const config = {
      ...{ auth: "none" as const, maxInstances: 2, concurrency: 50 },
      async: { retryDelayMs: 20, attempts: 3, ...told, onFailure: { function: "told/work" } },
    };
    await platform.deploy({ app: "told", fn: "work", files: WORK });
    await platform.deploy({ app: "ledger", fn: "work", files: WORK, config });
  }, TIMEOUT);
  after(async () => {
    await platform.stop();
    receiver.closeAllConnections();
    receiver.close();
  }, TIMEOUT);

  it("runs what was answered 202, keeps its result and prints its lines", TIMEOUT, async () => {
    const id = await accept({ word: "first" });
    assert.ok(id !== undefined);
    await untilAllEnded();
    const { state, attempts, result } = rowOf(id) ?? {};
    assert.deepEqual([state, attempts, result], ["succeeded", 1, '{"word":"first"}']);
    await until("its line", async () => (await timesPrinted("ran first")) === 1);
    const { headers, body } = heard.get(id) ?? { headers: {}, body: "{}" };
    const document = JSON.parse(body) as Record<string, unknown>;
    assert.deepEqual([document["id"], document["result"]], [id, { word: "first" }]);
    const signed = `${id}.${String(headers["webhook-timestamp"])}.${body}`;
    const hmac = createHmac("sha256", SIGNING_KEY).update(signed).digest("base64");
    assert.equal(headers["webhook-signature"], `v1,${hmac}`);
  });

  it("tries again what fails and keeps why it failed", TIMEOUT, async () => {
    const id = await accept({ word: "bad", fails: true });
    assert.ok(id !== undefined);
    await untilAllEnded();
    const { state, attempts, error } = rowOf(id) ?? {};
    assert.deepEqual([state, attempts], ["failed", 3]);
    assert.match(error ?? "", /on purpose/);
    const [told] = query<{ app: string; state: string }>(
      "SELECT app, state FROM ledger_invocations WHERE source = 'destination' AND source_id = ?",
      id,
    );
    assert.deepEqual({ ...told }, { app: "told", state: "succeeded" });
  });

  it("runs jobs, shows how far they are and lets them end by themselves", TIMEOUT, () =>
    runJobs(platform),
  );

  it("holds back a function that fails, and loses nothing by it", TIMEOUT, () =>
    holdBack(platform),
  );

  it("makes no attempt twice when control is replaced or killed under it", TIMEOUT, async () => {
    const words = ["long-1", "long-2", "long-3"];
    const ids = await Promise.all(words.map((word) => accept({ word, waitMs: 4_000 })));
    await until("all to run", async () => (await timesPrinted("ran long-3")) === 1);
    await platform.restart("control");
    await platform.kill("control");
    await platform.untilWhole();
    await untilAllEnded();
    for (const id of ids) {
      const { state, attempts } = rowOf(id ?? "") ?? {};
      assert.deepEqual([state, attempts], ["succeeded", 1]);
    }
    for (const word of words) {
      await until(`the line of ${word}`, async () => (await timesPrinted(`ran ${word}`)) > 0);
      assert.equal(await timesPrinted(`ran ${word}`), 1);
    }
  });

  it("runs fifty calls under one key once, and answers all of them the same", TIMEOUT, async () => {
    const event = { word: "paid", waitMs: 300 };
    const answers = await Promise.all(Array.from({ length: 50 }, () => callOnce("k-1", event)));
    const told = answers.map((answer) => `${answer?.status} ${answer?.text}`);
    assert.deepEqual([...new Set(told)], ['200 {"word":"paid"}']);
    const other = await callOnce("k-1", { word: "other" });
    assert.deepEqual(
      [other?.status, other?.headers["x-skerry-error"]],
      [...[422, "IDEMPOTENCY_KEY_CONFLICT"]],
    );
    await callOnce("k-2", event);
    await until("the lines of both keys", async () => (await timesPrinted("ran paid")) === 2);
  });

  it("gives a call its answer over a gateway's death between run and answer", TIMEOUT, async () => {
    const event = { word: "killed", hangsFirst: true };
    const broken = callOnce("k-3", event);
    await until("it to run", async () => (await timesPrinted("ran killed")) === 1);
    await platform.kill("gateway");
    await broken;
    await platform.untilWhole();
    const again = await callOnce("k-3", event);
    assert.deepEqual([again?.status, again?.text], [200, '{"word":"killed"}']);
    assert.equal(again?.headers["idempotent-replayed"], "true");
    await untilAllEnded();
    const [row] = query<Row>(
      "SELECT state, attempts FROM ledger_invocations WHERE idempotency_key = 'k-3'",
    );
    assert.deepEqual([row?.state, row?.attempts], ["succeeded", 2], "made again, under one id");
    assertBalanced();
  });

  for (const role of ["control", "gateway", "agent"] as const) {
    it(`loses nothing and ends everything once when ${role} is killed`, TIMEOUT, async () => {
      const accepted = await acceptOverKill(role);
      await platform.untilWhole();
      await untilAllEnded();
      const states = new Map<string, number>();
      for (const id of accepted) {
        const state = rowOf(id)?.state ?? "lost";
        states.set(state, (states.get(state) ?? 0) + 1);
      }
      assert.deepEqual([...states], [["succeeded", accepted.length]]);
      const untold = accepted.filter((id) => !heard.has(id));
      assert.deepEqual(untold, [], "each end is told of");
      assertBalanced();
    });
  }

  it("accepts each event of a list once while control is killed", TIMEOUT, acceptListsOverKill);

  it(
    "runs a topic in the order of its keys, without the poisoned one, over a kill",
    TIMEOUT,
    runTopic,
  );

  it("has consumers come with what waits, and go when nothing does", TIMEOUT, () =>
    scaleWithLag(platform),
  );

  it("keeps what functions were told is published, and tells a follower each once", TIMEOUT, () =>
    publishOverKills(platform),
  );

  it("redrives each once over a kill of control", TIMEOUT, () => redriveOverKill(platform));

  it("makes one invocation of each event for each rule, over kills of control", TIMEOUT, () =>
    putEventsOverKills(platform),
  );
});

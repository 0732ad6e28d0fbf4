/** What the commands of topics and their triggers ask of the platform and print of its answers. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { groupSettings } from "@skerry/api-schema";
import {
  type Asked,
  type FakePlatform,
  startFakePlatform,
  withPipes,
  type RunResult,
} from "@skerry/testkit/clients";
import { TOPIC_TRIGGER_COMMANDS } from "./topic-triggers.ts";
import { TOPIC_COMMANDS } from "./topics.ts";

const runPiped = withPipes([...TOPIC_COMMANDS, ...TOPIC_TRIGGER_COMMANDS]);

const AT = "2030-01-01T08:00:00.000Z";
const TOPIC = {
  ...{ name: "prices", partitions: 8, retentionMs: 43_200_000, retentionBytes: null, messages: 3 },
  ...{ bytes: 2_048, createdAt: AT, triggers: [{ app: "shop", name: "store", lag: 2 }] },
};
const TRIGGER = {
  ...{ app: "shop", name: "store", topic: "prices", function: "keep", enabled: true, lag: 2 },
  madeBy: null,
  ...{ settings: groupSettings.parse({}), settled: 7, deadLetters: 1, expired: 0 },
  ...{ deadLettersKept: 1, redriving: 0, batchesRunning: 3, oldestAt: AT },
};
const MESSAGE = {
  ...{ partition: 1, offset: 4, key: "hotel-7", contentType: null, headers: {}, time: AT },
  ...{ publishedAt: AT, data: { cents: 1 } },
};
const asked: Asked[] = [];
let platform: FakePlatform;

before(async () => {
  const answered = <T>(answer: T) => {
    return (call: Asked): T => {
      asked.push(call);
      return answer;
    };
  };
  platform = await startFakePlatform({
    listTopics: () => ({ items: [TOPIC], nextCursor: null }),
    putTopic: answered(TOPIC),
    deleteTopic: answered(undefined),
    publishMessages: answered({ messages: [{ partition: 1, offset: 4 }] }),
    listTopicMessages: ({ query: { cursor } }) => {
      return { items: cursor === undefined ? [MESSAGE] : [], nextCursor: "1:5" };
    },
    listTopicTriggers: () => ({ items: [TRIGGER], nextCursor: null }),
    putTopicTrigger: answered(TRIGGER),
    deleteTopicTrigger: answered(undefined),
    setTopicTriggerEnabled: answered({ ...TRIGGER, enabled: false }),
    seekTopicTrigger: answered(TRIGGER),
    discardTopicDeadLetters: answered({ discarded: 2 }),
    listTopicDeadLetters: () => {
      const letter = { ...MESSAGE, attempts: 3, reason: "It failed.", deadAt: AT };
      return { items: [letter], nextCursor: null };
    },
  });
});
after(() => platform[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<RunResult> =>
  runPiped(args, { url: platform.url });
const bodyOf = (): unknown => asked.splice(0)[0]?.body;

test("a topic is made as its flags say, and keeps its partitions where they say nothing", async () => {
  const made = await run("topics", "create", "prices", "--retention", "12h");
  assert.equal(made.exitCode, 0, made.stderr);
  assert.match(made.stdout, /prices: 8 partitions/);
  assert.deepEqual(bodyOf(), { partitions: 8, retentionMs: 43_200_000 });
  await run("topics", "create", "other", "--partitions", "2", "--retention-bytes", "2000000");
  const expected = { partitions: 2, retentionMs: 604_800_000, retentionBytes: 2_000_000 };
  assert.deepEqual(bodyOf(), expected);
});

test("topics are listed, shown and removed", async () => {
  const { stdout } = await run("topics", "ls");
  assert.match(stdout, /^TOPIC +PARTITIONS +MESSAGES +SIZE +KEEPS +BEHIND\n/);
  assert.match(stdout, /prices +8 +3 .*shop\/store 2/);
  assert.match((await run("topics", "tail", "prices")).stdout, /1:4 hotel-7 \{"cents":1\}\n$/);
  const removed = await run("topics", "rm", "prices", "--yes", "--json");
  assert.deepEqual(JSON.parse(removed.stdout), { removed: "prices" });
  asked.splice(0);
});

test("one message is published with its key and type, or an array of them", async () => {
  const data = '{"cents":1}';
  const sent = await run(
    "topics",
    "publish",
    "prices",
    "--partition-key",
    "a",
    "--type",
    "t",
    "-d",
    data,
  );
  assert.equal(sent.stdout, "1:4\n", sent.stderr);
  const message = { data: { cents: 1 }, key: "a", headers: { type: "t" } };
  assert.deepEqual(bodyOf(), { messages: [message] });
  await run("topics", "publish", "prices", "--many", "-d", '[{"key":"a","data":1},{"data":2}]');
  assert.deepEqual(bodyOf(), { messages: [{ key: "a", data: 1 }, { data: 2 }] });
  await run("topics", "publish", "prices", "-d", "1", "--idempotency-key", "order-7");
  assert.deepEqual(bodyOf(), { messages: [{ data: 1 }], idempotencyKey: "order-7" });
  const refused = await run("topics", "publish", "prices", "--many", "-d", data);
  assert.notEqual(refused.exitCode, 0);
  assert.deepEqual(asked, []);
});

test("a trigger is set as its flags say; what is left out is the platform's to say", async () => {
  const flags = ["--app", "shop", "--topic", "prices", "--function", "keep", "--batch", "10"];
  const times = ["--retry-delay", "2s", "--from", "earliest", "--attempts", "5"];
  const set = await run("triggers", "set", "store", ...flags, ...times);
  assert.match(set.stdout, /Set shop\/store: 2 behind in prices\./, set.stderr);
  const settings = { batchMessages: 10, attempts: 5, retryDelayMs: 2_000 };
  assert.deepEqual(bodyOf(), {
    ...{ topic: "prices", function: "keep", from: "earliest", enabled: true },
    settings: groupSettings.parse(settings),
  });
  assert.match((await run("triggers", "set", "a", "--app", "shop")).stderr, /needs --topic TOPIC/);
});

test("an event format is one of those there are", async () => {
  const flags = ["--app", "shop", "--topic", "prices", "--function", "keep"];
  await run("triggers", "set", "store", ...flags, "--event-format", "scf");
  assert.equal((bodyOf() as { settings: object }).settings["eventFormat" as never], "scf");
  const refused = await run("triggers", "set", "store", ...flags, "--event-format", "csv");
  assert.match(refused.stderr, /cloudevents, scf, fc, lambda/);
});

test("triggers are listed, paused, moved, asked for what they gave up, and removed", async () => {
  const ofShop = ["--app", "shop"];
  const listed = /store +prices +keep +on +2 +2\S+Z +3 +7 +1/;
  assert.match((await run("triggers", "ls", ...ofShop)).stdout, listed);
  const paused = await run("triggers", "pause", "store", ...ofShop);
  assert.match(paused.stdout, /Paused shop\/store: paused, 2 behind/);
  assert.deepEqual(bodyOf(), { enabled: false });
  await run("triggers", "seek", "store", ...ofShop, "--to", "earliest");
  assert.deepEqual(bodyOf(), { to: "earliest" });
  await run("triggers", "seek", "store", ...ofShop, "--to", "0:7,1:12");
  assert.deepEqual(bodyOf(), { to: "0:7,1:12" });
  const dead = await run("triggers", "dead", "store", ...ofShop);
  assert.match(dead.stdout, /1:4 hotel-7 3 attempts: It failed\./);
  const discarded = await run("triggers", "dead", "store", ...ofShop, "--discard", "--yes");
  assert.match(discarded.stdout, /Forgot 2 dead letters\./);
  const removed = await run("triggers", "rm", "store", ...ofShop, "--yes", "--json");
  assert.deepEqual(JSON.parse(removed.stdout), { removed: "store", app: "shop" });
});

/** What the commands of events and rules ask of the platform and print of its answers. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RuleResource } from "@skerry/api-schema";
import {
  type Asked,
  type FakePlatform,
  startFakePlatform,
  withPipes,
  type RunResult,
} from "@skerry/testkit/clients";
import { EVENT_COMMANDS } from "./events.ts";
import { RULE_COMMANDS } from "./rules.ts";

const runPiped = withPipes([...EVENT_COMMANDS, ...RULE_COMMANDS]);

const AT = "2030-01-01T08:00:00.000Z";
const PATTERN = { type: [{ prefix: "order." }] };
const EVENT = {
  specversion: "1.0",
  id: "7",
  source: "/shop",
  type: "order.placed",
  data: { a: 1 },
};
const asked: Asked[] = [];
let platform: FakePlatform;

function ruleOf(more: Partial<RuleResource> = {}): RuleResource {
  return {
    ...{ id: "rul_1", app: "shop", name: "large", pattern: PATTERN, function: "check" },
    ...{
      topic: null,
      eventFormat: "cloudevents",
      enabled: true,
      pausedBecause: null,
      madeBy: null,
      matched: 3,
    },
    ...{ lastMatchedAt: null, refused: 0, refusedBecause: null, version: 2, etag: '"2"' },
    ...{ createdAt: AT, updatedAt: AT },
    ...more,
  };
}

before(async () => {
  const answered = <T>(answer: T) => {
    return (call: Asked): T => {
      asked.push(call);
      return answer;
    };
  };
  const gone = ruleOf({ name: "gone", enabled: false, pausedBecause: "function_removed" });
  const topic = ruleOf({ name: "kept", function: null, topic: "orders", refused: 1 });
  platform = await startFakePlatform({
    putEvents: answered({
      events: [
        { id: "7", repeated: false },
        { id: "8", repeated: true },
      ],
    }),
    listEvents: ({ query: { cursor } }) => {
      return { items: cursor === undefined ? [{ putAt: AT, event: EVENT }] : [], nextCursor: "9" };
    },
    listRules: () => ({ items: [ruleOf(), gone, topic], nextCursor: null }),
    getRule: answered(ruleOf()),
    putRule: answered(ruleOf()),
    deleteRule: answered(undefined),
    setRuleEnabled: answered(ruleOf({ enabled: false })),
    testPattern: (call) => {
      asked.push(call);
      return { matches: (call.body as { event: { type: string } }).event.type === "order.placed" };
    },
  });
});
after(() => platform[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<RunResult> =>
  runPiped(args, { url: platform.url });
const bodyOf = (): unknown => asked.splice(0)[0]?.body;

test("an event is put as its flags say, or as the CloudEvents that it is given as", async () => {
  const flags = ["--source", "/shop", "--subject", "hotel-7", "--id", "7", "-d", '{"a":1}'];
  const put = await run("events", "put", "order.placed", ...flags);
  assert.equal(put.stdout, "7\n8 again\n", put.stderr);
  assert.deepEqual(bodyOf(), { ...EVENT, subject: "hotel-7" });
  await run("events", "put", "-d", JSON.stringify([EVENT, EVENT]));
  assert.deepEqual(bodyOf(), [EVENT, EVENT]);
  const nothing = await run("events", "put");
  assert.match(nothing.stderr, /ARGUMENT_MISSING/);
});

test("the bus is shown an event a line", async () => {
  const shown = await run("events", "tail");
  assert.equal(shown.stdout, `${AT} 7 order.placed /shop {"a":1}\n`, shown.stderr);
  const json = await run("events", "tail", "--json");
  assert.deepEqual(JSON.parse(json.stdout), { putAt: AT, event: EVENT });
});

test("a rule is set as its flags say", async () => {
  const pattern = ["--pattern", JSON.stringify(PATTERN)];
  const set = await run(
    "rules",
    "set",
    "large",
    "--app",
    "shop",
    "--function",
    "check",
    ...pattern,
  );
  assert.equal(set.stdout, "✓ Set large, version 2: shop/check, on.\n", set.stderr);
  const eventFormat = "cloudevents";
  const said = { pattern: PATTERN, function: "check", enabled: true };
  assert.deepEqual(bodyOf(), { ...said, eventFormat });
  await run("rules", "set", "large", "--app", "shop", "--topic", "t", "--paused", ...pattern);
  assert.deepEqual(bodyOf(), { pattern: PATTERN, topic: "t", enabled: false, eventFormat });
  const to = ["rules", "set", "large", "--app", "shop", "--function", "check", ...pattern];
  await run(...to, "--event-format", "lambda");
  assert.deepEqual(bodyOf(), { ...said, eventFormat: "lambda" });
  const unknown = await run(...to, "--event-format", "sqs");
  assert.match(unknown.stderr, /INPUT_INVALID/);
  const target = await run("rules", "set", "large", "--app", "shop", ...pattern);
  assert.match(target.stderr, /--function/);
});

test("rules are listed with what each has heard and why it is paused", async () => {
  const { stdout } = await run("rules", "ls", "--app", "shop");
  assert.match(stdout, /large +shop\/check +\{"type":\[\{"prefix":"order\."\}\]\} +on +3 +0 +-/);
  assert.match(stdout, /gone .* paused: no function/);
  assert.match(stdout, /kept +topic orders/);
});

test("a rule is paused, resumed and removed", async () => {
  const paused = await run("rules", "pause", "large", "--app", "shop");
  assert.equal(paused.stdout, "✓ Paused large: shop/check, paused.\n", paused.stderr);
  assert.deepEqual(bodyOf(), { enabled: false });
  await run("rules", "resume", "large", "--app", "shop");
  assert.deepEqual(bodyOf(), { enabled: true });
  const removed = await run("rules", "rm", "large", "--app", "shop", "--yes", "--json");
  assert.deepEqual(JSON.parse(removed.stdout), { removed: "large", app: "shop" });
  asked.splice(0);
});

test("a pattern is tested, and its end says whether it matches", async () => {
  const data = ["-d", JSON.stringify(EVENT)];
  const yes = await run("rules", "test", "--pattern", JSON.stringify(PATTERN), ...data);
  assert.deepEqual([yes.exitCode, yes.stdout], [0, "matches\n"], yes.stderr);
  assert.deepEqual(bodyOf(), { pattern: PATTERN, event: EVENT });
  const other = ["-d", JSON.stringify({ ...EVENT, type: "x" })];
  const no = await run("rules", "test", "large", "--app", "shop", ...other);
  assert.deepEqual([no.exitCode, no.stdout], [1, "does not match\n"], no.stderr);
});

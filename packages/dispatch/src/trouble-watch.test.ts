/** What gateways and records count is told of once a minute, where a rule hears of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog, type FunctionId } from "@skerry/base";
import type { FunctionTally } from "@skerry/contracts";
import { HandClock } from "@skerry/testkit";
import { World } from "../test/world.ts";
import { TroubleWatch } from "./trouble-watch.ts";
import { countedOf, troublesOf, type Counted, type Reading } from "./troubles.ts";

type Outcomes = FunctionTally["tally"]["outcomes"];
const FN = "fn_a" as FunctionId;
const EVERY_MS = 30_000;

function readingOf(
  gateways: Readonly<Record<string, Readonly<Record<string, number>>>>,
  outcomes: Outcomes = {},
  upMs?: number,
): Reading {
  const tally = { outcomes } as FunctionTally["tally"];
  return {
    gateways: Object.entries(gateways).map(([id, throttled]) => {
      return { id, upMs, functions: [{ functionId: FN, throttled }] };
    }),
    tallies: [{ functionId: FN, tally }],
  };
}

function told(...readings: readonly Reading[]): readonly (readonly [string, number])[] {
  const looks = readings.map((reading, i) => ({ ...reading, atMs: 7_000_000 + i * EVERY_MS }));
  let before: Counted | undefined;
  let last: ReturnType<typeof troublesOf> = [];
  for (const look of looks) {
    if (before !== undefined) last = troublesOf(before, look);
    before = countedOf(look, before);
  }
  return last.map(({ reason, count }) => [reason, count] as const);
}

const LIMITS = [
  {
    title: "what several gateways turned away since is one of each reason",
    readings: [
      readingOf({ a: { RATE_LIMITED: 5 }, b: { RATE_LIMITED: 1 } }),
      readingOf({ a: { RATE_LIMITED: 7, CONCURRENCY_LIMITED: 1 }, b: { RATE_LIMITED: 2 } }),
    ],
    expected: [
      ["RATE_LIMITED", 3],
      ["CONCURRENCY_LIMITED", 1],
    ],
  },
  {
    title: "what was told once is not told again",
    readings: [readingOf({ a: {} }), readingOf({ a: { RATE_LIMITED: 1 } })].flatMap((one, i) =>
      i === 0 ? [one] : [one, one],
    ),
    expected: [],
  },
  {
    title: "a gateway that stays is remembered however many come and go beside it",
    readings: Array.from({ length: 101 }, (_, n) =>
      readingOf({ a: { RATE_LIMITED: 5 }, [`gone ${n}`]: {} }),
    ),
    expected: [],
  },
  {
    title: "a gateway that is there anew, or counts anew, has turned away what it says",
    readings: [readingOf({ a: { RATE_LIMITED: 5 } }), readingOf({ a: { RATE_LIMITED: 2 }, b: {} })],
    expected: [["RATE_LIMITED", 2]],
  },
  {
    title: "a gateway that did not answer once has turned away what came since its last answer",
    readings: [
      readingOf({ a: { RATE_LIMITED: 5 } }),
      readingOf({}),
      readingOf({ a: { RATE_LIMITED: 6 } }),
    ],
    expected: [["RATE_LIMITED", 1]],
  },
  {
    title: "a gateway that was there before the first look, and is asked later, is not news",
    readings: [readingOf({}), readingOf({ a: { RATE_LIMITED: 9 } }, {}, EVERY_MS + 1)],
    expected: [],
  },
  {
    title: "and is from then on",
    readings: [9, 10].reduce(
      (all, limited, i) => [
        ...all,
        readingOf({ a: { RATE_LIMITED: limited } }, {}, (i + 1) * EVERY_MS + 1),
      ],
      [readingOf({})],
    ),
    expected: [["RATE_LIMITED", 1]],
  },
  {
    title: "a gateway that came after the first look has turned away what it says",
    readings: [readingOf({}), readingOf({ a: { RATE_LIMITED: 9 } }, {}, EVERY_MS - 1)],
    expected: [["RATE_LIMITED", 9]],
  },
  {
    title: "calls that found no instance in time met a limit",
    readings: [readingOf({}, { throttled: 1 }), readingOf({}, { throttled: 3 })],
    expected: [["FUNCTION_THROTTLED", 2]],
  },
] as const;

const CRASHES = [
  {
    title: "instances that are lost three times are told of, by how they were",
    outcomes: [
      { crashed: 1, ok: 9 },
      { crashed: 4, out_of_memory: 3, ok: 10 },
    ],
    expected: [
      ["crashed", 3],
      ["out_of_memory", 3],
    ],
  },
  {
    title: "two are an accident",
    outcomes: [{ init_failed: 1 }, { init_failed: 3 }],
    expected: [],
  },
  {
    title: "a function that mostly does well is not crashing",
    outcomes: [{}, { crashed: 5, ok: 6 }],
    expected: [],
  },
  {
    title: "what a handler throws costs no instance",
    outcomes: [{}, { function_error: 50, timeout: 50 }],
    expected: [],
  },
] as const;

for (const { title, readings, expected } of LIMITS)
  test(title, () => assert.deepEqual(told(...readings), expected));
for (const { title, outcomes, expected } of CRASHES) {
  const readings = outcomes.map((one) => readingOf({}, one));
  test(title, () => assert.deepEqual(told(...readings), expected));
}

const HEARD = { type: ["skerry.limit.reached.v1", "skerry.function.crashing.v1"] };

/** A watch over the bus of a world, with counters of the test. */
function watchOf(world: World, functionId: FunctionId) {
  const at = { reads: 0, limited: 0, crashed: 0, away: false };
  const clock = new HandClock();
  const watch = new TroubleWatch({
    ...{ clock, log: silentLog() },
    bus: {
      isHeard: () => world.dispatch.bus.isHeard(),
      tellHeard: (telling) =>
        at.away ? Promise.reject(new TypeError("away")) : world.dispatch.bus.tellHeard(telling),
    },
    read: () => {
      at.reads += 1;
      const { limited, crashed } = at;
      const throttled = { RATE_LIMITED: limited };
      const tally = { outcomes: { crashed } } as FunctionTally["tally"];
      return Promise.resolve({
        gateways: [{ id: "gw", functions: [{ functionId, throttled }] }],
        tallies: [{ functionId, tally }],
      });
    },
    namesOf: (ids) => {
      const { accountId } = world;
      return Promise.resolve(
        new Map(ids.map((id) => [id, { accountId, app: "shop", fn: "work" }])),
      );
    },
  });
  return { at, clock, watch };
}

async function dataOf(world: World): Promise<readonly unknown[]> {
  const query = { limit: 50, from: "earliest" };
  const { items } = await world.dispatch.bus.listEvents({ accountId: world.accountId, query });
  return items.map(({ event }) => event["data"]);
}

function hear(world: World, functionId: FunctionId) {
  return world.dispatch.bus.putRule({
    ...{ accountId: world.accountId, app: "shop", name: "heard", ifVersion: null, functionId },
    request: { pattern: HEARD, function: "listener", enabled: true, eventFormat: "cloudevents" },
  });
}

test("limits and crashes of calls are told once a minute, and run the rule that hears", async () => {
  await using world = await World.open();
  const fn = world.function();
  const listener = world.function({ name: "listener" });
  const { at, clock, watch } = watchOf(world, fn);
  await watch.look();
  assert.equal(at.reads, 0, "where no rule hears nobody is asked");
  await hear(world, listener);
  at.limited = 7;
  await watch.look();
  assert.deepEqual(await dataOf(world), [], "what was before is not told");
  for (let i = 0; i < 20; i += 1) {
    at.limited += 1;
    at.crashed += 3;
    await watch.look();
  }
  const limited = { app: "shop", function: "work", reason: "RATE_LIMITED" };
  const crashing = { app: "shop", function: "work", reason: "crashed", count: 3 };
  assert.deepEqual(await dataOf(world), [limited, crashing]);
  const gateway = await world.gateway();
  await gateway.holds(2);
  clock.advance(60_000);
  at.limited += 1;
  await watch.look();
  assert.equal((await dataOf(world)).length, 3, "and again in the next minute");
});

test("what could not be told is told by a later look", async () => {
  await using world = await World.open();
  const fn = world.function();
  await hear(world, world.function({ name: "listener" }));
  const { at, watch } = watchOf(world, fn);
  await watch.look();
  at.limited = 1;
  at.away = true;
  await assert.rejects(watch.look());
  at.away = false;
  await watch.look();
  assert.equal((await dataOf(world)).length, 1);
});

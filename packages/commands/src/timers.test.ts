/** What the commands of timers ask of the platform and print of its answers. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TimerResource } from "@skerry/api-schema";
import {
  type Asked,
  type FakePlatform,
  startFakePlatform,
  withPipes,
  type RunResult,
} from "@skerry/testkit/clients";
import { TIMER_COMMANDS } from "./timers.ts";

const runPiped = withPipes(TIMER_COMMANDS);

const AT = "2030-01-01T08:00:00.000Z";
const asked: Asked[] = [];
let platform: FakePlatform;

function timerOf(more: Partial<TimerResource> = {}): TimerResource {
  return {
    ...{ id: "tmr_1", app: "shop", name: "report", function: "report", cron: "0 8 * * *" },
    ...{ timezone: "Europe/Berlin", at: null, payload: null, enabled: true, pausedBecause: null },
    ...{
      missed: "once",
      orderingKey: null,
      eventFormat: "cloudevents",
      madeBy: null,
      nextAt: AT,
      lastAt: null,
    },
    ...{ lastInvocationId: null, skippedTicks: 0, version: 2, etag: '"2"' },
    ...{ createdAt: AT, updatedAt: AT },
    ...more,
  };
}

before(async () => {
  const answered = (call: Asked, more: Partial<TimerResource> = {}): TimerResource => {
    asked.push(call);
    return timerOf(more);
  };
  platform = await startFakePlatform({
    listTimers: () => ({
      items: [
        timerOf(),
        timerOf({ name: "gone", enabled: false, pausedBecause: "function_removed", nextAt: null }),
        timerOf({ name: "over", cron: null, at: AT, nextAt: null, timezone: "UTC" }),
      ],
      nextCursor: null,
    }),
    putTimer: (call) => answered(call),
    setTimerEnabled: (call) => answered(call, { enabled: false, nextAt: null }),
    deleteTimer: (call) => void asked.push(call),
    runTimer: () => ({ invocationId: "01a1fc77-df64-7f8d-973e-e3a314b4a0b6" }),
    listTimerTicks: () => ({ ticks: [AT] }),
  });
});
after(() => platform[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<RunResult> =>
  runPiped(["timers", ...args], { url: platform.url });

test("a timer is set as its flags say; what is left out is the platform's to say", async () => {
  const cron = ["--cron", "0 8 * * *", "--timezone", "Europe/Berlin"];
  const flags = ["--app", "shop", "--function", "report", ...cron];
  const set = await run("set", "report", ...flags, "-d", '{"a":1}', "--missed", "all");
  assert.equal(set.stdout, `✓ Set report, version 2: next tick ${AT}.\n`, set.stderr);
  await run("set", "once", "--app", "shop", "--function", "report", "--at", AT, "--paused");
  const [first, second] = asked.splice(0).map(({ body }) => body as Record<string, unknown>);
  assert.deepEqual(first, {
    ...{ function: "report", cron: "0 8 * * *", timezone: "Europe/Berlin", payload: { a: 1 } },
    ...{ enabled: true, missed: "all", eventFormat: "cloudevents" },
  });
  assert.deepEqual([second?.["at"], second?.["enabled"]], [AT, false]);
});

test("a timer without an app or a function, or with both kinds of time, is refused", async () => {
  assert.match((await run("ls")).stderr, /needs --app APP/);
  assert.match((await run("set", "a", "--app", "shop")).stderr, /needs --function FN/);
  const both = ["--function", "f", "--cron", "* * * * *", "--at", AT];
  const refused = await run("set", "a", "--app", "shop", ...both);
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.stderr, /either cron or at/);
  assert.deepEqual(asked.splice(0), []);
});

test("timers are listed, paused, run, told their ticks and removed", async () => {
  const { stdout } = await run("ls", "--app", "shop");
  assert.match(stdout, /^TIMER +FUNCTION +WHEN +NEXT +LAST\n/);
  assert.match(stdout, /report +report +0 8 \* \* \* \(Europe\/Berlin\) +2030-01-01T08/);
  assert.match(stdout, /gone .* paused: no function/);
  assert.match(stdout, /over .* over/);
  assert.match((await run("pause", "report", "--app", "shop")).stdout, /Paused report/);
  assert.deepEqual(asked.splice(0)[0]?.body, { enabled: false });
  assert.match((await run("run", "report", "--app", "shop")).stdout, /^01a1fc77/);
  assert.equal((await run("next", "report", "--app", "shop")).stdout, `${AT}\n`);
  const removed = await run("rm", "report", "--app", "shop", "--yes", "--json");
  assert.deepEqual(JSON.parse(removed.stdout), { removed: "report", app: "shop" });
});

/** Schedules of provisioned instances, in time zones with and without changes of clocks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCron } from "@skerry/base";
import type { FunctionConfigInput } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { provisionAt, untilNextMinuteMs } from "./schedule.ts";

type Schedule = NonNullable<FunctionConfigInput["provisionedSchedules"]>[number];

function at(schedules: readonly Schedule[], iso: string, config: FunctionConfigInput = {}) {
  const parsed = functionConfig.parse({ ...config, provisionedSchedules: [...schedules] });
  const { instances, untilMs } = provisionAt(parsed, Date.parse(iso));
  return [instances, untilMs === undefined ? undefined : new Date(untilMs).toISOString()];
}

const NONE = [0, undefined];
const WORKDAYS = { instances: 5, cron: "0 8 * * 1-5", durationMinutes: 600 } as const;

test("a schedule holds from its start for its duration, on its days, in its time zone", () => {
  const berlin = [{ ...WORKDAYS, timezone: "Europe/Berlin" }];
  // Tuesday, 13 January 2026: Berlin is an hour ahead.
  assert.deepEqual(at(berlin, "2026-01-13T06:59:59.999Z"), NONE);
  assert.deepEqual(at(berlin, "2026-01-13T07:00:00Z"), [5, "2026-01-13T17:00:00.000Z"]);
  assert.deepEqual(at(berlin, "2026-01-13T16:59:59Z"), [5, "2026-01-13T17:00:00.000Z"]);
  assert.deepEqual(at(berlin, "2026-01-13T17:00:00Z"), NONE);
  assert.deepEqual(at(berlin, "2026-01-17T10:00:00Z"), NONE, "Saturday");
  // In July it is two hours ahead.
  assert.deepEqual(at(berlin, "2026-07-14T06:00:00Z"), [5, "2026-07-14T16:00:00.000Z"]);
  const utc = [WORKDAYS];
  assert.deepEqual(at(utc, "2026-07-14T07:59:00Z"), NONE, "UTC when nothing else is said");
  const kolkata = [{ ...WORKDAYS, timezone: "Asia/Kolkata" }];
  assert.deepEqual(at(kolkata, "2026-07-14T02:30:00Z"), [5, "2026-07-14T12:30:00.000Z"]);
});

test("the day of the schedule is the day of its time zone", () => {
  const late = [{ instances: 2, cron: "0 23 * * sun", durationMinutes: 120 }];
  const auckland = late.map((one) => ({ ...one, timezone: "Pacific/Auckland" }));
  // Sunday 23:00 in Auckland is 10:00 UTC; in Honolulu it is Monday 09:00 UTC.
  assert.deepEqual(at(auckland, "2026-01-18T11:59:00Z"), [2, "2026-01-18T12:00:00.000Z"]);
  const honolulu = late.map((one) => ({ ...one, timezone: "Pacific/Honolulu" }));
  assert.deepEqual(at(honolulu, "2026-01-19T09:00:00Z"), [2, "2026-01-19T11:00:00.000Z"]);
  assert.deepEqual(at(honolulu, "2026-01-18T10:00:00Z"), NONE);
});

test("a start that clocks skip is the moment at which they are put forward", () => {
  const night = [
    { instances: 3, cron: "30 2 * * *", durationMinutes: 30, timezone: "Europe/Berlin" },
  ];
  // On 29 March 2026 clocks go from 02:00 to 03:00 at 01:00 UTC.
  assert.deepEqual(at(night, "2026-03-29T00:59:59Z"), NONE);
  assert.deepEqual(at(night, "2026-03-29T01:00:00Z"), [3, "2026-03-29T01:30:00.000Z"]);
  assert.deepEqual(at(night, "2026-03-29T01:30:00Z"), NONE);
  assert.deepEqual(at(night, "2026-03-30T00:30:00Z"), [3, "2026-03-30T01:00:00.000Z"]);
});

test("a start that comes twice is the first of the two", () => {
  const night = [
    { instances: 3, cron: "30 2 * * *", durationMinutes: 30, timezone: "Europe/Berlin" },
  ];
  // On 25 October 2026 02:30 is at 00:30 and at 01:30 UTC.
  assert.deepEqual(at(night, "2026-10-25T00:30:00Z"), [3, "2026-10-25T01:00:00.000Z"]);
  assert.deepEqual(at(night, "2026-10-25T01:30:00Z"), NONE);
  const newYork = night.map((one) => ({
    ...one,
    cron: "30 1 * * *",
    timezone: "America/New_York",
  }));
  assert.deepEqual(at(newYork, "2026-11-01T05:30:00Z"), [3, "2026-11-01T06:00:00.000Z"]);
  assert.deepEqual(at(newYork, "2026-11-01T06:30:00Z"), NONE);
});

test("clocks that move by half an hour are followed too", () => {
  const hour = [
    { instances: 1, cron: "15 2 * * *", durationMinutes: 5, timezone: "Australia/Lord_Howe" },
  ];
  // On 4 October 2026 clocks go from 02:00 to 02:30 at 15:30 UTC of the day before.
  assert.deepEqual(at(hour, "2026-10-03T15:29:00Z"), NONE);
  assert.deepEqual(at(hour, "2026-10-03T15:30:00Z"), [1, "2026-10-03T15:35:00.000Z"]);
});

test("the duration is real time, over a change of clocks and over midnight", () => {
  const long = [
    { instances: 4, cron: "0 20 * * 6", durationMinutes: 1_440, timezone: "Europe/Berlin" },
  ];
  assert.deepEqual(at(long, "2026-03-29T18:59:00Z"), [4, "2026-03-29T19:00:00.000Z"]);
  assert.deepEqual(at(long, "2026-03-29T19:00:00Z"), NONE);
});

test("of schedules that hold at once the largest counts, never more than maxInstances", () => {
  const both = [
    { instances: 2, cron: "0 0 * * *", durationMinutes: 1_440 },
    { instances: 9, cron: "0 12 * * *", durationMinutes: 60 },
  ];
  assert.deepEqual(at(both, "2026-01-13T11:00:00Z"), [2, "2026-01-14T00:00:00.000Z"]);
  assert.deepEqual(at(both, "2026-01-13T12:30:00Z"), [9, "2026-01-13T13:00:00.000Z"]);
  assert.deepEqual(at(both, "2026-01-13T12:30:00Z", { maxInstances: 6 })[0], 6);
  const always = at(both, "2026-01-13T11:00:00Z", { provisionedInstances: 3 });
  assert.deepEqual(always, [3, undefined]);
  assert.deepEqual(at([], "2026-01-13T11:00:00Z", { provisionedInstances: 3 }), [3, undefined]);
});

test("either day is enough when the day of the month and of the week are both restricted", () => {
  const either = [{ instances: 1, cron: "0 0 13 * fri", durationMinutes: 1_440 }];
  assert.equal(at(either, "2026-01-13T10:00:00Z")[0], 1, "Tuesday the 13th");
  assert.equal(at(either, "2026-01-16T10:00:00Z")[0], 1, "a Friday");
  assert.equal(at(either, "2026-01-14T10:00:00Z")[0], 0);
});

/** The clocks of a zone by brute force: every minute, asked one by one. */
function startsByBruteForce(cron: string, timezone: string, range: readonly [string, string]) {
  const allowed = parseCron(cron);
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone,
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  });
  const seen = new Set<string>();
  const starts: number[] = [];
  const [from, to] = range.map((iso) => Date.parse(iso)) as [number, number];
  for (let ms = from; ms < to; ms += 60_000) {
    const shown = format.format(ms);
    const [, hour, minute] = /(\d\d):(\d\d)$/.exec(shown) ?? [];
    const fits =
      allowed?.hours.includes(Number(hour)) === true && allowed.minutes.includes(Number(minute));
    if (fits && !seen.has(shown)) starts.push(ms);
    seen.add(shown);
  }
  return starts;
}

test("starts are those at which the zone's clocks show the time, minute by minute over a change", () => {
  const zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"];
  for (const timezone of zones) {
    for (const range of [
      ["2026-03-07T00:00Z", "2026-03-10T00:00Z"],
      ["2026-10-24T00:00Z", "2026-10-27T00:00Z"],
    ] as const) {
      const cron = "*/30 4-23 * * *";
      const starts = startsByBruteForce(cron, timezone, range);
      for (const startMs of starts) {
        const schedule = { instances: 1, cron, timezone, durationMinutes: 1 };
        const iso = new Date(startMs).toISOString();
        assert.equal(at([schedule], iso)[0], 1, `${timezone} ${iso}`);
        assert.equal(at([schedule], new Date(startMs - 60_000).toISOString())[0], 0, timezone);
      }
    }
  }
});

test("what is no cron expression, or no time zone, is refused", () => {
  const bad = ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "5-1 * * * *"];
  for (const text of [...bad, "a * * * *", "*/0 * * * *", "* * * * 8", "1,,2 * * * *", "@daily"]) {
    assert.equal(parseCron(text), undefined, text);
  }
  const schedule = { instances: 1, cron: "0 8 * * *", durationMinutes: 60 };
  const refused = (change: object): boolean =>
    !functionConfig.safeParse({ provisionedSchedules: [{ ...schedule, ...change }] }).success;
  assert.ok(refused({ timezone: "Mars/Base" }) && refused({ cron: "no" }));
  assert.ok(!refused({}));
  assert.deepEqual(parseCron("0 8 * jan-mar mon,7")?.weekdays, [0, 1]);
  assert.deepEqual(parseCron("10-40/15 8 * jan-mar *")?.minutes, [10, 25, 40]);
});

test("the next look is at the next full minute", () => {
  assert.deepEqual([0, 1, 59_999, 60_000].map(untilNextMinuteMs), [60_000, 59_999, 1, 60_000]);
});

/** What is a cron expression, and what is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCron } from "./cron.ts";

const BAD = [
  ...["", "* * * *", "* * * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *"],
  ...["* * * 13 *", "* * * * 8", "5-1 * * * *", "a * * * *", "*/0 * * * *", "1,,2 * * * *"],
  ...["@daily", "? * * * *", "* ? * * *", "* * * ? *", "*-5 * * * *", "1- * * * *", "-1 * * * *"],
  ...["* * L-31 * *", "* * 32W * *", "* * 0W * *", "* * W * *", "* * 1-5W * *", "* * * * L"],
  ...["* * * * 8L", "* * * * mon#6", "* * * * mon#0", "* * * * foo#1", "* * * * * * 1969"],
  ...["* * * * * * 2100", "60 * * * * *", "* * * * mon-", "* * * feb/ *", "* * * janfeb *"],
  ` ${"1,".repeat(200)}1 * * * *`,
];

test("what is no cron expression is refused, whatever it looks like", () => {
  for (const text of BAD) assert.equal(parseCron(text), undefined, text);
});

test("five fields are of minutes, six have seconds before them and seven a year behind them", () => {
  assert.deepEqual(parseCron("5 * * * *")?.minutes, [5]);
  assert.deepEqual(parseCron("5 * * * *")?.seconds, [0]);
  assert.deepEqual(parseCron("7 5 * * * *")?.seconds, [7]);
  assert.deepEqual(parseCron("7 5 * * * *")?.minutes, [5]);
  assert.equal(parseCron("7 5 * * * *")?.years, undefined);
  assert.deepEqual(parseCron("0 0 0 1 1 ? 2030-2034/2")?.years, [2030, 2032, 2034]);
  assert.deepEqual(
    ["0 0 * * *", "0 0 0 * * *", "0 0 0 * * * *"].map((text) => parseCron(text)?.fields),
    [5, 6, 7],
  );
});

test("lists, ranges, steps and names are values, in any case, sorted and once each", () => {
  const cron = parseCron("40,10-40/15 1,1 1-3,2 JAN-mar/2,dec mon,SUN,7");
  assert.deepEqual(cron?.minutes, [10, 25, 40]);
  assert.deepEqual(cron?.hours, [1]);
  assert.deepEqual(cron?.days, [1, 2, 3]);
  assert.deepEqual(cron?.months, [1, 3, 12]);
  assert.deepEqual(cron?.weekdays, [0, 1]);
  assert.deepEqual(parseCron("50/4 * * * *")?.minutes, [50, 54, 58]);
  assert.deepEqual(parseCron("0 0 * * fri-7")?.weekdays, [0, 5, 6]);
});

test("L, W and # name days that differ from month to month", () => {
  const cron = parseCron("0 0 L,L-2,15W,LW,3 * 5L,mon#2,SUN#1");
  assert.deepEqual(cron?.daysFromLast, [0, 2]);
  assert.deepEqual(cron?.nearestWeekdays, [15, 0]);
  assert.deepEqual(cron?.days, [3]);
  assert.deepEqual(cron?.nthWeekdays, [
    { weekday: 5, nth: 0 },
    { weekday: 1, nth: 2 },
    { weekday: 0, nth: 1 },
  ]);
});

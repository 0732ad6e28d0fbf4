/** The moments that expressions mean: tables of changed clocks, brute force, and another's mind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cron as Croner } from "croner";
import { nextTick, previousTick } from "./cron-ticks.ts";
import { parseCron, type Cron } from "./cron.ts";
import { seededRandom } from "./random.ts";
import { openTimeZone } from "./time-zone.ts";

const DAY_MS = 86_400_000;

function parsed(text: string): Cron {
  const cron = parseCron(text);
  assert.ok(cron !== undefined, text);
  return cron;
}

/** Ticks in [from, to), by going forward; checks that going back meets the same. */
function ticksIn(text: string, timezone: string, [from, to]: readonly [string, string]) {
  const [cron, zone] = [parsed(text), openTimeZone(timezone)];
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const forward: number[] = [];
  for (
    let at = nextTick(cron, zone, fromMs - 1);
    at !== undefined && at < toMs;
    at = nextTick(cron, zone, at)
  ) {
    forward.push(at);
  }
  const back: number[] = [];
  for (
    let at = previousTick(cron, zone, toMs - 1);
    at !== undefined && at >= fromMs;
    at = previousTick(cron, zone, at - 1)
  ) {
    back.push(at);
  }
  assert.deepEqual(back.reverse(), forward, `${text} ${timezone}: there and back`);
  return forward.map((ms) => new Date(ms).toISOString().replace(":00.000Z", ""));
}

interface Change {
  readonly says: string;
  readonly timezone: string;
  readonly cron: string;
  readonly range: readonly [string, string];
  readonly ticks: readonly string[];
}

/** Berlin: 02:00 → 03:00 on 29 March 2026 at 01:00 UTC, 03:00 → 02:00 on 25 October at 01:00. */
const SPRING = ["2026-03-28T23:00Z", "2026-03-29T02:01Z"] as const;
const AUTUMN = ["2026-10-24T23:00Z", "2026-10-25T02:31Z"] as const;
const CHANGES: readonly Change[] = [
  {
    says: "a time that clocks skip is when they have skipped it",
    ...{ timezone: "Europe/Berlin", cron: "30 2 * * *", range: SPRING },
    ticks: ["2026-03-29T01:00"],
  },
  {
    says: "many that are skipped are one, also with a regular one at the same moment",
    ...{ timezone: "Europe/Berlin", cron: "*/20 2,3 * * *", range: SPRING },
    ticks: ["2026-03-29T01:00", "2026-03-29T01:20", "2026-03-29T01:40"],
  },
  {
    says: "what repeats in every hour leaves skipped times out",
    ...{ timezone: "Europe/Berlin", cron: "30 * * * *", range: SPRING },
    ticks: ["2026-03-28T23:30", "2026-03-29T00:30", "2026-03-29T01:30"],
  },
  {
    says: "a time that comes twice is the first",
    ...{ timezone: "Europe/Berlin", cron: "30 2 * * *", range: AUTUMN },
    ticks: ["2026-10-25T00:30"],
  },
  {
    says: "what repeats in every hour goes on while clocks show an hour again",
    ...{ timezone: "Europe/Berlin", cron: "30 */1 * * *", range: AUTUMN },
    ticks: ["2026-10-24T23:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"],
  },
  {
    says: "a change by half an hour is followed",
    ...{ timezone: "Australia/Lord_Howe", cron: "15 2 * * *" },
    range: ["2026-10-03T00:00Z", "2026-10-05T00:00Z"],
    ticks: ["2026-10-03T15:30", "2026-10-04T15:15"],
  },
  {
    says: "a midnight that clocks skip is one o'clock, of the same day",
    ...{ timezone: "Africa/Cairo", cron: "0 0 * * *" },
    range: ["2026-04-22T12:00Z", "2026-04-25T12:00Z"],
    ticks: ["2026-04-22T22:00", "2026-04-23T22:00", "2026-04-24T21:00"],
  },
  {
    says: "a whole day that a zone left out is the beginning of the next",
    ...{ timezone: "Pacific/Apia", cron: "0 12 * * *" },
    range: ["2011-12-29T10:00Z", "2012-01-01T10:00Z"],
    ticks: ["2011-12-29T22:00", "2011-12-30T10:00", "2011-12-30T22:00", "2011-12-31T22:00"],
  },
];

for (const { says, timezone, cron, range, ticks } of CHANGES) {
  test(`${says} (${cron}, ${timezone})`, () => {
    assert.deepEqual(ticksIn(cron, timezone, range), ticks);
  });
}

test("ticks are those at which the zone's clocks show a fitting time, minute by minute", () => {
  const zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"];
  for (const timezone of zones) {
    const shows = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, timeStyle: "short" });
    for (const day of ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01"]) {
      const fromMs = Date.parse(`${day}T00:00Z`) - DAY_MS / 2;
      const shown: string[] = [];
      for (let ms = fromMs; ms < fromMs + 2 * DAY_MS; ms += 60_000) {
        if (shows.format(ms).endsWith(":20"))
          shown.push(new Date(ms).toISOString().replace(":00.000Z", ""));
      }
      const range = [fromMs, fromMs + 2 * DAY_MS].map((ms) => new Date(ms).toISOString());
      const found = ticksIn("20 * * * *", timezone, range as [string, string]);
      assert.deepEqual(found, shown, `${timezone} ${day}`);
    }
  }
});

test("L, W, # and years are the days of the calendar", () => {
  const in2026 = ["2026-01-01T00:00Z", "2027-01-01T00:00Z"] as const;
  const days = (text: string): readonly string[] =>
    ticksIn(text, "UTC", in2026).map((iso) => iso.slice(5, 10));
  assert.deepEqual(days("0 0 L 2,3 *"), ["02-28", "03-31"]);
  assert.deepEqual(days("0 0 L-2 2 *"), ["02-26"]);
  // 31 January 2026 is a Saturday; 28 February too; 1 March a Sunday, 1 August a Saturday.
  assert.deepEqual(days("0 0 LW 1,2 ?"), ["01-30", "02-27"]);
  assert.deepEqual(days("0 0 1W 3,8 *"), ["03-02", "08-03"]);
  assert.deepEqual(days("0 0 31W 1,5 *"), ["01-30", "05-29"]);
  assert.deepEqual(days("0 0 * 1,2 5L"), ["01-30", "02-27"]);
  assert.deepEqual(days("0 0 * 1,2 mon#2"), ["01-12", "02-09"]);
  assert.deepEqual(days("0 0 ? 1-5 sun#5"), ["03-29", "05-31"]);
  assert.deepEqual(days("0 0 13 1 fri"), ["01-02", "01-09", "01-13", "01-16", "01-23", "01-30"]);
  assert.deepEqual(days("0 0 0 1 1 * 2027"), []);
  assert.deepEqual(days("0 0 0 1 1 * 2025-2027/1"), ["01-01"]);
});

test("what never comes, or comes in decades, is found out without looping long", () => {
  const berlin = openTimeZone("Europe/Berlin");
  const fromMs = Date.UTC(2026, 0, 1);
  for (const text of ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *", "* * * * * * 2025"]) {
    const startMs = performance.now();
    assert.equal(nextTick(parsed(text), berlin, fromMs), undefined, text);
    assert.ok(performance.now() - startMs < 5_000, text);
  }
  const rare = nextTick(parsed("0 0 0 29 2 ? 2096"), berlin, fromMs);
  assert.equal(rare, Date.parse("2096-02-28T23:00Z"));
  assert.equal(previousTick(parsed("0 0 30 2 *"), berlin, fromMs), undefined);
  assert.equal(previousTick(parsed("0 0 0 1 1 * 2027"), berlin, fromMs), undefined);
  assert.equal(nextTick(parsed("* * * * * *"), berlin, Date.UTC(2099, 11, 31, 23)), undefined);
});

/** A field that another implementation reads alike. */
function randomField(random: () => number, [min, max]: readonly [number, number]): string {
  const pick = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const kind = pick(0, 4);
  if (kind === 0) return "*";
  const first = pick(min, max);
  if (kind === 1) return String(first);
  if (kind === 2) return `${first},${pick(min, max)}`;
  const last = pick(first, max);
  return kind === 3 ? `${first}-${last}` : `${first}-${last}/${pick(1, Math.max(1, max - min))}`;
}

const OF_MONTH = ["L", "15W", "LW", "1W"];
const OF_WEEK = ["FRI#L", "MON#2", "WED#5", "SUN#1"];

test("an independent implementation agrees on random expressions and times", () => {
  const source = seededRandom(20_261_121);
  const random = (): number => source.float();
  const one = (of: readonly string[]): string => of[Math.floor(random() * of.length)] ?? "*";
  let compared = 0;
  for (let n = 0; n < 500; n += 1) {
    const special = random() < 0.3;
    const day = special ? one([...OF_MONTH, "*"]) : randomField(random, [1, 31]);
    const weekday =
      special && day === "*" ? one(OF_WEEK) : special ? "*" : randomField(random, [0, 6]);
    const clock = [59, 59, 23].map((max) => randomField(random, [0, max]));
    const fields = [...clock, day, randomField(random, [1, 12]), weekday];
    const text = fields.join(" ");
    const cron = parsed(text.replace("#L", "L"));
    // Where clocks change, implementations differ and ours has tables of its own.
    const timezone = one(["UTC", "Asia/Kolkata", "Asia/Shanghai", "America/Phoenix"]);
    const zone = openTimeZone(timezone);
    const other = new Croner(text, { timezone, paused: true });
    let atMs = Date.UTC(2025, 0, 1) + Math.floor(random() * 4 * 365 * DAY_MS);
    for (let k = 0; k < 4; k += 1) {
      const theirs = other.nextRun(new Date(atMs))?.getTime();
      const ours = nextTick(cron, zone, atMs);
      if (theirs === undefined) break;
      assert.equal(ours, theirs, `${text} in ${timezone} after ${new Date(atMs).toISOString()}`);
      assert.equal(previousTick(cron, zone, theirs), theirs);
      assert.ok((previousTick(cron, zone, theirs - 1) ?? 0) <= atMs, text);
      atMs = theirs;
      compared += 1;
    }
  }
  assert.ok(compared > 1_500, `${compared} were compared`);
});

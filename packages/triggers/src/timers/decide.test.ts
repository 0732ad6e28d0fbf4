/** Which ticks run: on time, late, missed under each policy, and after a clock was set back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTimeZone, type TimerId } from "@skerry/base";
import type { MissedPolicy } from "@skerry/api-schema";
import { BYTES_EVENT_TYPE, LIMITS } from "@skerry/contracts";
import { readCloudEvent } from "../bus/cloud-event.ts";
import { decideTicks, firstTick, rewoundTick, TIMER_BOUNDS, ticksToCome } from "./decide.ts";
import { eventOfTick, tickId } from "./event.ts";

const UTC = openTimeZone("UTC");
const NOON = Date.parse("2026-11-21T12:00:00Z");
const MINUTE = 60_000;
const MINUTELY = { cron: "* * * * *", atMs: null } as const;

/** Times as minutes after noon. */
function decided(
  missed: MissedPolicy,
  at: { readonly dueMin: number; readonly nowMs: number; readonly cron?: string },
) {
  const { dueMin, nowMs, cron = MINUTELY.cron } = at;
  const timer = { cron, atMs: null, missed, nextMs: NOON + dueMin * MINUTE };
  const { ticks, nextMs, skipped } = decideTicks(timer, UTC, NOON + nowMs);
  return {
    ticks: ticks.map((ms) => (ms - NOON) / MINUTE),
    next: nextMs === null ? null : (nextMs - NOON) / MINUTE,
    skipped,
  };
}

for (const missed of ["skip", "once", "all"] as const) {
  test(`a tick on time, or late by ten seconds, runs and nothing is left out (${missed})`, () => {
    const expected = { ticks: [0], next: 1, skipped: 0 };
    assert.deepEqual(decided(missed, { dueMin: 0, nowMs: 0 }), expected);
    assert.deepEqual(decided(missed, { dueMin: 0, nowMs: 10_000 }), expected);
  });
}

test("of an hour away, none, the last or all of the missed ticks run, and one on time as ever", () => {
  const away = { dueMin: 0, nowMs: 60 * MINUTE + 30_000 };
  assert.deepEqual(decided("skip", away), { ticks: [], next: 61, skipped: 61 });
  assert.deepEqual(decided("once", away), { ticks: [60], next: 61, skipped: 60 });
  const all = decided("all", away);
  assert.equal(all.ticks.length, 61);
  assert.deepEqual([all.ticks[0], all.ticks.at(-1), all.next, all.skipped], [0, 60, 61, 0]);
  const back = { dueMin: 0, nowMs: 60 * MINUTE + 5_000 };
  assert.deepEqual(decided("skip", back), { ticks: [60], next: 61, skipped: 60 });
  assert.deepEqual(decided("once", back), { ticks: [59, 60], next: 61, skipped: 59 });
});

test("all is entered in portions, oldest first, and cut at its bound, which is counted", () => {
  const portion = TIMER_BOUNDS.ticksAtOnceMax;
  const first = decided("all", { dueMin: 0, nowMs: 150 * MINUTE });
  assert.deepEqual([first.ticks.length, first.next, first.skipped], [portion, portion, 0]);
  const second = decided("all", { dueMin: portion, nowMs: 150 * MINUTE });
  assert.deepEqual([second.ticks.length, second.next], [51, 151]);
  const many = decided("all", { dueMin: 0, nowMs: 3_000 * MINUTE });
  // The last one is on time, and not one of the missed.
  const oldest = 3_000 - LIMITS.timerMissedTicksMax;
  assert.deepEqual([many.ticks[0], many.next], [oldest, oldest + portion]);
  assert.equal(many.skipped, TIMER_BOUNDS.skippedCountMax);
});

test("a year away costs a bounded look, even of a tick each second", () => {
  const at = { dueMin: 0, nowMs: 365 * 1_440 * MINUTE, cron: "* * * * * *" };
  const startMs = performance.now();
  assert.equal(decided("skip", at).ticks.length, 11);
  assert.equal(decided("all", at).ticks.length, TIMER_BOUNDS.ticksAtOnceMax);
  assert.ok(performance.now() - startMs < 5_000);
});

test("a timer for once runs once, or not at all when it is late and skips", () => {
  const once = (missed: MissedPolicy, nowMs: number) =>
    decideTicks({ cron: null, atMs: NOON, missed, nextMs: NOON }, UTC, NOON + nowMs);
  assert.deepEqual(once("skip", 5_000), { ticks: [NOON], nextMs: null, skipped: 0 });
  assert.deepEqual(once("skip", MINUTE), { ticks: [], nextMs: null, skipped: 1 });
  assert.deepEqual(once("once", MINUTE), { ticks: [NOON], nextMs: null, skipped: 0 });
});

test("the last tick there is leaves none to come", () => {
  const timer = { cron: "0 0 12 21 11 ? 2026", atMs: null, missed: "once", nextMs: NOON } as const;
  assert.deepEqual(decideTicks(timer, UTC, NOON), { ticks: [NOON], nextMs: null, skipped: 0 });
});

test("a clock that was set back makes earlier ticks the next ones; a right one changes nothing", () => {
  const timer = { ...MINUTELY, nextMs: NOON + MINUTE };
  assert.equal(rewoundTick(timer, UTC, NOON + 1), undefined);
  assert.equal(rewoundTick(timer, UTC, NOON - 60 * MINUTE), NOON - 59 * MINUTE);
  assert.equal(rewoundTick({ cron: null, atMs: NOON, nextMs: NOON }, UTC, 0), undefined);
});

test("what has no time to come is refused when it is made", () => {
  const spec = { cron: "0 0 30 2 *", atMs: null, timezone: "UTC" };
  assert.throws(() => firstTick(spec, UTC, NOON), { reason: "TIMER_NEVER_TICKS" });
  assert.equal(firstTick({ ...spec, cron: "0 13 * * *" }, UTC, NOON), NOON + 60 * MINUTE);
  assert.equal(firstTick({ ...spec, cron: null, atMs: NOON - 1 }, UTC, NOON), NOON - 1);
});

test("ticks to come are told in order, as many as asked for", () => {
  const now = { nowMs: NOON, count: 2 };
  const cron = ticksToCome({ ...MINUTELY, lastMs: null }, UTC, now);
  assert.deepEqual(cron, [NOON + MINUTE, NOON + 2 * MINUTE]);
  const once = { cron: null, atMs: NOON };
  assert.deepEqual(ticksToCome({ ...once, lastMs: null }, UTC, now), [NOON]);
  assert.deepEqual(ticksToCome({ ...once, lastMs: NOON }, UTC, now), []);
});

test("one tick has one id, whoever makes it, and its form is that of others", () => {
  const timer = "tmr_01jzzzzzzzzzzzzzzzzzzzzzzz" as TimerId;
  assert.equal(tickId(timer, NOON), tickId(timer, NOON));
  assert.notEqual(tickId(timer, NOON), tickId(timer, NOON + 1_000));
  assert.notEqual(tickId(timer, NOON), tickId("tmr_01jzzzzzzzzzzzzzzzzzzzzzzy" as TimerId, NOON));
  assert.notEqual(tickId(timer, -1), tickId(timer, -2), "times before 1970 have ids, too");
  const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(tickId(timer, NOON), uuid7);
  assert.equal(Number.parseInt(tickId(timer, NOON).replaceAll("-", "").slice(0, 12), 16), NOON);
});

test("the event has the shape that its timer asks for", () => {
  const timer = { name: "EveryDay", app: "shop", payload: '{"a":1}' };
  const id = tickId("tmr_1" as TimerId, NOON);
  const tick = { id, scheduledMs: NOON, firedMs: NOON + 7 };
  const event = (more: object, type?: string): unknown => {
    const { ct, payload } = eventOfTick({ ...timer, eventFormat: "skerry", ...more }, tick);
    assert.equal(ct, type);
    return JSON.parse(Buffer.from(payload).toString());
  };
  assert.deepEqual(event({}), {
    ...{ type: "timer", timer: "EveryDay", app: "shop", payload: { a: 1 } },
    ...{ scheduledAt: "2026-11-21T12:00:00.000Z", firedAt: "2026-11-21T12:00:00.007Z" },
  });
  const cloud = event({ eventFormat: "cloudevents" }, "application/cloudevents+json");
  assert.deepEqual(cloud, {
    ...{ specversion: "1.0", id, source: "/apps/shop/timers/EveryDay", subject: "EveryDay" },
    ...{ type: "skerry.timer.tick", time: "2026-11-21T12:00:00.000Z" },
    datacontenttype: "application/json",
    data: {
      ...{ timer: "EveryDay", app: "shop", payload: { a: 1 } },
      ...{ scheduledAt: "2026-11-21T12:00:00.000Z", firedAt: "2026-11-21T12:00:00.007Z" },
    },
  });
  const own = { ...(cloud as object), type: "timer.tick" };
  assert.ok(readCloudEvent(own, { id: "", timeMs: 0 }).ok, "it is a CloudEvent");
  assert.deepEqual(event({ eventFormat: "scf" }), {
    ...{ Type: "Timer", TriggerName: "EveryDay", Time: "2026-11-21T12:00:00Z" },
    Message: '{"a":1}',
  });
  assert.deepEqual(event({ eventFormat: "fc", payload: '"str"' }, BYTES_EVENT_TYPE), {
    ...{ triggerTime: "2026-11-21T12:00:00Z", triggerName: "EveryDay", payload: "str" },
  });
  assert.deepEqual(event({ eventFormat: "scf", payload: null }), {
    ...{ Type: "Timer", TriggerName: "EveryDay", Time: "2026-11-21T12:00:00Z", Message: "" },
  });
  assert.deepEqual(event({ eventFormat: "lambda", payload: null }), {
    ...{ version: "0", id, "detail-type": "Scheduled Event", source: "aws.events" },
    ...{ account: "000000000000", time: "2026-11-21T12:00:00Z", region: "skerry" },
    resources: ["arn:aws:events:skerry:000000000000:rule/EveryDay"],
    detail: {},
  });
  assert.deepEqual(event({ eventFormat: "lambda" }), { a: 1 }, "constant input, as EventBridge");
});

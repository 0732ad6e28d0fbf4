/**
 * The moments that a cron expression means in a time zone. Pure, and bounded: years end with
 * `CRON_YEARS`, and of each month only the days that fit are looked at.
 *
 * Where clocks change:
 *  - An expression that names hours (`30 2 * * *`) means times of the day. One that clocks skip is
 *    when they have skipped it, once, however many were skipped; one that clocks show twice is the
 *    first.
 *  - One that repeats in every hour (its hours begin with `*`) means elapsed time: it follows what
 *    clocks show, so that skipped times are not there and repeated times come twice.
 */
import { CRON_YEARS, type Cron } from "./cron.ts";
import type { TimeZone } from "./time-zone.ts";

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** The first tick after a moment, wall milliseconds; undefined when there is none any more. */
export function nextTick(cron: Cron, zone: TimeZone, afterMs: number): number | undefined {
  let fromMs = (Math.floor(afterMs / SECOND_MS) + 1) * SECOND_MS;
  for (;;) {
    const { fromMs: beginMs, toMs, offsetMs, offsetBeforeMs } = zone.stretchAt(fromMs);
    const skipped = cron.isHourFree ? 0 : offsetMs - offsetBeforeMs;
    if (skipped > 0 && fromMs === beginMs) {
      const gapMs = nextLocal(cron, beginMs + offsetBeforeMs);
      if (gapMs !== undefined && gapMs < beginMs + offsetMs) return beginMs;
    }
    const firstMs = skipped < 0 ? Math.max(fromMs, beginMs - skipped) : fromMs;
    const localMs = nextLocal(cron, firstMs + offsetMs);
    if (localMs !== undefined && localMs < toMs + offsetMs) return localMs - offsetMs;
    if (new Date(toMs).getUTCFullYear() > CRON_YEARS.max + 1 || toMs === Infinity) return undefined;
    // Nothing fits on the way, unless clocks are about to be put back.
    const isCalm = toMs - fromMs > 2 * DAY_MS;
    if (isCalm && localMs === undefined) return undefined;
    fromMs = isCalm ? Math.max(toMs, (localMs ?? 0) - 2 * DAY_MS) : toMs;
  }
}

/** The last tick at or before a moment, wall milliseconds; undefined when there was none. */
export function previousTick(cron: Cron, zone: TimeZone, atMs: number): number | undefined {
  let lastMs = Math.floor(atMs / SECOND_MS) * SECOND_MS;
  for (;;) {
    const { fromMs: beginMs, offsetMs, offsetBeforeMs } = zone.stretchAt(lastMs);
    const skipped = cron.isHourFree ? 0 : offsetMs - offsetBeforeMs;
    const firstMs = skipped < 0 ? beginMs - skipped : beginMs;
    const localMs = previousLocal(cron, lastMs + offsetMs);
    if (localMs !== undefined && localMs >= firstMs + offsetMs) return localMs - offsetMs;
    if (skipped > 0) {
      const gapMs = nextLocal(cron, beginMs + offsetBeforeMs);
      if (gapMs !== undefined && gapMs < beginMs + offsetMs) return beginMs;
    }
    if (beginMs === -Infinity || beginMs < 0) return undefined;
    const isCalm = lastMs - beginMs > 2 * DAY_MS;
    if (isCalm && localMs === undefined) return undefined;
    const earlierMs = beginMs - SECOND_MS;
    lastMs = isCalm ? Math.min(earlierMs, (localMs ?? 0) + 2 * DAY_MS) : earlierMs;
  }
}

/** The first fitting local time at or after one, both as if they were UTC. */
function nextLocal(cron: Cron, fromMs: number): number | undefined {
  const from = new Date(fromMs);
  const [year, month] = [from.getUTCFullYear(), from.getUTCMonth()];
  const { min, max } = CRON_YEARS;
  for (let y = Math.max(year, min); y <= max; y += 1) {
    if (cron.years?.includes(y) === false) continue;
    for (let m = y === year ? month : 0; m < 12; m += 1) {
      for (const day of daysOfMonth(cron, y, m)) {
        const dayMs = Date.UTC(y, m, day);
        if (dayMs + DAY_MS <= fromMs) continue;
        const time = nextTime(cron, Math.max(0, (fromMs - dayMs) / SECOND_MS));
        if (time !== undefined) return dayMs + time * SECOND_MS;
      }
    }
  }
  return undefined;
}

/** The last fitting local time at or before one. */
function previousLocal(cron: Cron, toMs: number): number | undefined {
  const to = new Date(toMs);
  const [year, month] = [to.getUTCFullYear(), to.getUTCMonth()];
  const { min, max } = CRON_YEARS;
  for (let y = Math.min(year, max); y >= min; y -= 1) {
    if (cron.years?.includes(y) === false) continue;
    for (let m = y === year ? month : 11; m >= 0; m -= 1) {
      for (const day of daysOfMonth(cron, y, m).toReversed()) {
        const dayMs = Date.UTC(y, m, day);
        if (dayMs > toMs) continue;
        const time = previousTime(cron, Math.min(86_399, (toMs - dayMs) / SECOND_MS));
        if (time !== undefined) return dayMs + time * SECOND_MS;
      }
    }
  }
  return undefined;
}

/** Seconds of the day, at or after `at`. */
function nextTime({ hours, minutes, seconds }: Cron, at: number): number | undefined {
  const [hour, minute, second] = [Math.floor(at / 3_600), Math.floor(at / 60) % 60, at % 60];
  if (hours.includes(hour)) {
    const exact = minutes.includes(minute) ? seconds.find((one) => one >= second) : undefined;
    if (exact !== undefined) return hour * 3_600 + minute * 60 + exact;
    const later = minutes.find((one) => one > minute);
    if (later !== undefined) return hour * 3_600 + later * 60 + (seconds[0] ?? 0);
  }
  const next = hours.find((one) => one > hour);
  return next === undefined ? undefined : next * 3_600 + (minutes[0] ?? 0) * 60 + (seconds[0] ?? 0);
}

/** Seconds of the day, at or before `at`. */
function previousTime({ hours, minutes, seconds }: Cron, at: number): number | undefined {
  const [hour, minute, second] = [Math.floor(at / 3_600), Math.floor(at / 60) % 60, at % 60];
  const last = seconds.at(-1) ?? 0;
  if (hours.includes(hour)) {
    const exact = minutes.includes(minute) ? seconds.findLast((one) => one <= second) : undefined;
    if (exact !== undefined) return hour * 3_600 + minute * 60 + exact;
    const earlier = minutes.findLast((one) => one < minute);
    if (earlier !== undefined) return hour * 3_600 + earlier * 60 + last;
  }
  const before = hours.findLast((one) => one < hour);
  return before === undefined ? undefined : before * 3_600 + (minutes.at(-1) ?? 0) * 60 + last;
}

/** Fitting days of a month, which counts from 0. */
function daysOfMonth(cron: Cron, year: number, month: number): readonly number[] {
  if (!cron.months.includes(month + 1)) return [];
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const first = new Date(Date.UTC(year, month, 1)).getUTCDay();
  const fitting: number[] = [];
  for (let day = 1; day <= length; day += 1) {
    const weekday = (first + day - 1) % 7;
    const isDay = fitsDay(cron, { day, weekday, length });
    const isWeekday = fitsWeekday(cron, { day, weekday, length });
    const isEither = !cron.isDayFree && !cron.isWeekdayFree;
    if (isEither ? isDay || isWeekday : isDay && isWeekday) fitting.push(day);
  }
  return fitting;
}

interface MonthDay {
  readonly day: number;
  readonly weekday: number;
  /** Days of the month. */
  readonly length: number;
}

function fitsDay({ days, daysFromLast, nearestWeekdays }: Cron, at: MonthDay): boolean {
  const { day, weekday, length } = at;
  if (days.includes(day) || daysFromLast.includes(length - day)) return true;
  if (weekday === 0 || weekday === 6) return false;
  return nearestWeekdays.some((near) => {
    const wanted = near === 0 ? length : near;
    const wantedWeekday = (weekday + wanted - day + 35) % 7;
    return wanted <= length && day === wanted + shiftOf(wantedWeekday, wanted, length);
  });
}

/** Days to the nearest Monday to Friday of the same month. */
function shiftOf(weekday: number, day: number, length: number): number {
  if (weekday === 6) return day === 1 ? 2 : -1;
  if (weekday === 0) return day === length ? -2 : 1;
  return 0;
}

function fitsWeekday({ weekdays, nthWeekdays }: Cron, at: MonthDay): boolean {
  const { day, weekday, length } = at;
  if (weekdays.includes(weekday)) return true;
  const nth = Math.ceil(day / 7);
  const isLast = day + 7 > length;
  return nthWeekdays.some(
    (one) => one.weekday === weekday && (one.nth === 0 ? isLast : one.nth === nth),
  );
}

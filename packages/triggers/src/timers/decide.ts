/**
 * Which ticks of a due timer are entered, and what its next one is. Pure and bounded: of many
 * missed ticks only those that may run are looked at one by one.
 *
 * A tick that is late by no more than `TIMER_BOUNDS.lateMsMax` is not missed: it runs whatever the
 * policy. Times are those of the wall clock, and a timer never goes back by itself: what a clock
 * that is set back makes due again is found by `rewoundTick`.
 */
import { assert, nextTick, parseCron, previousTick, type Cron, type TimeZone } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { failTimer } from "./errors.ts";
import type { TimerRecord, TimerSpec } from "./tables.ts";

export const TIMER_BOUNDS = {
  /** Later than this is missed. */
  lateMsMax: 10_000,
  /** Ticks of one timer that are entered in one transaction. */
  ticksAtOnceMax: 100,
  /** Ticks that are left out are counted up to this number. */
  skippedCountMax: 1_000,
} as const;

export interface TickDecision {
  /** Scheduled times of the ticks to enter, oldest first. */
  readonly ticks: readonly number[];
  /** At or before now when there are more ticks than are entered at once. */
  readonly nextMs: number | null;
  /** Ticks that the policy leaves out. */
  readonly skipped: number;
}

type Scheduled = Pick<TimerSpec, "cron" | "atMs">;

/** Of a timer whose tick `nextMs` is due. */
export function decideTicks(
  timer: Scheduled & Pick<TimerRecord, "missed" | "nextMs">,
  zone: TimeZone,
  nowMs: number,
): TickDecision {
  const { missed, nextMs: dueMs } = timer;
  assert(dueMs !== null && dueMs <= nowMs, "the timer is due");
  const onTimeMs = nowMs - TIMER_BOUNDS.lateMsMax;
  if (timer.cron === null) {
    const isLeftOut = missed === "skip" && dueMs < onTimeMs;
    return { ticks: isLeftOut ? [] : [dueMs], nextMs: null, skipped: isLeftOut ? 1 : 0 };
  }
  const cron = cronOf(timer.cron);
  const back = { cron, zone, dueMs };
  const { kept, restMs } = keptTicks(back, { latestMs: nowMs, onTimeMs, missed });
  const skipped = countBack(back, restMs);
  const ticks = kept.slice(0, TIMER_BOUNDS.ticksAtOnceMax);
  const later = kept[ticks.length];
  return { ticks, nextMs: later ?? nextTick(cron, zone, nowMs) ?? null, skipped };
}

interface Back {
  readonly cron: Cron;
  readonly zone: TimeZone;
  /** The first tick that counts. */
  readonly dueMs: number;
}

/** Walks back from the latest tick to those that the policy keeps; `restMs` is where it stopped. */
function keptTicks(
  { cron, zone, dueMs }: Back,
  policy: {
    readonly latestMs: number;
    readonly onTimeMs: number;
    readonly missed: TimerRecord["missed"];
  },
): { readonly kept: readonly number[]; readonly restMs: number } {
  const { latestMs, onTimeMs, missed } = policy;
  const missedMax = { skip: 0, once: 1, all: LIMITS.timerMissedTicksMax }[missed];
  const kept: number[] = [];
  let missedKept = 0;
  let atMs = latestMs;
  for (;;) {
    const tickMs = previousTick(cron, zone, atMs);
    if (tickMs === undefined || tickMs < dueMs) return { kept, restMs: dueMs - 1 };
    if (tickMs < onTimeMs) missedKept += 1;
    if (missedKept > missedMax) return { kept, restMs: tickMs };
    kept.unshift(tickMs);
    atMs = tickMs - 1;
  }
}

/** How many ticks there are from `dueMs` to `lastMs`; no more than are counted. */
function countBack({ cron, zone, dueMs }: Back, lastMs: number): number {
  let count = 0;
  let atMs = lastMs;
  while (count < TIMER_BOUNDS.skippedCountMax) {
    const tickMs = previousTick(cron, zone, atMs);
    if (tickMs === undefined || tickMs < dueMs) return count;
    count += 1;
    atMs = tickMs - 1;
  }
  return count;
}

/**
 * The tick that a timer should wait for when that is earlier than the one it waits for: the wall
 * clock was set back. Undefined when it stands right.
 */
export function rewoundTick(
  timer: Scheduled & Pick<TimerRecord, "nextMs">,
  zone: TimeZone,
  nowMs: number,
): number | undefined {
  if (timer.cron === null || timer.nextMs === null) return undefined;
  const tickMs = nextTick(cronOf(timer.cron), zone, nowMs);
  return tickMs !== undefined && tickMs < timer.nextMs ? tickMs : undefined;
}

/** The first tick of what a timer is set to. Throws TIMER_NEVER_TICKS. */
export function firstTick(
  { cron, atMs, timezone }: Pick<TimerSpec, "cron" | "atMs" | "timezone">,
  zone: TimeZone,
  nowMs: number,
): number {
  const tickMs = cron === null ? atMs : nextTick(cronOf(cron), zone, nowMs);
  if (typeof tickMs === "number") return tickMs;
  throw failTimer("TIMER_NEVER_TICKS", { cron, timezone });
}

/** The next ticks after now, at most `count`. */
export function ticksToCome(
  { cron, atMs, lastMs }: Scheduled & Pick<TimerRecord, "lastMs">,
  zone: TimeZone,
  { nowMs, count }: { readonly nowMs: number; readonly count: number },
): readonly number[] {
  if (cron === null) return atMs === null || atMs === lastMs ? [] : [atMs];
  const ticks: number[] = [];
  for (let atTick = nowMs; ticks.length < count;) {
    const tickMs = nextTick(cronOf(cron), zone, atTick);
    if (tickMs === undefined) break;
    ticks.push(tickMs);
    atTick = tickMs;
  }
  return ticks;
}

/** Only what parses is ever stored. */
function cronOf(text: string): Cron {
  const cron = parseCron(text);
  assert(cron !== undefined, "a stored expression is one");
  return cron;
}

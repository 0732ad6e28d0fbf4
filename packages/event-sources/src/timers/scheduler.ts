/**
 * Lets timers tick. One timer of the clock stands for the nearest of all ticks; between two of them
 * nothing is done but to look now and then whether the wall clock was set, and whether another
 * platform on this database has changed something.
 *
 * Any number of schedulers may run on one database, and each may die between any two steps: what is
 * read is only a hint, and the transaction moves a timer on from where it was seen or does nothing
 * (`tickTimers`). The id of an invocation is a function of its timer and its scheduled time, so
 * that a clock that was set back, which makes ticks due again, enters none of them twice.
 *
 * Ticks of a function whose limits are met stay due and are looked at again when there may be room;
 * others are not held up by them. One that is late by more than ten seconds then is a missed tick,
 * as its timer's policy says.
 */
import {
  isTimeZone,
  openTimeZone,
  WokenWork,
  type Clock,
  type FunctionId,
  type Log,
  type Random,
  type TimeZone,
} from "@skerry/base";
import { slotOf } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import {
  decideTicks,
  rewoundTick,
  tickId,
  type TickDecision,
  type TimerRecord,
} from "@skerry/triggers";
import type { Ledger } from "../ledger.ts";
import { storeModule } from "../store-module.ts";
import { invocationOfTick } from "./invocation.ts";
import type { TimerTick } from "./tick.ts";

export interface TimerSchedulerDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly ledger: Pick<Ledger, "holdBackMs" | "maxAgeOf" | "nextSeq" | "wake">;
}

export const TIMER_SCHEDULE = {
  /** Timers that tick in one transaction. */
  timersAtOnceMax: 200,
  /** Payloads of the ticks of one transaction; at least one timer's are in it. */
  bytesAtOnceMax: 8 << 20,
  /** Between two looks at the clock, and at what others have changed. */
  clockEveryMs: 1_000,
  lookEveryMs: 10_000,
  /** A wall clock that goes back by more than this was set. */
  setBackMs: 1_000,
  /** Until a look that failed is tried again; doubles up to the second. */
  againMsMin: 20,
  againMsMax: 2_000,
  /** Until a timer that cannot be read is looked at again. */
  putOffMs: 3_600_000,
  /** Functions whose ticks are held back at once; those of others are asked about each time. */
  heldMax: 500,
} as const;

export class TimerScheduler {
  readonly #deps: TimerSchedulerDeps;
  readonly #zones = new Map<string, TimeZone>();
  readonly #looks: WokenWork;
  /** Wall time less monotonic time, as last seen. */
  #driftMs: number;
  #mustRewind = true;
  /** Monotonic time of the next look at the store. */
  #lookAtMs = 0;
  /** Functions whose ticks are held back until a monotonic time. */
  readonly #held = new Map<FunctionId, number>();
  /** Looks that failed one after another. */
  #failures = 0;

  constructor(deps: TimerSchedulerDeps) {
    this.#deps = deps;
    this.#looks = new WokenWork(deps.clock, {
      work: () => this.#lookOrFail(),
      rest: () => this.#arm(),
    });
    this.#driftMs = driftOf(deps.clock);
  }

  /** Also when timers were changed: looks at once. */
  wake(): void {
    this.#looks.wake();
  }

  /** Resolves when what is under way has ended. */
  close(): Promise<void> {
    return this.#looks.close();
  }

  async #lookOrFail(): Promise<void> {
    try {
      await this.#look();
      this.#failures = 0;
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const { clock, log } = this.#deps;
    const { againMsMin, againMsMax } = TIMER_SCHEDULE;
    const againMs = Math.min(againMsMax, againMsMin * 2 ** this.#failures);
    this.#failures += 1;
    this.#lookAtMs = clock.monotonicMs() + againMs;
    log.warn("timers could not tick; it is tried again", { error, againMs });
  }

  #arm(): void {
    const untilMs = this.#lookAtMs - this.#deps.clock.monotonicMs();
    const delayMs = Math.max(0, Math.min(untilMs, TIMER_SCHEDULE.clockEveryMs));
    this.#looks.after(delayMs, () => this.#onClock());
  }

  #onClock(): void {
    const { clock } = this.#deps;
    const driftMs = driftOf(clock);
    const movedMs = driftMs - this.#driftMs;
    this.#driftMs = driftMs;
    if (movedMs < -TIMER_SCHEDULE.setBackMs) this.#mustRewind = true;
    const wasSet = Math.abs(movedMs) > TIMER_SCHEDULE.setBackMs;
    if (wasSet || clock.monotonicMs() >= this.#lookAtMs) this.wake();
    else this.#arm();
  }

  async #look(): Promise<void> {
    if (this.#mustRewind) {
      await this.#rewind();
      this.#mustRewind = false;
    }
    const { clock, store } = this.#deps;
    const { timersAtOnceMax: limit, lookEveryMs } = TIMER_SCHEDULE;
    while (!this.#looks.isClosed) {
      const nowMs = clock.wallMs();
      const heldUntilMs = this.#letGo();
      const args = { nowMs, limit, without: [...this.#held.keys()] };
      const found = await store.call(storeModule, "findDueTimers", args);
      const untilMs = (found.nextMs ?? Infinity) - clock.wallMs();
      const nextLookMs = clock.monotonicMs() + Math.min(lookEveryMs, Math.max(0, untilMs));
      this.#lookAtMs = Math.min(nextLookMs, heldUntilMs);
      if (found.due.length === 0) return;
      const ticks = this.#ticksOf(found.due, nowMs);
      if (ticks.length > 0) await this.#enter(ticks, nowMs);
      else if (this.#held.size >= TIMER_SCHEDULE.heldMax) return;
    }
  }

  /** Forgets those that may be asked about again; when the next of the others may be. */
  #letGo(): number {
    const nowMs = this.#deps.clock.monotonicMs();
    let nextMs = Infinity;
    for (const [id, untilMs] of this.#held) {
      if (untilMs <= nowMs) this.#held.delete(id);
      else nextMs = Math.min(nextMs, untilMs);
    }
    return nextMs;
  }

  /** As many of a timer's ticks as may be entered now. */
  #admit(functionId: FunctionId, { ticks, nextMs, skipped }: TickDecision): TickDecision {
    for (const [i, tickMs] of ticks.entries()) {
      const waitMs = this.#held.has(functionId)
        ? 0
        : this.#deps.ledger.holdBackMs(functionId, "timer");
      if (waitMs === undefined) continue;
      if (!this.#held.has(functionId))
        this.#held.set(functionId, this.#deps.clock.monotonicMs() + waitMs);
      return { ticks: ticks.slice(0, i), nextMs: tickMs, skipped };
    }
    return { ticks, nextMs, skipped };
  }

  /** As many as one transaction takes, in order. */
  #ticksOf(due: readonly TimerRecord[], nowMs: number): readonly TimerTick[] {
    const ticks: TimerTick[] = [];
    let bytes = 0;
    for (const timer of due) {
      const tick = this.#tickOrPutOff(timer, nowMs);
      if (tick === undefined) continue;
      for (const { payload } of tick.invocations) bytes += payload.byteLength;
      if (ticks.length > 0 && bytes > TIMER_SCHEDULE.bytesAtOnceMax) break;
      ticks.push(tick);
    }
    return ticks;
  }

  /** One that cannot be read, such as of a zone that is no more, must not hold back all others. */
  #tickOrPutOff(timer: TimerRecord, nowMs: number): TimerTick | undefined {
    try {
      return this.#tickOf(timer, nowMs);
    } catch (error) {
      const { id, version, nextMs: seenMs } = timer;
      this.#deps.log.error("a timer cannot be read and is put off", { timer: id, error });
      const nextMs = nowMs + TIMER_SCHEDULE.putOffMs;
      const seen = { version, nextMs: seenMs ?? 0 };
      return { advance: { id, seen, nextMs, last: null, skipped: 0 }, invocations: [] };
    }
  }

  /** Undefined for one that stays as it is. */
  #tickOf(timer: TimerRecord, nowMs: number): TimerTick | undefined {
    const { ledger, log } = this.#deps;
    const { id, version, nextMs: seenMs, functionId } = timer;
    const decided = decideTicks(timer, this.#zoneOf(timer), nowMs);
    const { ticks, nextMs, skipped } = this.#admit(functionId, decided);
    if (nextMs === seenMs && ticks.length === 0) return undefined;
    if (skipped > 0) log.info("a timer missed ticks that are left out", { timer: id, skipped });
    const maxAgeMs = ledger.maxAgeOf(functionId);
    const invocations = ticks.map((scheduledMs) => {
      const at = {
        id: tickId(id, scheduledMs),
        seq: ledger.nextSeq(),
        scheduledMs,
        nowMs,
        maxAgeMs,
      };
      return invocationOfTick(timer, at);
    });
    const [lastMs, last] = [ticks.at(-1), invocations.at(-1)];
    const advance = {
      ...{ id, seen: { version, nextMs: seenMs ?? 0 }, nextMs, skipped },
      last:
        lastMs === undefined || last === undefined
          ? null
          : { scheduledMs: lastMs, invocationId: last.id },
    };
    return { advance, invocations };
  }

  async #enter(ticks: readonly TimerTick[], nowMs: number): Promise<void> {
    const { store, random } = this.#deps;
    const args = { items: ticks, slot: slotOf(random), nowMs };
    const entering = store.call(storeModule, "tickTimers", args);
    // On their way into the store: a claim that follows shares their commit.
    this.#wake(ticks, nowMs);
    const answers = await entering;
    this.#wake(
      ticks.filter((_, i) => answers[i] === "ticked"),
      nowMs,
    );
  }

  #wake(ticks: readonly TimerTick[], nowMs: number): void {
    const woken = new Set(ticks.flatMap(({ invocations }) => invocations[0]?.functionId ?? []));
    for (const functionId of woken) this.#deps.ledger.wake(functionId, nowMs);
  }

  /** The clock was set back, perhaps while nobody looked: what is due again sooner is. */
  async #rewind(): Promise<void> {
    const { clock, store, log } = this.#deps;
    const { timersAtOnceMax: limit } = TIMER_SCHEDULE;
    let rewound = 0;
    for (let after = ""; !this.#looks.isClosed;) {
      const timers = await store.call(storeModule, "listTicking", { after, limit });
      const nowMs = clock.wallMs();
      const items = timers.flatMap((timer): readonly TimerTick[] => {
        const { id, version, nextMs: seenMs } = timer;
        const zone = isTimeZone(timer.timezone) ? this.#zoneOf(timer) : undefined;
        const nextMs = zone && rewoundTick(timer, zone, nowMs);
        if (nextMs === undefined) return [];
        const seen = { version, nextMs: seenMs ?? 0 };
        return [{ advance: { id, seen, nextMs, last: null, skipped: 0 }, invocations: [] }];
      });
      if (items.length > 0) await this.#enter(items, nowMs);
      rewound += items.length;
      if (timers.length < limit) break;
      after = timers.at(-1)?.id ?? "";
    }
    if (rewound > 0) log.info("the clock was set back; timers were too", { timers: rewound });
  }

  #zoneOf({ timezone }: TimerRecord): TimeZone {
    const zone = this.#zones.get(timezone) ?? openTimeZone(timezone);
    this.#zones.set(timezone, zone);
    return zone;
  }
}

function driftOf(clock: Clock): number {
  return clock.wallMs() - clock.monotonicMs();
}

/** Timers over a store with a clock that is told the time, and what entered the ledger of them. */
import {
  createIdSource,
  openTimeZone,
  seededRandom,
  silentLog,
  systemClock,
  type FunctionId,
  type TimerId,
} from "@skerry/base";
import { createSequence } from "@skerry/invocations";
import { openMemoryStore, type ModuleSource, type Store } from "@skerry/store";
import { HandClock, until } from "@skerry/testkit";
import { firstTick, type TimerRecord, type TimerSpec } from "@skerry/triggers";
import { eventSourcesModule, storeModule } from "../src/store-module.ts";
import { TimerScheduler } from "../src/timers/scheduler.ts";
import { ledgerSource, storeModule as ledgerModule } from "./ledger.ts";

const random = seededRandom(43);
const ids = createIdSource({ clock: systemClock(), random });
const DEPS = { clock: systemClock(), log: silentLog(), random };

export const MINUTE = 60_000;
/** What tests open a store with. */
export const TIMER_MODULES: readonly ModuleSource[] = [ledgerSource, eventSourcesModule];

export type Call = Pick<Store, "call">;

export function openTimerStore(): Promise<Store> {
  return openMemoryStore(DEPS, { modules: TIMER_MODULES });
}

export class TimerWorld {
  readonly store: Store;
  readonly clock: HandClock;
  readonly accountId = ids.id("acct");
  readonly functionId = ids.id("fn");
  readonly #sequence: () => number;
  /** What the ledger says to a tick of a function. */
  holdBackMs: (id: FunctionId) => number | undefined = () => undefined;

  constructor(store: Store, clock = new HandClock()) {
    this.store = store;
    this.clock = clock;
    this.#sequence = createSequence(clock);
  }

  /** One more platform on the same database. */
  scheduler(store: Call = this.store, clock = this.clock): TimerScheduler {
    return new TimerScheduler({
      ...{ store, clock, random, log: silentLog() },
      ledger: {
        nextSeq: this.#sequence,
        maxAgeOf: () => 6 * 3_600_000,
        wake: () => undefined,
        holdBackMs: (id) => this.holdBackMs(id),
      },
    });
  }

  put(name: string, spec: Partial<TimerSpec> = {}): Promise<TimerRecord> {
    const whole: TimerSpec = {
      ...{ functionId: this.functionId, fn: "work", cron: "* * * * *", timezone: "UTC" },
      ...{ atMs: null, payload: null, missed: "once", orderingKey: null },
      ...{ eventFormat: "skerry", enabled: true, madeBy: null, action: null },
      ...spec,
    };
    const wallMs = this.clock.wallMs();
    const nextMs = firstTick(whole, openTimeZone(whole.timezone), wallMs);
    const { accountId } = this;
    const named = { accountId, app: "shop", name, freshId: ids.id("tmr"), ifVersion: null };
    return this.store.call(storeModule, "putTimer", { ...named, spec: whole, nextMs, wallMs });
  }

  enable(name: string, enabled: boolean): Promise<TimerRecord> {
    const { accountId } = this;
    const wallMs = this.clock.wallMs();
    const nextMs = enabled ? Math.floor(wallMs / MINUTE) * MINUTE + MINUTE : null;
    const named = { accountId, app: "shop", name, functionId: null, ifVersion: null };
    return this.store.call(storeModule, "setTimerEnabled", { ...named, enabled, nextMs, wallMs });
  }

  get(name: string): Promise<TimerRecord> {
    const { accountId } = this;
    return this.store.call(storeModule, "getTimer", { accountId, app: "shop", name });
  }

  /** Scheduled times of what entered, in the order of acceptance. */
  async entered(timer: TimerId): Promise<readonly number[]> {
    const rows = await this.store.call(ledgerModule, "payloadsOf", { sourceId: timer });
    return rows.map((text) =>
      Date.parse((JSON.parse(text) as { scheduledAt: string }).scheduledAt),
    );
  }

  /** Moves the clock on, a step at a time, and lets what falls due be done. */
  async pass(ms: number, { stepMs = MINUTE }: { readonly stepMs?: number } = {}): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed));
      await this.calm();
    }
  }

  /** Lets time pass until a scheduler has looked at the clock. */
  async ticksNextAt(name: string, ms: number): Promise<void> {
    const isSo = async (): Promise<boolean> => {
      this.clock.advance(50);
      return (await this.get(name)).nextMs === ms;
    };
    await until(`${name} ticks next at ${new Date(ms).toISOString()}`, isSo, { everyMs: 1 });
  }

  /** Until nothing is due any more. */
  async calm(): Promise<void> {
    const isCalm = async (): Promise<boolean> => {
      // What was armed for now meanwhile.
      this.clock.advance(0);
      const args = { nowMs: this.clock.wallMs(), limit: 1 };
      return (await this.store.call(storeModule, "findDueTimers", args)).due.length === 0;
    };
    await until("nothing is due", isCalm, { everyMs: 1 });
  }
}

/** Timers as control's API sees them; their scheduler is told of each change. */
import {
  openTimeZone,
  PlatformError,
  type AccountId,
  type FunctionId,
  type IdSource,
} from "@skerry/base";
import type { TimerListed, TimerRequest, TimerResource } from "@skerry/api-schema";
import { invalid, LIMITS } from "@skerry/contracts";
import { eventOfTick, firstTick, ticksToCome, type TimerSpec } from "@skerry/triggers";
import type { Ledger } from "../ledger.ts";
import { storeModule } from "../store-module.ts";
import { timerListedOf, timerResourceOf } from "./resource.ts";
import { sourceOfTimer } from "./source.ts";
import { TimerScheduler, type TimerSchedulerDeps } from "./scheduler.ts";

/** A timer by its name within an app. */
export interface TimerName {
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
}

/** A change of it; `ifVersion` null is of any version. */
export interface TimerChange extends TimerName {
  readonly ifVersion: number | null;
}

export interface TimersDeps extends TimerSchedulerDeps {
  readonly ids: IdSource;
  readonly ledger: Ledger;
}

/** Each rejects with the reasons of timers and of the store. */
export class Timers {
  readonly #deps: TimersDeps;
  readonly #scheduler: TimerScheduler;

  constructor(deps: TimersDeps) {
    this.#deps = deps;
    this.#scheduler = new TimerScheduler(deps);
  }

  start(): void {
    this.#scheduler.wake();
  }

  async close(): Promise<void> {
    await this.#scheduler.close();
  }

  /** By name from `after` on, one more than `limit` when there are more; without their payloads. */
  async list(args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly TimerListed[]> {
    const timers = await this.#deps.store.call(storeModule, "listTimers", args);
    return timers.map(timerListedOf);
  }

  async get(name: TimerName): Promise<TimerResource> {
    return timerResourceOf(await this.#deps.store.call(storeModule, "getTimer", name));
  }

  /** Rejects with why a change would be refused; without a request, of one that is there. */
  async check(args: TimerChange & { readonly request: TimerRequest | null }): Promise<void> {
    const { request, ...change } = args;
    const { store, clock } = this.#deps;
    if (request !== null) {
      const spec = specOf(request);
      firstTick(spec, openTimeZone(spec.timezone), clock.wallMs());
    }
    const mustExist = request === null;
    await store.call(storeModule, "checkTimer", { ...change, mustExist });
  }

  /** Also rejects with INPUT_INVALID and TIMER_NEVER_TICKS. */
  async put(
    args: TimerChange & {
      readonly functionId: FunctionId;
      readonly request: TimerRequest;
      readonly action?: string;
    },
  ): Promise<TimerResource> {
    const { functionId, request, action, ...change } = args;
    const { store, clock, ids } = this.#deps;
    const wallMs = clock.wallMs();
    const owner = action === undefined ? {} : ({ madeBy: "action", action } as const);
    const spec = { ...specOf(request), ...owner, functionId };
    const nextMs = firstTick(spec, openTimeZone(spec.timezone), wallMs);
    const freshId = ids.id("tmr");
    const made = { ...change, spec, freshId, nextMs, wallMs };
    const record = await store.call(storeModule, "putTimer", made);
    this.#scheduler.wake();
    return timerResourceOf(record);
  }

  /** `functionId` is what the timer's function is now. */
  async setEnabled(
    args: TimerChange & { readonly enabled: boolean; readonly functionId: FunctionId | null },
  ): Promise<TimerResource> {
    const { store, clock } = this.#deps;
    const { accountId, app, name, enabled } = args;
    const wallMs = clock.wallMs();
    const before = await store.call(storeModule, "getTimer", { accountId, app, name });
    const zone = openTimeZone(before.timezone);
    // A time for once that came while it was paused is not made up for.
    const isPast = before.cron === null && before.atMs !== null && before.atMs <= wallMs;
    const nextMs = enabled && !isPast ? firstTick(before, zone, wallMs) : null;
    const ifVersion = args.ifVersion ?? before.version;
    const change = { ...args, ifVersion, nextMs, wallMs };
    const record = await store.call(storeModule, "setTimerEnabled", change);
    this.#scheduler.wake();
    return timerResourceOf(record);
  }

  async remove(change: TimerChange): Promise<void> {
    await this.#deps.store.call(storeModule, "deleteTimer", change);
  }

  /**
   * Resolves when the invocation is on disk; asked again under the same `once`, with the one that
   * was made then. Rejects with why it was not accepted.
   */
  async run({ once, ...name }: TimerName & { readonly once?: string | undefined }): Promise<{
    readonly invocationId: string;
  }> {
    const { store, clock, ids, ledger } = this.#deps;
    const timer = await store.call(storeModule, "getTimer", name);
    const { functionId, orderingKey } = timer;
    const { sourceId, event } = sourceOfTimer(timer);
    const [id, atMs] = [ids.requestId(), clock.wallMs()];
    const { payload, ...told } = eventOfTick(timer, { id, scheduledMs: atMs, firedMs: atMs });
    const [answer] = await ledger.accept([
      {
        ...{ id, functionId, source: "timer", sourceId, atMs, payload },
        event: { ...event, ...told },
        ...(orderingKey === null ? {} : { orderingKey }),
        ...(once === undefined ? {} : { idempotency: { key: once, digest: timer.id } }),
      },
    ]);
    if (answer?.ok !== true) throw PlatformError.fromWire(answer?.error);
    return { invocationId: answer.id };
  }

  /** The next ones, as if it were enabled. */
  async ticks(name: TimerName, count: number): Promise<readonly string[]> {
    const { store, clock } = this.#deps;
    const timer = await store.call(storeModule, "getTimer", name);
    const now = { nowMs: clock.wallMs(), count };
    const ticks = ticksToCome(timer, openTimeZone(timer.timezone), now);
    return ticks.map((ms) => new Date(ms).toISOString());
  }

  /** Pauses its timers; they say why. */
  async functionRemoved(functionId: FunctionId): Promise<void> {
    const { store, clock } = this.#deps;
    await store.call(storeModule, "pauseTimersOf", { functionId, wallMs: clock.wallMs() });
  }

  /** Removes its timers. */
  async appRemoved(args: { readonly accountId: AccountId; readonly app: string }): Promise<void> {
    await this.#deps.store.call(storeModule, "deleteTimersOfApp", args);
  }
}

/** Throws INPUT_INVALID. */
function specOf(request: TimerRequest): Omit<TimerSpec, "functionId"> {
  const { function: fn, cron, timezone, at, payload, missed, enabled, eventFormat } = request;
  const text = payload === undefined ? null : JSON.stringify(payload);
  const bytes = text === null ? 0 : new TextEncoder().encode(text).byteLength;
  const { timerPayloadBytesMax: max } = LIMITS;
  if (bytes > max) throw invalid("body", [`payload: ${bytes} bytes are more than ${max}`]);
  return {
    ...{ fn, timezone, missed, enabled, eventFormat, payload: text },
    cron: cron ?? null,
    atMs: at === undefined ? null : Date.parse(at),
    orderingKey: request.orderingKey ?? null,
    ...{ madeBy: request.madeBy ?? null, action: null },
  };
}

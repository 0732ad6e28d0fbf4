/** Timers as control sees them, in memory; they never tick. */
import type { TimerListed, TimerRequest, TimerResource } from "@skerry/api-schema";
import { invalid } from "@skerry/contracts";
import type { TimerBook, TimerChange, TimerName } from "@skerry/event-api";

const AT = "2026-01-01T00:00:00.000Z";

export class TimersDouble implements TimerBook {
  readonly timers = new Map<string, TimerResource>();
  readonly removed: string[] = [];

  list({ app, after, limit }: { app: string; after: string; limit: number }) {
    const found = [...this.timers.values()].filter((timer) => timer.app === app);
    const listed = found.filter(({ name }) => name > after).slice(0, limit + 1);
    const isListed = ([name]: [string, unknown]): boolean => name !== "payload";
    const bareOf = (timer: TimerResource): TimerListed =>
      Object.fromEntries(Object.entries(timer).filter(isListed)) as unknown as TimerListed;
    return Promise.resolve(listed.map(bareOf));
  }

  get(name: TimerName): Promise<TimerResource> {
    const found = this.timers.get(keyOf(name));
    if (found === undefined) return Promise.reject(invalid("timer", ["it is not there"]));
    return Promise.resolve(found);
  }

  async check(args: TimerChange & { readonly request: TimerRequest | null }): Promise<void> {
    if (args.request === null) await this.get(args);
  }

  put(args: TimerChange & { readonly request: TimerRequest }): Promise<TimerResource> {
    const { request } = args;
    const before = this.timers.get(keyOf(args));
    const version = (before?.version ?? 0) + 1;
    const { timezone, missed, enabled, eventFormat } = request;
    const timer: TimerResource = {
      ...{ id: "tmr_1", app: args.app, name: args.name, function: request.function },
      ...{ cron: request.cron ?? null, timezone, at: request.at ?? null, missed, enabled },
      ...{ payload: request.payload ?? null, orderingKey: null, eventFormat, pausedBecause: null },
      madeBy: request.madeBy ?? null,
      ...{ nextAt: AT, lastAt: null, lastInvocationId: null, skippedTicks: 0, version },
      ...{ createdAt: AT, updatedAt: AT, etag: `"${version}"` },
    };
    this.timers.set(keyOf(args), timer);
    return Promise.resolve(timer);
  }

  async setEnabled(args: TimerChange & { readonly enabled: boolean }): Promise<TimerResource> {
    const changed = { ...(await this.get(args)), enabled: args.enabled };
    this.timers.set(keyOf(args), changed);
    return changed;
  }

  remove(args: TimerChange): Promise<void> {
    this.timers.delete(keyOf(args));
    return Promise.resolve();
  }

  async run(name: TimerName) {
    await this.get(name);
    return { invocationId: "01a1fc77-df64-7f8d-973e-e3a314b4a0b6" };
  }

  async ticks(name: TimerName, count: number): Promise<readonly string[]> {
    await this.get(name);
    return Array.from({ length: count }, () => AT);
  }

  functionRemoved(functionId: string): Promise<void> {
    this.removed.push(functionId);
    return Promise.resolve();
  }

  appRemoved({ app }: { readonly app: string }): Promise<void> {
    this.removed.push(app);
    return Promise.resolve();
  }
}

function keyOf({ app, name }: TimerName): string {
  return `${app}/${name}`;
}

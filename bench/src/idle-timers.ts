/** What timers cost that are set and not due: CPU and memory of control, without and with them. */
import { delay, PlatformError, systemClock } from "@skerry/base";
import { createClient, type Client } from "@skerry/sdk";
import { fetchOnce, startPlatform, type Platform } from "@skerry/testkit";
import { round } from "./figures.ts";
import { cpuSecondsOf, pssBytesOf } from "./process-tree.ts";
import { NOTHING } from "./sources.ts";
import { fewAtOnce } from "./few-at-once.ts";

export interface IdleTimersFigure {
  readonly timers: number;
  /** Of control's CPU time, in each second. */
  readonly cpuMsBefore: number;
  readonly cpuMsWith: number;
  readonly memoryMbBefore: number;
  readonly memoryMbWith: number;
}

const TIMERS = 10_000;
/** The machine's clock for CPU time has steps of 10 ms. */
const LOOK_MS = 10_000;
/** After the last request, for what it has left to be done. */
const SETTLE_MS = 3_000;
const YEARLY = "0 0 1 1 *";

/** On a platform of its own; takes half a minute and the time to set them. */
export async function benchIdleTimers(): Promise<IdleTimersFigure> {
  const platform = await startPlatform();
  try {
    await platform.deploy({ app: "bench", fn: "work", files: NOTHING, config: {} });
    const before = await costOf(platform);
    // Answers of ten thousand changes an hour are kept for a key: two keys have room for all.
    const clients = [platform.client, await anotherClient(platform)] as const;
    await fewAtOnce(TIMERS, async (n) => {
      await setTimer(clients[n % 2 === 0 ? 0 : 1], `t-${n}`);
    });
    const after = await costOf(platform);
    return {
      timers: TIMERS,
      ...{ cpuMsBefore: before.cpuMs, cpuMsWith: after.cpuMs },
      ...{ memoryMbBefore: before.memoryMb, memoryMbWith: after.memoryMb },
    };
  } finally {
    await platform.stop();
  }
}

async function anotherClient({ apiUrl, gatewayUrl, client }: Platform): Promise<Client> {
  const { key } = await client.createKey({ body: { name: "timers", role: "developer" } });
  return createClient({ apiUrl, gatewayUrl, key, fetch: fetchOnce });
}

/** As fast as the API lets a key. */
async function setTimer(client: Client, timer: string): Promise<void> {
  for (;;) {
    try {
      const params = { app: "bench", timer };
      await client.putTimer({ params, body: { function: "work", cron: YEARLY } });
      return;
    } catch (error) {
      if (!PlatformError.is(error) || error.reason !== "API_RATE_LIMITED") throw error;
      await delay(systemClock(), Number(error.details["retryAfterMs"]));
    }
  }
}

async function costOf(
  platform: Platform,
): Promise<{ readonly cpuMs: number; readonly memoryMb: number }> {
  const clock = systemClock();
  // What setting them left in its heap is gone then.
  await platform.restart("control");
  const control = platform.pids("control");
  await delay(clock, SETTLE_MS);
  const before = cpuSecondsOf(control);
  const fromMs = clock.monotonicMs();
  await delay(clock, LOOK_MS);
  const seconds = (clock.monotonicMs() - fromMs) / 1_000;
  const cpuMs = round(((cpuSecondsOf(control) - before) * 1_000) / seconds, 1);
  const bytes = control.reduce((sum, pid) => sum + pssBytesOf(pid), 0);
  return { cpuMs, memoryMb: Math.round(bytes / 1e6) };
}

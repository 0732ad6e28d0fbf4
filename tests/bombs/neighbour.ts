/**
 * A neighbour that is called at a steady pace whatever happens: each latency counts from when the
 * call was due, so that calls which could not be sent in time are not left out.
 */
import { Agent } from "node:http";
import { systemClock } from "@skerry/base";
import { callHttp } from "@skerry/testkit";

const clock = systemClock();

export interface Steady {
  /** Latencies of all calls that were due since the last time this was asked. */
  take(): Promise<readonly number[]>;
  stop(): Promise<void>;
}

export function startSteady(call: {
  readonly port: number;
  readonly path: string;
  readonly everyMs: number;
}): Steady {
  const agent = new Agent({ keepAlive: true });
  let pending: Promise<number>[] = [];
  let isOver = false;
  const one = async (dueMs: number): Promise<number> => {
    const { status, text } = await callHttp({ port: call.port, path: call.path, agent });
    if (status !== 200) throw new TypeError(`the neighbour answered ${status}: ${text}`);
    return clock.monotonicMs() - dueMs;
  };
  const run = async (): Promise<void> => {
    for (let dueMs = clock.monotonicMs(); !isOver; dueMs += call.everyMs) {
      const waitMs = dueMs - clock.monotonicMs();
      if (waitMs > 0) await new Promise<void>((resolve) => void clock.schedule(waitMs, resolve));
      const latency = one(dueMs);
      latency.catch(() => undefined);
      pending.push(latency);
    }
  };
  const running = run();
  return {
    take: async () => {
      const due = pending;
      pending = [];
      return await Promise.all(due);
    },
    stop: async () => {
      isOver = true;
      await running;
      await Promise.allSettled(pending);
      agent.destroy();
    },
  };
}

export function quantile(latencies: readonly number[], share: number): number {
  const sorted = [...latencies].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

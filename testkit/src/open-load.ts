/**
 * Requests that arrive at a fixed rate, however long earlier ones take: who waits for an answer
 * does not keep others from asking, as with users. Connections are kept and opened as they are
 * needed. Nothing is tried again, so every failure is seen.
 */
import { getBuiltinModule } from "node:process";
import { systemClock } from "@skerry/base";
import { callHttp, type HttpAnswer, type HttpCall } from "./http-call.ts";
import type { LoadResult } from "./load.ts";

export interface OpenLoadOptions {
  readonly perSecond: number;
  /** The request of an arrival; they are numbered from 0. */
  readonly call: (arrival: number) => Omit<HttpCall, "agent">;
  /** Throws when the answer is not the right one. */
  readonly check: (answer: HttpAnswer, arrival: number) => void;
  /** Beyond so many under way, an arrival is counted as failed without being sent. */
  readonly underWayMax?: number;
}

export interface OpenLoad {
  readonly arrived: number;
  readonly answered: number;
  readonly failed: number;
  /** Lets every request under way end and resolves with what was seen. */
  stop(): Promise<LoadResult>;
}

const FAILURES_KEPT = 200;
const UNDER_WAY_MAX = 4_000;
/** Arrivals are made up for at this pace; a machine that was held up sends them at once. */
const TICK_MS = 4;

export function startOpenLoad(options: OpenLoadOptions): OpenLoad {
  const { perSecond, call, check, underWayMax = UNDER_WAY_MAX } = options;
  const clock = systemClock();
  const agent = new (getBuiltinModule("node:http").Agent)({ keepAlive: true });
  const seen = { answered: 0, failed: 0, slowestMs: 0 };
  const failures: string[] = [];
  const underWay = new Set<Promise<void>>();
  const startedMs = clock.monotonicMs();
  let arrived = 0;
  let isOver = false;

  const fail = (why: string): void => {
    seen.failed += 1;
    if (failures.length < FAILURES_KEPT) failures.push(why);
  };
  const ask = async (arrival: number): Promise<void> => {
    const askedMs = clock.monotonicMs();
    try {
      check(await callHttp({ ...call(arrival), agent }), arrival);
      seen.answered += 1;
    } catch (error) {
      fail(`arrival ${arrival}: ${String(error)}`);
    }
    seen.slowestMs = Math.max(seen.slowestMs, clock.monotonicMs() - askedMs);
  };
  const arrive = (): void => {
    if (isOver) return;
    const due = Math.floor(((clock.monotonicMs() - startedMs) * perSecond) / 1_000);
    for (; arrived < due; arrived += 1) {
      if (underWay.size >= underWayMax) {
        fail(`arrival ${arrived}: ${underWayMax} are under way`);
        continue;
      }
      const asked: Promise<void> = ask(arrived).finally(() => underWay.delete(asked));
      underWay.add(asked);
    }
    clock.schedule(TICK_MS, arrive);
  };
  arrive();
  return {
    get arrived() {
      return arrived;
    },
    get answered() {
      return seen.answered;
    },
    get failed() {
      return seen.failed;
    },
    async stop() {
      isOver = true;
      await Promise.all(underWay);
      agent.destroy();
      return { ...seen, failures };
    },
  };
}

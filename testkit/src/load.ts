/**
 * Clients that keep asking while something happens to what they ask: each has one kept connection
 * and asks again as soon as it has its answer, after a pause of a few milliseconds. Nothing is
 * tried again, so every failure is seen.
 */
import { getBuiltinModule } from "node:process";
import { systemClock } from "@skerry/base";
import { callHttp, type HttpAnswer, type HttpCall } from "./http-call.ts";

export interface LoadOptions {
  readonly connections: number;
  /** The request of one turn of one client. */
  readonly call: (client: number, turn: number) => Omit<HttpCall, "agent">;
  /** Throws when the answer is not the right one. Default: the status must be below 400. */
  readonly check?: (answer: HttpAnswer, client: number, turn: number) => void;
  /**
   * Longest pause between answer and next request; the pauses of a client vary up to it. Default 7
   * ms.
   */
  readonly pauseMsMax?: number;
  /** Sees every whole answer, right or wrong. */
  readonly onAnswer?: (answer: HttpAnswer) => void;
}

export interface LoadResult {
  readonly answered: number;
  /** Requests that failed: connection errors and wrong answers. */
  readonly failed: number;
  /** One line for each of the first of them. */
  readonly failures: readonly string[];
  readonly slowestMs: number;
}

export interface Load {
  readonly answered: number;
  readonly failed: number;
  /** Lets every request under way end and resolves with what was seen. */
  stop(): Promise<LoadResult>;
}

const FAILURES_KEPT = 200;

export function startLoad(options: LoadOptions): Load {
  const clock = systemClock();
  const { pauseMsMax = 7 } = options;
  const seen = { answered: 0, failed: 0, slowestMs: 0 };
  const failures: string[] = [];
  let isOver = false;
  const client = async (index: number): Promise<void> => {
    const { Agent } = getBuiltinModule("node:http");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = 0; !isOver; turn += 1) {
      const askedMs = clock.monotonicMs();
      try {
        const answer = await callHttp({ ...options.call(index, turn), agent });
        options.onAnswer?.(answer);
        (options.check ?? assertFine)(answer, index, turn);
        seen.answered += 1;
      } catch (error) {
        seen.failed += 1;
        const at = new Date(clock.wallMs()).toISOString();
        if (failures.length < FAILURES_KEPT)
          failures.push(`${at} client ${index}: ${String(error)}`);
      }
      seen.slowestMs = Math.max(seen.slowestMs, clock.monotonicMs() - askedMs);
      const pauseMs = (turn * 5 + index) % (pauseMsMax + 1);
      await new Promise<void>((resolve) => void clock.schedule(pauseMs, resolve));
    }
    agent.destroy();
  };
  const clients = Array.from({ length: options.connections }, (_, index) => client(index));
  return {
    get answered() {
      return seen.answered;
    },
    get failed() {
      return seen.failed;
    },
    async stop() {
      isOver = true;
      await Promise.all(clients);
      return { ...seen, failures };
    },
  };
}

function assertFine({ status, text }: HttpAnswer): void {
  if (status >= 400) throw new TypeError(`status ${status}: ${text.slice(0, 300)}`);
}

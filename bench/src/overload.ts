/**
 * More requests than a function can do: its peak, with callers that wait for its slots, then two
 * and ten times as many requests a second as that, at a fixed rate, over real sockets. What counts
 * is how much is still answered well, and how soon the rest is told that it is too much. That is
 * said at once, as the function asks for with `queueTimeoutMs: 0`.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startPlatform } from "@skerry/testkit";
import { median, quantile, round } from "./figures.ts";
import type { LoadAsked, LoadSeen } from "./overload-client.ts";
import type { RunOptions } from "./run-options.ts";
import { renderTable } from "./table.ts";

export interface OverloadFigure {
  /** Of the peak. */
  readonly times: number;
  readonly offeredPerSecond: number;
  readonly goodPerSecond: number;
  readonly goodput: number;
  readonly refusedP99Ms: number;
  readonly refused: number;
  /** Neither answered nor refused. */
  readonly failed: number;
}

const SLOTS = 20;
const WORK_MS = 50;
const TIMES = [2, 10];
const LEAD_SECONDS = 2;
const WORK = {
  "index.js": `exports.fetch = async () => {
    await new Promise((resolve) => setTimeout(resolve, ${WORK_MS}));
    return new Response("done");
  };`,
};

export async function benchOverload({ seconds, rounds }: RunOptions) {
  const platform = await startPlatform();
  try {
    const config = { auth: "none", concurrency: SLOTS, maxInstances: 1 } as const;
    await platform.deploy({ app: "bench", fn: "waited-for", files: WORK, config });
    const atOnce = { ...config, queueTimeoutMs: 0 };
    await platform.deploy({ app: "bench", fn: "refusing", files: WORK, config: atOnce });
    const load = async (fn: string, of: LoadAsked["load"]): Promise<LoadSeen> => {
      const url = `${platform.gatewayUrl}/-/bench/${fn}/`;
      return await runLoad({ url, seconds, leadSeconds: LEAD_SECONDS, load: of });
    };
    const callers = { callers: 2 * SLOTS };
    await load("waited-for", callers);
    const seen: { readonly times: number; readonly peak: number; readonly of: LoadSeen }[] = [];
    for (let turn = 0; turn < rounds; turn += 1) {
      const peak = (await load("waited-for", callers)).good / seconds;
      for (const times of TIMES)
        seen.push({ times, peak, of: await load("refusing", { perSecond: times * peak }) });
    }
    return TIMES.map((times) => figureOf(times, seconds, seen));
  } finally {
    await platform.stop();
  }
}

function figureOf(
  times: number,
  seconds: number,
  all: readonly { readonly times: number; readonly peak: number; readonly of: LoadSeen }[],
): OverloadFigure {
  const rounds = all.filter((one) => one.times === times);
  const middle = (value: (one: (typeof rounds)[number]) => number): number =>
    median(rounds.map(value));
  const sum = (value: (seen: LoadSeen) => number): number =>
    rounds.reduce((total, { of }) => total + value(of), 0);
  return {
    times,
    offeredPerSecond: Math.round(middle(({ of }) => of.offered / seconds)),
    goodPerSecond: Math.round(middle(({ of }) => of.good / seconds)),
    goodput: round(
      middle(({ of, peak }) => of.good / seconds / peak),
      3,
    ),
    refusedP99Ms: round(middle(({ of }) => quantile(of.refusedMs, 0.99))),
    refused: sum(({ refused }) => refused),
    failed: sum(({ failed }) => failed),
  };
}

export function overloadTable(figures: readonly OverloadFigure[]): string {
  return renderTable(
    ["offered", "requests/s", "answered/s", "of the peak", "refusals p99 ms", "neither"],
    figures.map((one) => [
      `${one.times} x`,
      ...[one.offeredPerSecond, one.goodPerSecond, one.goodput, one.refusedP99Ms, one.failed],
    ]),
  );
}

async function runLoad(asked: LoadAsked): Promise<LoadSeen> {
  const module = fileURLToPath(new URL("overload-client.ts", import.meta.url));
  const child = fork(module, [JSON.stringify(asked)]);
  const [seen] = (await once(child, "message")) as [LoadSeen];
  return seen;
}

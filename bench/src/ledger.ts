/**
 * Invocations that are accepted to run later: how fast they are on disk, how soon they begin, and
 * how fast what has piled up is run. The machine's own flushes stand beside, since each acceptance
 * waits for one.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { startPlatform } from "@skerry/testkit";
import { quantile, round } from "./figures.ts";
import { whilePolling } from "./halt-poll.ts";
import { openLedger } from "./ledger-rows.ts";
import type { RunOptions } from "./run-options.ts";
import { runWrk } from "./wrk.ts";

export interface LedgerFigure {
  /** Flushes of 4 KB one after another. */
  readonly flushesPerSecond: number;
  /** Over 64 connections, while what was accepted is run. */
  readonly acceptsPerSecond: number;
  readonly accept64P50Us: number;
  readonly accept64P99Us: number;
  readonly errors: number;
  /** Of what was still open when the load ended. */
  readonly drainedPerSecond: number;
  /** Over one connection. */
  readonly acceptP50Us: number;
  readonly acceptP99Us: number;
  /** The same while nothing is run, because what is accepted is for later. */
  readonly laterPerSecond: number;
  readonly later64P50Us: number;
  readonly later64P99Us: number;
  readonly laterP50Us: number;
  readonly laterP99Us: number;
  /** On processors that poll before they halt; null where that cannot be set. */
  readonly laterPollingP50Us: number | null;
  readonly laterPollingP99Us: number | null;
  /** From the request to the begin of its attempt, over one connection. */
  readonly startP50Ms: number;
  readonly startP99Ms: number;
  /** Events in lists of 1,000 for later, over four connections, and how long a list takes. */
  readonly listedPerSecond: number;
  readonly listP50Us: number;
  readonly listP99Us: number;
}

const WORK = { "index.ts": "export async function handler(event: unknown) { return event; }" };
const FLUSH_MS = 1_000;
const LISTED = 1_000;
const LIST = JSON.stringify(
  Array.from({ length: LISTED }, (_, n) => ({ event: { n }, delayMs: 3_600_000 })),
);

/** Acceptances over HTTP on a platform of its own; on PostgreSQL where its address is given. */
export async function benchAccepts(options: RunOptions, store?: string): Promise<LedgerFigure> {
  const platform = await startPlatform(store === undefined ? {} : { settings: { store } });
  const ledger = openLedger(platform, store);
  try {
    const config = { auth: "none", concurrency: 200, maxInstances: 1 } as const;
    await platform.deploy({ app: "bench", fn: "work", files: WORK, config });
    const target = {
      ...{ url: `${platform.gatewayUrl}/-/bench/work/`, body: '{"n":1}' },
      headers: { prefer: "respond-async", "x-skerry-key": platform.key },
    };
    await runWrk(target, { connections: 64, seconds: options.warmUpSeconds });
    await ledger.untilDrained();
    const flushesPerSecond = flushRate(platform.home);
    const many = await runWrk(target, { connections: 64, seconds: options.seconds });
    const open = await ledger.open();
    const endMs = performance.now();
    await ledger.untilDrained();
    const drainedPerSecond = open / ((performance.now() - endMs) / 1_000);
    const sinceMs = Date.now();
    const lone = { connections: 1, seconds: options.seconds };
    const single = await runWrk(target, lone);
    await ledger.untilDrained();
    const waits = await ledger.waitsSince(sinceMs);
    const forLater = { ...target, headers: { ...target.headers, "x-skerry-delay-ms": "3600000" } };
    // Before the many, of which records are still written down when they are over.
    const later = await runWrk(forLater, lone);
    const polling = await whilePolling(() => runWrk(forLater, lone));
    const later64 = await runWrk(forLater, { connections: 64, seconds: options.seconds });
    const headers = { "x-skerry-invoke": "events", "x-skerry-key": platform.key };
    const listed = { url: target.url, body: LIST, headers };
    const lists = await runWrk(listed, { connections: 4, seconds: options.seconds });
    return {
      flushesPerSecond: round(flushesPerSecond, 0),
      acceptsPerSecond: round(many.requestsPerSecond, 0),
      ...{ accept64P50Us: many.p50Us, accept64P99Us: many.p99Us },
      laterPerSecond: round(later64.requestsPerSecond, 0),
      ...{ later64P50Us: later64.p50Us, later64P99Us: later64.p99Us },
      ...{ laterP50Us: later.p50Us, laterP99Us: later.p99Us },
      laterPollingP50Us: polling?.p50Us ?? null,
      laterPollingP99Us: polling?.p99Us ?? null,
      listedPerSecond: round(lists.requestsPerSecond * LISTED, 0),
      ...{ listP50Us: lists.p50Us, listP99Us: lists.p99Us },
      errors: [lists, many, single, later64, later].reduce((sum, { errors }) => sum + errors, 0),
      drainedPerSecond: round(drainedPerSecond, 0),
      ...{ acceptP50Us: single.p50Us, acceptP99Us: single.p99Us },
      startP50Ms: round(quantile(waits, 0.5)),
      startP99Ms: round(quantile(waits, 0.99)),
    };
  } finally {
    await platform.stop();
  }
}

export function flushRate(directory: string): number {
  const file = openSync(join(directory, "flushes"), "w");
  const page = Buffer.alloc(4_096);
  const startedMs = performance.now();
  let flushes = 0;
  for (; performance.now() - startedMs < FLUSH_MS; flushes += 1) {
    writeSync(file, page);
    fdatasyncSync(file);
  }
  closeSync(file);
  return flushes / ((performance.now() - startedMs) / 1_000);
}

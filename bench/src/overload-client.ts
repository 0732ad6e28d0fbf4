/**
 * Load on one URL, from a process of its own: a fixed number of callers, or requests that arrive at
 * a fixed rate however long earlier ones take. Says by IPC what came of them, and ends.
 */
import { Agent, get } from "node:http";

/** What is asked of it, as its argument. */
export interface LoadAsked {
  readonly url: string;
  readonly seconds: number;
  /** Before anything is counted. */
  readonly leadSeconds: number;
  readonly load: { readonly callers: number } | { readonly perSecond: number };
}

export interface LoadSeen {
  readonly offered: number;
  /** Answered with 200 while it counted. */
  readonly good: number;
  /** Answered with 429 or 503. */
  readonly refused: number;
  /** Answered otherwise, or not at all. */
  readonly failed: number;
  readonly refusedMs: readonly number[];
}

const TICK_MS = 2;
/** So many latencies are told; of more, each of them as probably. */
const TOLD_MAX = 20_000;

const asked = JSON.parse(process.argv[2] ?? "{}") as LoadAsked;
const agent = new Agent({ keepAlive: true });
const seen = { offered: 0, good: 0, refused: 0, failed: 0 };
const refusedMs: number[] = [];
const beginMs = performance.now() + asked.leadSeconds * 1_000;
const endMs = beginMs + asked.seconds * 1_000;

function isCounted(): boolean {
  const nowMs = performance.now();
  return nowMs >= beginMs && nowMs < endMs;
}

function ask(onEnd: () => void): void {
  const askedMs = performance.now();
  if (isCounted()) seen.offered += 1;
  const end = (status: number): void => {
    if (isCounted()) count(status, performance.now() - askedMs);
    onEnd();
  };
  get(asked.url, { agent }, (response) => {
    response.resume();
    response.once("end", () => end(response.statusCode ?? 0));
    response.once("error", () => end(0));
  }).once("error", () => end(0));
}

function count(status: number, tookMs: number): void {
  if (status === 200) seen.good += 1;
  else if (status === 429 || status === 503) {
    seen.refused += 1;
    if (refusedMs.length < TOLD_MAX) refusedMs.push(tookMs);
    else if (Math.random() * seen.refused < TOLD_MAX)
      refusedMs[Math.floor(Math.random() * TOLD_MAX)] = tookMs;
  } else seen.failed += 1;
}

function call(): void {
  if (performance.now() < endMs) ask(call);
}

function arrive(perSecond: number, startedMs: number): void {
  let arrived = 0;
  const tick = (): void => {
    const nowMs = performance.now();
    if (nowMs >= endMs) return;
    const due = Math.floor(((nowMs - startedMs) * perSecond) / 1_000);
    for (; arrived < due; arrived += 1) ask(() => undefined);
    setTimeout(tick, TICK_MS);
  };
  tick();
}

if ("callers" in asked.load) for (let i = 0; i < asked.load.callers; i += 1) call();
else arrive(asked.load.perSecond, performance.now());
setTimeout(
  () => {
    process.send?.({ ...seen, refusedMs }, () => process.exit(0));
  },
  endMs - performance.now() + 50,
);

/**
 * Load on one URL, from a process of its own: a fixed number of callers, or requests that arrive at
 * a fixed rate however long earlier ones take. Says by IPC what came of them, and ends. It speaks
 * no more HTTP than it needs, so that the one who is measured is not the one who measures.
 */
import { connect, type Socket } from "node:net";

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
const { hostname, port, pathname, host } = new URL(asked.url);
const REQUEST = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const idle: Connection[] = [];
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
  (idle.pop() ?? new Connection()).ask(end);
}

/** One that is kept; it has one request at a time. */
class Connection {
  readonly #socket: Socket;
  #text = "";
  #onEnd: ((status: number) => void) | undefined;

  constructor() {
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (part) => this.#take(String(part)));
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => this.#close());
  }

  ask(onEnd: (status: number) => void): void {
    this.#onEnd = onEnd;
    this.#socket.write(REQUEST);
  }

  #take(part: string): void {
    this.#text += part;
    const head = this.#text.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /\r\ncontent-length: *([0-9]+)/i.exec(this.#text);
    const isWhole =
      length === null
        ? this.#text.endsWith("\r\n0\r\n\r\n")
        : this.#text.length >= head + 4 + Number(length[1]);
    if (!isWhole) return;
    const status = Number(this.#text.slice(9, 12));
    const onEnd = this.#onEnd;
    this.#text = "";
    this.#onEnd = undefined;
    idle.push(this);
    onEnd?.(status);
  }

  #close(): void {
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    this.#onEnd?.(0);
  }
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

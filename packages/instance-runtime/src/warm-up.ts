/**
 * What a blank does before it is parked: it loads what answers need, and sends requests through a
 * throw-away runtime over a pipe in memory, so that the first real request finds every path loaded
 * and compiled. Nothing of it leaves the process and nothing of it stays reachable. The figures
 * that justify it are in this package's README.
 */
import type { RequestHead, SpecialiseHead } from "@skerry/contracts";
import { assert } from "@skerry/base";
import {
  bufferText,
  Link,
  type BytePipe,
  type OpenedStream,
  type PipeListener,
  type StreamHandler,
} from "@skerry/link";
import { redirectConsole } from "./console.ts";
import { findHandler } from "./handler.ts";
import { compileCommonJs, runCommonJs } from "./load-code.ts";
import { LogLines } from "./log-lines.ts";
import type { WarmKind } from "./node-flags.ts";
import type { Surroundings } from "./ports.ts";
import { createRuntime, type LoadCode } from "./runtime.ts";
import { collectGarbage } from "./tidy.ts";

export interface WarmUpDeps {
  readonly surroundings: Surroundings;
  /**
   * The kind of handler to be ready for. Fetch costs 4 MB more: `Request` and `Response` bring
   * Node's HTTP along.
   */
  readonly kind: Exclude<WarmKind, "none">;
  /** Any file that exists; it is only read. */
  readonly runtimePath: string;
}

/** Resolves when the process is as warm as it gets. Rejects only for a bug of this package. */
export async function warmUp({ surroundings, kind, runtimePath }: WarmUpDeps): Promise<void> {
  const quiet = quietLog(surroundings);
  const loader = loaderOf(SOURCES[kind], runtimePath, quiet.console);
  const peer = loopback(quiet.surroundings, loader);
  await ask(peer, JSON.stringify(SPECIALISE));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const request of REQUESTS) await ask(peer, JSON.stringify(request.head), request.body);
  }
  peer.close("the warm-up is over");
  collectGarbage();
  await new Promise<void>((resolve) => void surroundings.clock.schedule(SWEEP_MS, resolve));
}

const ROUNDS = 6;
/**
 * V8 gives pages back on its other thread for some milliseconds more, for which it comes to this
 * one again and again. A blank that rests meanwhile would do the remainder when it is woken.
 */
const SWEEP_MS = 20;

const SOURCES = {
  event: `let console; exports.use = (own) => { console = own; };
  exports.handler = async (event) => {
    console.log("warm", { a: 1 });
    await null;
    return event.type === "http" ? { statusCode: 200, headers: { "x-warm": "1" }, body: "warm" } : { ok: true };
  };`,
  fetch: `let console; exports.use = (own) => { console = own; };
  exports.default = { async fetch(request) {
    console.error(new Error("warm"));
    if (request.method === "GET") return new Response("warm", { headers: { "x-warm": "1" } });
    return Response.json({ warm: await request.json(), path: new URL(request.url).pathname });
  } };`,
};

const SPECIALISE: SpecialiseHead = {
  op: "specialise",
  codeDirectory: "/",
  handler: "handler",
  names: { app: "", fn: "", revision: "" },
  instanceId: "",
  env: {},
  memoryMb: 0,
  timeoutMs: 1,
  payloadBytesMax: 1 << 20,
};

const HEADERS = ["host", "warm", "content-type", "application/json", "accept", "*/*"];
const BODY = Buffer.from('{"warm":true,"list":[1,2,3],"text":"warm"}');
const REQUESTS: readonly { readonly head: RequestHead; readonly body?: Uint8Array }[] = [
  { head: { op: "request", id: "warm", m: "EVENT", u: "/", h: [], a: "warm" }, body: BODY },
  { head: { op: "request", id: "warm", m: "GET", u: "/a?b=c&d=e", h: HEADERS, a: "warm" } },
  { head: { op: "request", id: "warm", m: "POST", u: "/a", h: HEADERS, a: "warm" }, body: BODY },
];

interface QuietLog {
  readonly console: Console;
  readonly surroundings: Surroundings;
}

/** The real log path with an end that swallows everything. */
function quietLog(surroundings: Surroundings): QuietLog {
  const lines = new LogLines({
    tryWrite: (bytes) => bytes.length,
    clock: surroundings.clock,
    scheduleFlush: surroundings.atTurnEnd,
    pause: () => undefined,
  });
  const log: Surroundings["log"] = (level, message, requestId) =>
    lines.line(level, message, requestId);
  const target = {} as Console;
  redirectConsole(target, log);
  return { console: target, surroundings: { ...surroundings, log } };
}

function loaderOf(source: string, runtimePath: string, quiet: Console): LoadCode {
  return () => {
    const cachedData = compileCommonJs(runtimePath, source).createCachedData();
    const script = compileCommonJs(runtimePath, source, cachedData);
    const loaded = runCommonJs(script, runtimePath) as { use(quiet: Console): void };
    loaded.use(quiet);
    const handler = findHandler(loaded, "handler");
    assert(handler.kind !== "missing", "the warm-up's own code has a handler");
    const took = { codeUs: 0, initUs: 0, codeCacheUsed: true };
    return Promise.resolve({ handler, ...took, createCodeCache: () => undefined });
  };
}

/** A link in memory with a runtime at its far end. */
function loopback(surroundings: Surroundings, loadCode: LoadCode): Link {
  const { clock, atTurnEnd: scheduleFlush } = surroundings;
  const [near, far] = memoryPipes(scheduleFlush);
  const runtime = createRuntime(surroundings, loadCode);
  const text = bufferText(Buffer);
  const shared = { peer: "warm-up", hello: {} };
  const accept = (opened: OpenedStream): StreamHandler => runtime.accept(opened);
  new Link({ pipe: far, clock, text, scheduleFlush }, { side: "acceptor", ...shared, accept });
  return new Link({ pipe: near, clock, text, scheduleFlush }, { side: "initiator", ...shared });
}

function memoryPipes(later: (run: () => void) => void): readonly [BytePipe, BytePipe] {
  const listeners: [PipeListener?, PipeListener?] = [];
  const end = (own: 0 | 1): BytePipe => ({
    write: (bytes) => {
      later(() => listeners[own === 0 ? 1 : 0]?.onBytes(Buffer.from(bytes)));
      return true;
    },
    start: (listener) => void (listeners[own] = listener),
    pause: () => undefined,
    resume: () => undefined,
    destroy: () => void listeners.splice(0),
  });
  return [end(0), end(1)];
}

/** Resolves when the answer has ended. */
function ask(link: Link, head: string, body?: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onEnd = (end: boolean): void => void (end && resolve());
    link.open(
      head,
      { end: true, ...(body === undefined ? {} : { body }) },
      {
        onReply: (_head, _body, end) => onEnd(end),
        onBody: (_chunk, end) => onEnd(end),
        onWritable: () => undefined,
        onFailed: reject,
      },
    );
  });
}

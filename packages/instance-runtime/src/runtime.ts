/**
 * The life of an instance: blank, then specialised to one revision for good, then requests, many at
 * once. A second specialise is refused whatever it carries: an instance that took another's code
 * would keep the first one's state (CVE-2018-11756). Requests to a blank are refused.
 */
import type {
  CodeCacheReply,
  InstanceHead,
  RequestHead,
  RunHead,
  RunReply,
  SpecialiseHead,
  SpecialiseReply,
} from "@skerry/contracts";
import {
  IGNORING_STREAM,
  type LinkStream,
  type OpenedStream,
  type StreamHandler,
} from "@skerry/link";
import { Call } from "./call.ts";
import { runEvent } from "./event-call.ts";
import { runFetch } from "./fetch-call.ts";
import type { Handler, WebHandler } from "./handler.ts";
import { createRequestMaker } from "./incoming-request.ts";
import type { InstanceFacts } from "./invocation-context.ts";
import type { Surroundings } from "./ports.ts";
import { describeError, inspectError } from "./user-error.ts";

/** What specialising gives: the handler and how loading went. */
export interface LoadedCode {
  readonly handler: Handler | WebHandler;
  readonly codeUs: number;
  readonly initUs: number;
  readonly codeCacheUsed: boolean;
  createCodeCache(): Uint8Array | undefined;
}

/**
 * Loads the code of a specialise; resolves to why not when it exports no handler; throws what the
 * code threw.
 */
export type LoadCode = (head: SpecialiseHead) => Promise<LoadedCode | { readonly missing: string }>;

export interface Runtime {
  /** Takes a stream that the peer opened. */
  accept(opened: OpenedStream): StreamHandler;
}

type State =
  | { readonly kind: "blank" | "loading" | "failed" }
  | {
      readonly kind: "ready";
      readonly code: LoadedCode;
      readonly run: (call: Call) => Promise<void>;
    };

/** Runs a command of a build to its end. Never rejects. */
export type RunCommand = (head: RunHead) => Promise<RunReply>;

/** Without `runCommand` it is no runtime for builds, and refuses to be one. */
export function createRuntime(
  deps: Surroundings,
  loadCode: LoadCode,
  runCommand: RunCommand = () => Promise.resolve(NO_COMMANDS),
): Runtime {
  let state: State = { kind: "blank" };

  const specialise = async (stream: LinkStream, head: SpecialiseHead): Promise<void> => {
    if (state.kind !== "blank") {
      replyJson(stream, ALREADY_SPECIALISED);
      return;
    }
    state = { kind: "loading" };
    const { reply, code } = await load(deps, loadCode, head);
    state =
      code === undefined
        ? { kind: "failed" }
        : { kind: "ready", code, run: runnerOf(deps, code, head) };
    replyJson(stream, reply);
  };

  const runOnce = async (stream: LinkStream, head: RunHead): Promise<void> => {
    if (state.kind !== "blank") {
      replyJson(stream, ALREADY_SPECIALISED);
      return;
    }
    state = { kind: "loading" };
    replyJson(stream, await runCommand(head));
  };

  const request = (opened: OpenedStream, head: RequestHead): StreamHandler => {
    if (state.kind !== "ready") {
      opened.stream.cancel(`the instance is ${state.kind}`);
      return IGNORING_STREAM;
    }
    const { run } = state;
    const call = new Call(opened, head, deps.clock);
    deps.runAs(call, () => void run(call));
    return call;
  };

  return {
    accept(opened) {
      const head = parseHead(opened.head);
      switch (head?.op) {
        case "request":
          return request(opened, head);
        case "specialise":
          void specialise(opened.stream, head);
          return IGNORING_STREAM;
        case "run":
          void runOnce(opened.stream, head);
          return IGNORING_STREAM;
        case "code-cache":
          replyCodeCache(opened.stream, state.kind === "ready" ? state.code : undefined);
          return IGNORING_STREAM;
        default:
          opened.stream.cancel("a head that this runtime does not know");
          return IGNORING_STREAM;
      }
    },
  };
}

const ALREADY_SPECIALISED: SpecialiseReply = {
  ok: false,
  name: "AlreadySpecialised",
  message: "An instance takes the code of one revision once in its life.",
};

const NO_COMMANDS: RunReply = { ok: false, how: "this runtime runs no commands" };

const NO_CODE_CACHE: CodeCacheReply = {
  ok: false,
  name: "NoCodeCache",
  message: "There is a code cache only of a CommonJS bundle that was loaded.",
};

async function load(
  deps: Surroundings,
  loadCode: LoadCode,
  head: SpecialiseHead,
): Promise<{ readonly reply: SpecialiseReply; readonly code?: LoadedCode }> {
  try {
    const code = await loadCode(head);
    if ("missing" in code) {
      deps.log("error", code.missing);
      return { reply: { ok: false, name: "HandlerMissing", message: code.missing } };
    }
    const { codeUs, initUs, codeCacheUsed, handler } = code;
    return { code, reply: { ok: true, handlerKind: handler.kind, codeUs, initUs, codeCacheUsed } };
  } catch (error) {
    deps.log("error", inspectError(error));
    return { reply: { ok: false, ...describeError(error) } };
  }
}

function runnerOf(
  deps: Surroundings,
  { handler }: LoadedCode,
  head: SpecialiseHead,
): (call: Call) => Promise<void> {
  if (handler.kind === "web") return handler.pass;
  const facts = factsOf(head, deps.openStream);
  const threw = (call: Call, error: unknown): void => {
    deps.log("error", inspectError(error), call.id);
    call.failed({ kind: "failed", ...describeError(error) });
  };
  const callDeps = { ...deps, facts, payloadBytesMax: head.payloadBytesMax, threw };
  if (handler.kind === "fetch") {
    const fetchDeps = { ...callDeps, makeRequest: createRequestMaker() };
    return (call) => runFetch(call, handler.call, fetchDeps);
  }
  return (call) => runEvent(call, handler.call, callDeps);
}

function factsOf(head: SpecialiseHead, openStream: Surroundings["openStream"]): InstanceFacts {
  return {
    app: head.names.app,
    function: head.names.fn,
    revision: head.names.revision,
    instanceId: head.instanceId,
    memoryMb: head.memoryMb,
    timeoutMs: head.timeoutMs,
    env: Object.freeze({ ...head.env }),
    payloadBytesMax: head.payloadBytesMax,
    openStream,
  };
}

/** Heads come from the platform's own processes, which are trusted to keep the contract's shape. */
function parseHead(text: string): InstanceHead | undefined {
  try {
    return JSON.parse(text) as InstanceHead;
  } catch {
    return undefined;
  }
}

function replyJson(stream: LinkStream, reply: SpecialiseReply | RunReply): void {
  stream.reply(JSON.stringify(reply), undefined, true);
}

function replyCodeCache(stream: LinkStream, code: LoadedCode | undefined): void {
  const cache = code?.createCodeCache();
  const head: CodeCacheReply = cache === undefined ? NO_CODE_CACHE : { ok: true };
  stream.reply(JSON.stringify(head), cache, true);
}

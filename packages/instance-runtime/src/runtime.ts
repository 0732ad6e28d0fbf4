/**
 * The life of an instance: blank, then specialised to one revision for good, then requests, many at
 * once. A second specialise is refused whatever it carries: an instance that took another's code
 * would keep the first one's state (CVE-2018-11756). Requests to a blank are refused.
 */
import { createMask, secretForms } from "@skerry/base";
import type {
  CodeCacheReply,
  InstanceHead,
  RequestHead,
  RunHead,
  RunReply,
  SpecialiseHead,
  SpecialiseReply,
} from "@skerry/contracts";
import { shapesOf } from "@skerry/event-shapes";
import {
  IGNORING_STREAM,
  type LinkStream,
  type OpenedStream,
  type StreamHandler,
} from "@skerry/link";
import { Call } from "./call.ts";
import { callingBack } from "./callback-handler.ts";
import { runEvent } from "./event-call.ts";
import { runFetch, runUpgrade } from "./fetch-call.ts";
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
  /** What the code does before it is stopped. */
  readonly preStop?: (() => unknown) | undefined;
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
  /** Takes what the peer said when it let go of the link: a specialise, or it is not looked at. */
  takeLastWord(text: string): void;
}

type State =
  | { readonly kind: "blank" | "loading" | "failed" }
  | {
      readonly kind: "ready";
      readonly code: LoadedCode;
      readonly run: (call: Call) => Promise<void>;
      readonly mask: Call["mask"];
    };

/** Runs a command of a build to its end. Never rejects. */
export type RunCommand = (head: RunHead) => Promise<RunReply>;

/** Without `runCommand` it is no runtime for builds, and refuses to be one. */
export function createRuntime(
  deps: Surroundings,
  loadCode: LoadCode,
  runCommand: RunCommand = () => Promise.resolve(NO_COMMANDS),
): Runtime {
  const life = createLife(deps, loadCode, runCommand);

  const request = (opened: OpenedStream, head: RequestHead): StreamHandler => {
    const state = life.state();
    if (state.kind !== "ready") {
      opened.stream.cancel(`the instance is ${state.kind}`);
      return IGNORING_STREAM;
    }
    const call = new Call(opened, head, deps.clock);
    call.mask = state.mask;
    deps.runAs(call, () => void state.run(call));
    return call;
  };

  const answerOnce = (stream: LinkStream, head: InstanceHead | undefined): void => {
    switch (head?.op) {
      case "specialise":
        return life.specialise(stream, head);
      case "loaded":
        return life.replyLoaded(stream);
      case "run":
        return void life.runOnce(stream, head);
      case "pre-stop":
        return void runPreStop(deps, stream, codeOf(life.state()));
      case "abort":
        deps.askToEnd(head.r);
        stream.reply("{}", undefined, true);
        return;
      case "code-cache":
        return replyCodeCache(stream, codeOf(life.state()));
      default:
        return stream.cancel("a head that this runtime does not know");
    }
  };

  return {
    accept(opened) {
      const head = parseHead(opened.head);
      if (head?.op === "request") return request(opened, head);
      answerOnce(opened.stream, head);
      return IGNORING_STREAM;
    },
    takeLastWord(text) {
      const head = parseHead(text);
      if (head?.op === "specialise") life.loadParked(head);
    },
  };
}

interface Life {
  readonly state: () => State;
  readonly specialise: (stream: LinkStream, head: SpecialiseHead) => void;
  /** Loads the code while nobody holds the link; `replyLoaded` tells whoever is next. */
  readonly loadParked: (head: SpecialiseHead) => void;
  readonly replyLoaded: (stream: LinkStream) => void;
  readonly runOnce: (stream: LinkStream, head: RunHead) => Promise<void>;
}

function createLife(deps: Surroundings, loadCode: LoadCode, runCommand: RunCommand): Life {
  let state: State = { kind: "blank" };
  let loaded: Promise<SpecialiseReply> | undefined;

  const loadOnce = async (head: SpecialiseHead): Promise<SpecialiseReply> => {
    const { reply, code } = await load(deps, loadCode, head);
    state =
      code === undefined
        ? { kind: "failed" }
        : { kind: "ready", code, run: runnerOf(deps, code, head), mask: maskOf(head) };
    return reply;
  };

  return {
    state: () => state,
    specialise(stream, head) {
      if (state.kind !== "blank") return replyJson(stream, ALREADY_SPECIALISED);
      state = { kind: "loading" };
      void loadOnce(head).then((reply) => replyJson(stream, reply));
    },
    loadParked(head) {
      const isBlank = state.kind === "blank";
      if (isBlank) state = { kind: "loading" };
      loaded ??= isBlank ? loadOnce(head) : Promise.resolve(ALREADY_SPECIALISED);
    },
    replyLoaded(stream) {
      if (loaded === undefined) stream.cancel("nothing was loaded while the link was parked");
      else void loaded.then((reply) => replyJson(stream, reply));
    },
    async runOnce(stream, head) {
      if (state.kind !== "blank") return replyJson(stream, ALREADY_SPECIALISED);
      state = { kind: "loading" };
      replyJson(stream, await runCommand(head));
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
    const { codeUs, initUs, codeCacheUsed, handler, preStop } = code;
    const took = { handlerKind: handler.kind, codeUs, initUs, codeCacheUsed };
    const parts = preStop === undefined ? {} : ({ preStop: true } as const);
    return { code, reply: { ok: true, ...took, ...parts } };
  } catch (error) {
    deps.log("error", inspectError(error));
    const { name, message } = describeError(error);
    const mask = maskOf(head) ?? ((text: string) => text);
    return { reply: { ok: false, name: mask(name), message: mask(message) } };
  }
}

function runnerOf(
  deps: Surroundings,
  { handler }: LoadedCode,
  head: SpecialiseHead,
): (call: Call) => Promise<void> {
  if (handler.kind === "web") return handler.pass;
  const facts = factsOf(head, deps);
  const threw = (call: Call, error: unknown): void => {
    deps.log("error", inspectError(error), call.id);
    call.failed({ kind: "failed", ...describeError(error) });
  };
  const callDeps = { ...deps, facts, payloadBytesMax: head.payloadBytesMax, threw };
  if (handler.kind === "fetch") {
    const fetchDeps = { ...callDeps, makeRequest: createRequestMaker() };
    return (call) => {
      const run = call.head.up === undefined ? runFetch : runUpgrade;
      return run(call, handler.call, fetchDeps);
    };
  }
  const handle = handler.callsBack === true ? callingBack(handler.call, deps.log) : handler.call;
  const shapes = shapesOf({ ...facts, eventFormat: head.eventFormat });
  const eventDeps = { ...callDeps, shapes };
  return (call) => runEvent(call, handle, eventDeps);
}

function factsOf(head: SpecialiseHead, { openStream, log, clock }: Surroundings): InstanceFacts {
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
    log,
    clock,
  };
}

/** Of what the function is given as secrets. The agent keeps them out of its log. */
function maskOf({ env, secrets = [] }: SpecialiseHead): Call["mask"] {
  const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  return createMask(secrets.flatMap((name) => secretForms(env[name] ?? "", base64)));
}

/** Heads come from the platform's own processes, which are trusted to keep the contract's shape. */
function parseHead(text: string): InstanceHead | undefined {
  try {
    return JSON.parse(text) as InstanceHead;
  } catch {
    return undefined;
  }
}

function codeOf(state: State): LoadedCode | undefined {
  return state.kind === "ready" ? state.code : undefined;
}

/** The last that the code does; nothing else of it runs. */
async function runPreStop(
  { log }: Surroundings,
  stream: LinkStream,
  code: LoadedCode | undefined,
): Promise<void> {
  try {
    await code?.preStop?.();
  } catch (error) {
    log("error", `preStop failed: ${inspectError(error)}`);
  }
  stream.reply("{}", undefined, true);
}

function replyJson(stream: LinkStream, reply: SpecialiseReply | RunReply): void {
  stream.reply(JSON.stringify(reply), undefined, true);
}

function replyCodeCache(stream: LinkStream, code: LoadedCode | undefined): void {
  const cache = code?.createCodeCache();
  const head: CodeCacheReply = cache === undefined ? NO_CODE_CACHE : { ok: true };
  stream.reply(JSON.stringify(head), cache, true);
}

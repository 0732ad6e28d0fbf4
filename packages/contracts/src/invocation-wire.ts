/**
 * What travels on an instance's link: JSON heads of OPEN and REPLY. Agent and gateway are the
 * initiators, the instance the acceptor. Keys of the per-request heads are short, since they are
 * written and read for every request.
 */
import type { ActionFacts } from "./actions.ts";
import type { ForeignFormat } from "./function-defaults.ts";
import type { ColdReason } from "./metering.ts";
import type { HandlerKind } from "./handler-kind.ts";

/** Facts that a caller of an instance tells at HELLO. */
export type InstanceCaller = "agent" | "gateway" | "builder";

/** Opens a request. The body of the stream is the request's body. */
export interface RequestHead {
  readonly op: "request";
  /** Request id, a UUIDv7. */
  readonly id: string;
  /** HTTP method; `EVENT` when the body is the event itself (an invocation, not a URL call). */
  readonly m: string;
  /** Path and query as the function sees them, beginning with `/`. */
  readonly u: string;
  /** Header names (lower case) and values in turn. */
  readonly h: readonly string[];
  /** Authority the caller used, for absolute URLs. */
  readonly a: string;
  /** Why this request waited for a start, unless it was warm. */
  readonly c?: ColdReason;
  /** Id of the request whose handler made this call, when a function did. */
  readonly p?: string;
  /** What the caller tells beside the event: base64 of JSON, checked. */
  readonly cc?: string;
  /** The accepted invocation that this is an attempt of; absent for a synchronous call. */
  readonly iv?: InvocationFacts;
  /** The action that it is a run of. */
  readonly ac?: ActionFacts;
  /** The client asks to leave HTTP; its `h` say so too. */
  readonly up?: UpgradeAsked;
}

/** What an attempt knows of its invocation. */
export interface InvocationFacts {
  /** Request id of the first attempt, too. */
  readonly id: string;
  /** Counts attempts from 1. */
  readonly n: number;
}

/**
 * What a client asks to switch to. A reply with the status 101 and an `upgrade` header that names
 * the protocol agrees: from then on the stream's bodies are the connection's bytes, each way ended
 * by itself. Any other reply is an ordinary answer.
 */
export interface UpgradeAsked {
  /** Protocol, in lower case: `websocket`. */
  readonly p: string;
  /** How long the connection may last, milliseconds. */
  readonly ms: number;
}

/** Answers a request. The body of the stream is the response's body. */
export interface ReplyHead {
  readonly s: number;
  readonly h: readonly string[];
  /** Microseconds from the arrival of the head in the instance to this answer. */
  readonly t: number;
  /** Set when the body is passed on as it comes, also an event handler's. */
  readonly st?: true;
  /** Set when the function failed; there is no body then. */
  readonly e?: ReplyError;
}

export interface ReplyError {
  readonly kind: "failed" | "bad_response" | "too_large";
  readonly name: string;
  readonly message: string;
}

/** Turns a blank into an instance of one revision; at most once in its life. */
export interface SpecialiseHead {
  readonly op: "specialise";
  /** Directory inside the sandbox with the artefact. */
  readonly codeDirectory: string;
  readonly handler: string;
  /** Names for context and logs. */
  readonly names: { readonly app: string; readonly fn: string; readonly revision: string };
  readonly instanceId: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  /** Shape of the events of URL calls, and of what a handler makes of them; absent is its own. */
  readonly eventFormat?: ForeignFormat;
  /** Bytes of a buffered answer that the instance refuses to pass. */
  readonly payloadBytesMax: number;
  /**
   * Names of the function's `connect`: the runtime listens for each and sets NAME_HOST, NAME_PORT.
   */
  readonly connect?: readonly string[];
  /** Names in `env` whose values are secrets: they are kept out of errors and lines of the log. */
  readonly secrets?: readonly string[];
  /** True: nothing outside may be reached, and no proxy is offered. */
  readonly noWeb?: true;
  /** True in a build, which only looks whether the code loads: its `init` hook is not run. */
  readonly noInit?: true;
}

/**
 * When `specialise` was the last word of the peer before: the reply is SpecialiseReply, as soon as
 * it is known. For runtimes whose HELLO says `takesLastWord`.
 */
export interface LoadedHead {
  readonly op: "loaded";
}

/**
 * Before an instance that said `preStop` is stopped, while nothing else runs on it: runs its hook,
 * or ends its web server. The remaining ms are how long it is waited for. Answered with `{}`.
 */
export interface PreStopHead {
  readonly op: "pre-stop";
}

/**
 * Asks the handler of a live request to come to its end by itself: its signal aborts. Its answer is
 * still taken. Answered with `{}`; a runtime that does not know it cancels the stream, and the
 * request is ended later.
 */
export interface AbortHead {
  readonly op: "abort";
  /** Id of the request. */
  readonly r: string;
}

export type SpecialiseReply =
  | {
      readonly ok: true;
      readonly handlerKind: HandlerKind;
      readonly codeUs: number;
      readonly initUs: number;
      /** True when V8 took the code cache. */
      readonly codeCacheUsed: boolean;
      /** The code has something to do before it is stopped. */
      readonly preStop?: true;
    }
  | { readonly ok: false; readonly name: string; readonly message: string };

/** After specialise, in a build sandbox: the reply's body is V8's code cache of the bundle. */
export interface CodeCacheHead {
  readonly op: "code-cache";
}

/** Not ok for a module that has none, such as an ES module; the body is empty then. */
export type CodeCacheReply =
  | { readonly ok: true }
  | { readonly ok: false; readonly name: string; readonly message: string };

/**
 * Instead of specialise, in a build sandbox: runs a command to its end. What it prints is raw
 * output. The caller is a `builder` and takes the streams by which the command reaches the network.
 */
export interface RunHead {
  readonly op: "run";
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

export type RunReply = { readonly ok: true } | { readonly ok: false; readonly how: string };

export type InstanceHead =
  | RequestHead
  | SpecialiseHead
  | LoadedHead
  | CodeCacheHead
  | RunHead
  | PreStopHead
  | AbortHead;

/** What a built artefact holds; `artefact.json` in its directory. */
export type ArtefactManifest = BundleManifest | FolderManifest;

interface LoadedOnce {
  readonly handlerKind: HandlerKind | null;
  /** What the code said when it was first loaded, if it failed. */
  readonly initFailure: { readonly name: string; readonly message: string } | null;
  /** Digest of the environment that it was loaded with; not in artefacts of releases before. */
  readonly loadedWith?: string;
}

/** Code for Node's event and fetch handlers. */
export interface BundleManifest extends LoadedOnce {
  readonly format: 1;
  /** Bundle file, relative to the artefact directory. */
  readonly bundle: string;
  readonly bundleFormat: "cjs" | "esm";
  /** V8 code cache of the bundle, when one could be made. */
  readonly codeCache: string | null;
  /** How many other files of the source lie beside the bundle, where the code may read them. */
  readonly assetFiles: number;
}

/** The source's files as they are. Exactly one of `entry` and `program` is there. */
export interface FolderManifest extends LoadedOnce {
  readonly format: 2;
  /** File that the runtime loads the handler from, relative to the artefact directory. */
  readonly entry: string | null;
  readonly program: ProgramManifest | null;
}

/** A program that the runtime's shim starts beside itself in the sandbox. */
export interface ProgramManifest {
  /** Program and arguments; run in the artefact directory. */
  readonly command: readonly string[];
  /** `http` listens on `port`; `events` fetches its events from the shim, or listens instead. */
  readonly serves: "http" | "events";
  readonly port: number;
}

/**
 * A log line as the runtime writes it to stdout: RS (0x1e), this as JSON, LF. Other lines are raw
 * output.
 */
export interface RuntimeLogLine {
  /** Wall milliseconds. */
  readonly t: number;
  readonly l: "debug" | "info" | "warn" | "error";
  /** Request id when the runtime knows which request wrote it. */
  readonly r?: string;
  readonly m: string;
}
/** First byte of a structured line: ASCII record separator, as in RFC 7464. */
export const LOG_LINE_MARK = "\u001e";

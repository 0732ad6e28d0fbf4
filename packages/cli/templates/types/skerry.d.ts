/**
 * What Skerry gives a function on Node, for TypeScript. Import types from it:
 *
 *   import type { Context, HttpEvent } from "./skerry.d.ts";
 *
 * Nothing of it is there at run time. `npx skerry init types DIR` writes it into a folder.
 */

/** What an event handler gets when its URL is called. */
export interface HttpEvent {
  readonly type: "http";
  readonly requestId: string;
  readonly method: string;
  /** Path as sent, without the query; percent escapes are left as they are. */
  readonly path: string;
  readonly rawQuery: string;
  /** Decoded; a name given several times has its values joined by commas. */
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case; repeated ones joined by `, ` (cookies by `; `). */
  readonly headers: Readonly<Record<string, string>>;
  /** Text, or base64 of what is none. */
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** What an event handler may answer a URL call with, to say more than a body of JSON. */
export interface HttpResult {
  /** 200 to 599. */
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Values of `set-cookie`. */
  readonly cookies?: readonly string[];
  /** Text, bytes, or base64 with `isBase64Encoded`. */
  readonly body?: string | Uint8Array | null;
  readonly isBase64Encoded?: boolean;
}

/** A handler of events: the export `handler`, or the default. What it returns is the answer. */
export type Handler<Event = unknown, Result = unknown> = (
  event: Event,
  context: Context,
) => Result | PromiseLike<Result>;

/** A handler of web requests: the default export. */
export interface FetchHandler {
  fetch(
    request: Request,
    env: Readonly<Record<string, string>>,
    context: Context,
  ): Response | PromiseLike<Response>;
}

/** Second argument of event handlers, third of fetch handlers. */
export interface Context extends InstanceContext {
  readonly requestId: string;
  /** Of the accepted invocation that this is an attempt of; a synchronous call's is its own. */
  readonly invocationId: string;
  /** Counts the attempts of an invocation from 1. */
  readonly attempt: number;
  /** The action that this is a run of; undefined when it is none. */
  readonly action: ActionRun | undefined;
  /** The function's own: the most that a request may take. This one may have less. */
  readonly timeoutMs: number;
  /** Wall clock milliseconds at which the platform stops waiting for the answer. */
  readonly deadlineMs: number;
  /** Milliseconds until then; 0 when it has passed. */
  remainingMs(): number;
  /** Why this request waited for a start; undefined on a warm one. */
  readonly coldReason: string | undefined;
  /**
   * Aborts when the caller gives the request up, or its invocation is cancelled: then the handler
   * has a moment to end by itself, and its answer is kept.
   */
  readonly signal: AbortSignal;
  /** The caller's trace, or one that begins here. */
  readonly trace: Trace;
  /** Request id of the function that called by `context.call`; undefined for any other caller. */
  readonly parentRequestId: string | undefined;
  /** What the caller tells beside the event, in `X-Skerry-Client-Context`. */
  readonly clientContext: unknown;
  /**
   * Says how far an accepted invocation is, in 4 KiB of JSON at most: a number from 0 to 1, or more.
   * Those that come close together are joined. On any other call it does nothing.
   */
  progress(value: number | Progress): void;
  /** Says that the handler is alive, for the function's `async.heartbeatMs`. */
  heartbeat(): void;
  /** Keeps the instance running until `work` is settled, for `backgroundTimeoutMs` at most. */
  waitUntil(work: PromiseLike<unknown>): void;
  /** Calls the function `APP/FN` and resolves to the whole answer as it comes. */
  call(
    target: string,
    payload: unknown,
    options: CallOptions & { readonly stream: true },
  ): Promise<StreamedAnswer>;
  /** Calls the function `APP/FN` and resolves to its result: of JSON, text, or bytes. */
  call<Result = unknown>(target: string, payload?: unknown, options?: CallOptions): Promise<Result>;
  /** Publishes messages to a topic of the account, or to `$bus`: resolves once all are on disk. */
  publish(
    topic: string,
    messages: readonly MessageToPublish[],
    options?: PublishOptions,
  ): Promise<readonly MessagePlace[]>;
  /** Publishes one message with this content: JSON or bytes. To `$bus` it is an event. */
  publish(topic: string, content: unknown, options?: PublishOptions): Promise<MessagePlace>;
  /** Makes a WebSocket of the request: `socket` opens when the handler returns `response`. */
  upgradeWebSocket(
    request: Request,
    options?: { readonly protocol?: string },
  ): { readonly socket: WebSocket; readonly response: Response };
}

/** How far a job is. */
export interface Progress {
  readonly done?: number;
  readonly total?: number;
  readonly message?: string;
  /** Whatever else is JSON. */
  readonly [more: string]: unknown;
}

/** What the hooks `init` and `preStop` get. */
export interface InstanceContext {
  readonly app: string;
  readonly function: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly memoryMb: number;
  readonly env: Readonly<Record<string, string>>;
}

/** The exports `init`, before an instance's first request, and `preStop`, before it is stopped. */
export type Hook = (context: InstanceContext) => unknown;

/** A run of an action, and what ran it. */
export interface ActionRun {
  readonly name: string;
  readonly drive: "timer" | "event" | "game" | "manual";
  /** Names the drive of the action: `APP/NAME:DRIVE`. */
  readonly triggerId: string;
  /** Names the run; the same for each of its attempts. */
  readonly executionId: string;
  /** Whose ticket it was. */
  readonly player: string | undefined;
  /** Of the server that signed, or that the ticket was issued with. */
  readonly serverKeyId: string | undefined;
}

/** The trace that a request belongs to. What a handler sends on carries `traceparent`. */
export interface Trace {
  readonly traceId: string;
  /** The span in which the handler runs. */
  readonly spanId: string;
  /** The caller asked for the trace to be kept. */
  readonly sampled: boolean;
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

export interface CallOptions {
  /** Longest wait for the answer; never longer than the calling request has left. */
  readonly timeoutMs?: number;
  /** Gives the answer as it comes, whatever its status. */
  readonly stream?: boolean;
  /** The same call under the same key runs once, and is answered the same. Not with `stream`. */
  readonly idempotencyKey?: string;
  /** Gives the call up. */
  readonly signal?: AbortSignal;
}

/** One of many messages to publish. */
export interface MessageToPublish {
  /** JSON, or bytes; text where `contentType` begins with text/. */
  readonly data?: unknown;
  /** Bytes instead of `data`. */
  readonly base64?: string;
  /** Messages of one key keep their order. */
  readonly key?: string;
  /** `application/json` when absent. */
  readonly contentType?: string;
  /** When it happened, as ISO 8601. */
  readonly time?: string;
  /** Attributes of its CloudEvent, such as `type` and `subject`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is said of a message beside its content; of many, of those that do not say it. */
export interface PublishOptions extends Omit<MessageToPublish, "data" | "base64"> {
  /** The same messages under the same key are there once, however often they are published. */
  readonly idempotencyKey?: string;
}

/** Where a message lies in its topic. */
export interface MessagePlace {
  readonly partition: number;
  readonly offset: number;
}

/** The answer of a call with `stream: true`. */
export interface StreamedAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Request id of the call. */
  readonly requestId: string | undefined;
  readonly body: ReadableStream<Uint8Array>;
}

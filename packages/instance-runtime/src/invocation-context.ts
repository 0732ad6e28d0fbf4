/** What a handler is told about its request, and the way it learns that the caller gave up. */
import {
  formatTraceparent,
  isSampled,
  parseTraceparent,
  spanIdOf,
  TRACE_HEADERS,
  traceIdOf,
  type ColdReason,
} from "@skerry/contracts";
import type { Call } from "./call.ts";
import { callFunction, type CallOptions, type OpenStream } from "./outgoing-call.ts";

/** Facts of the instance, the same for each of its requests. */
export interface InstanceFacts {
  readonly app: string;
  readonly function: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly payloadBytesMax: number;
  readonly openStream: OpenStream;
}

/** The trace that a request belongs to. What a handler sends on carries `traceparent`. */
export interface InvocationTrace {
  readonly traceId: string;
  /** The span in which the handler runs. */
  readonly spanId: string;
  /** The caller asked for the trace to be kept. */
  readonly sampled: boolean;
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

/** Second argument of event handlers, third of fetch handlers. */
export class InvocationContext {
  readonly requestId: string;
  readonly app: string;
  readonly function: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly memoryMb: number;
  /** Wall clock milliseconds at which the platform stops waiting for the answer. */
  readonly deadlineMs: number;
  /** Why this request waited for a start; undefined on a warm one. */
  readonly coldReason: ColdReason | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Request id of the function that called by `context.call`; undefined for any other caller. */
  readonly parentRequestId: string | undefined;
  readonly #call: Call;
  readonly #facts: InstanceFacts;

  constructor(call: Call, facts: InstanceFacts) {
    this.requestId = call.id;
    this.app = facts.app;
    this.function = facts.function;
    this.revision = facts.revision;
    this.instanceId = facts.instanceId;
    this.memoryMb = facts.memoryMb;
    this.deadlineMs = call.deadlineWallMs(facts.timeoutMs);
    this.coldReason = call.head.c;
    this.env = facts.env;
    this.parentRequestId = call.head.p;
    this.#call = call;
    this.#facts = facts;
  }

  /** Aborts when the caller gives the request up. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }

  /** The caller's trace, or one that begins here. */
  get trace(): InvocationTrace {
    const { head } = this.#call;
    const sent = parseTraceparent(headerOf(head.h, TRACE_HEADERS.parent) ?? "");
    const { id } = head;
    const context = sent ?? { traceId: traceIdOf(id), parentId: spanIdOf(id), flags: 0 };
    return {
      traceId: context.traceId,
      spanId: context.parentId,
      sampled: isSampled(context),
      traceparent: formatTraceparent(context),
      tracestate: sent === undefined ? undefined : headerOf(head.h, TRACE_HEADERS.state),
    };
  }

  /** Milliseconds until the deadline; 0 when it has passed. */
  remainingMs(): number {
    return this.#call.remainingMs(this.deadlineMs);
  }

  /**
   * Calls another function and resolves to its result, or to a StreamedAnswer with `stream`. What
   * it rejects with is told at `callFunction`. A rejection that nobody handles is not a crash: the
   * call may have been given up because its request was answered.
   */
  call(target: string, payload?: unknown, options: CallOptions = {}): Promise<unknown> {
    const { openStream, payloadBytesMax: answerBytesMax } = this.#facts;
    const { requestId } = this;
    const remainingMs = this.remainingMs();
    const asked = { requestId, target, payload, options, remainingMs, answerBytesMax };
    const result = callFunction(openStream, asked);
    result.catch(() => undefined);
    return result;
  }
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}

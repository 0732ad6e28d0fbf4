/** What a handler is told about its request, and the way it learns that the caller gave up. */
import {
  formatTraceparent,
  isSampled,
  parseTraceparent,
  spanIdOf,
  TRACE_HEADERS,
  traceIdOf,
} from "@skerry/base";
import type { ColdReason, Drive } from "@skerry/contracts";
import { BackgroundWork } from "./background-work.ts";
import type { Call, UpgradedSocket, UpgradeOptions } from "./call.ts";
import { clientContextOf } from "./client-context.ts";
import { fail } from "./errors.ts";
import { nameAsElsewhere } from "./foreign-names.ts";
import { callFunction, type CallOptions, type OpenStream } from "./outgoing-call.ts";
import {
  publishMessages,
  type MessagePlace,
  type MessageToPublish,
  type PublishOptions,
} from "./outgoing-publish.ts";
import type { Surroundings } from "./ports.ts";
import { ProgressReports, readProgress } from "./progress.ts";

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
  readonly log: Surroundings["log"];
  readonly clock: Surroundings["clock"];
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

/** The action that a request is a run of, and what ran it. */
export interface InvocationAction {
  readonly name: string;
  readonly drive: Drive;
  /** Names the drive of the action: `APP/NAME:DRIVE`. */
  readonly triggerId: string;
  /** Names the run; the same for each of its attempts. */
  readonly executionId: string;
  /** Whose ticket it was. */
  readonly player: string | undefined;
  /** Of the server that signed, or that the ticket was issued with. */
  readonly serverKeyId: string | undefined;
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
  deadlineMs: number;
  /** Why this request waited for a start; undefined on a warm one. */
  readonly coldReason: ColdReason | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Request id of the function that called by `context.call`; undefined for any other caller. */
  readonly parentRequestId: string | undefined;
  readonly #call: Call;
  readonly #facts: InstanceFacts;
  #background: BackgroundWork | undefined;

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

  /** The function's own: the most that a request may take. This one may have less. */
  get timeoutMs(): number {
    return this.#facts.timeoutMs;
  }

  /** Of the accepted invocation that this is an attempt of; a synchronous call's is its own. */
  get invocationId(): string {
    return this.#call.head.iv?.id ?? this.requestId;
  }

  /** Counts the attempts of an invocation from 1. */
  get attempt(): number {
    return this.#call.head.iv?.n ?? 1;
  }

  /** Undefined when it is not a run of an action. */
  get action(): InvocationAction | undefined {
    const { ac } = this.#call.head;
    if (ac === undefined) return undefined;
    const { n: name, d: drive, t: triggerId, p: player, k: serverKeyId } = ac;
    return { name, drive, triggerId, executionId: this.invocationId, player, serverKeyId };
  }

  /**
   * Aborts when the caller gives the request up, or its invocation is cancelled: then the handler
   * has a moment to end by itself, and its answer is kept.
   */
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

  /**
   * Says how far an accepted invocation is: a number from 0 to 1, or `{ done, total, message }`, or
   * any JSON of at most 4 KiB. Those that come close together are joined. On any other call it does
   * nothing. Throws PROGRESS_INVALID.
   */
  progress(value: unknown): void {
    const told = readProgress(value);
    if (this.#call.head.iv !== undefined) this.#reports.add(told);
  }

  /** Says that the handler is alive, as `progress` does, for the function's `async.heartbeatMs`. */
  heartbeat(): void {
    if (this.#call.head.iv !== undefined) this.#reports.add();
  }

  get #reports(): ProgressReports {
    return (this.#call.reports ??= new ProgressReports(this.#facts, this.requestId));
  }

  /** What the caller tells beside the event, in `X-Skerry-Client-Context`. */
  get clientContext(): unknown {
    return clientContextOf(this.#call.head.cc);
  }

  /**
   * Keeps the instance running until `work` is settled, also after the answer, as long as the
   * function's `backgroundTimeoutMs` allows. What it rejects with is logged under this request and
   * counted as a failure of the function. Call it before the answer has ended.
   */
  waitUntil(work: PromiseLike<unknown>): void {
    this.#background ??= new BackgroundWork(this.#facts, this.requestId);
    this.#background.add(work);
  }

  /** Milliseconds until the deadline; 0 when it has passed. */
  remainingMs(): number {
    return this.#call.remainingMs(this.deadlineMs);
  }

  /**
   * Makes a WebSocket of the request: `socket` opens when the handler returns `response`. From then
   * on `deadlineMs` is the end of the longest time that it may be open. `request` is the one that
   * the handler was given. Throws UPGRADE_NOT_ASKED when the client did not ask for it.
   */
  upgradeWebSocket(_request: Request, options: UpgradeOptions = {}): UpgradedSocket {
    const { offer, head } = this.#call;
    if (offer === undefined || head.up === undefined) {
      throw fail("UPGRADE_NOT_ASKED", { asked: "nothing" });
    }
    const upgraded = offer.accept(options);
    this.deadlineMs = this.#call.wallMsIn(head.up.ms);
    return upgraded;
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

  /**
   * Publishes to a topic of the account: one message, whose content is given, or an array of
   * messages. Resolves to where they lie once they are on disk, all of them or none; what it
   * rejects with is told at `publishMessages`. A rejection that nobody handles is not a crash.
   */
  publish(
    topic: string,
    messages: readonly MessageToPublish[],
    options?: PublishOptions,
  ): Promise<readonly MessagePlace[]>;
  publish(topic: string, content: unknown, options?: PublishOptions): Promise<MessagePlace>;
  publish(topic: string, content: unknown, options: PublishOptions = {}): Promise<unknown> {
    const { requestId } = this;
    const asked = { requestId, topic, content, options, remainingMs: this.remainingMs() };
    const places = publishMessages(this.#facts.openStream, asked);
    const result = Array.isArray(content) ? places : places.then(([place]) => place);
    result.catch(() => undefined);
    return result;
  }
}

nameAsElsewhere(InvocationContext.prototype);

function headerOf(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}

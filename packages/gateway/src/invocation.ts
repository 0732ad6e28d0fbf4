/**
 * One request from its admission to its one answer and its one metering record. Whatever happens
 * first settles it: the instance's answer, a refusal, the timeout, the client leaving, the
 * instance's end. What comes later is ignored. Settling frees the slot at once; record and answer
 * leave together at the end of the turn.
 */
import type { PlatformError, RequestId } from "@skerry/base";
import {
  failFunction,
  isSampled,
  LIMITS,
  type ColdReason,
  type FunctionEntry,
  type InstanceExit,
  type MeterIds,
  type MeterRecord,
  type Outcome,
  type ReplyHead,
  type RequestHead,
} from "@skerry/contracts";
import type { LinkStream, StreamHandler } from "@skerry/link";
import { anatomyOf, anatomyOfWait, billedUsOf, type Anatomy, type VainWait } from "./anatomy.ts";
import type { Shown } from "./answer.ts";
import type { BodyHold } from "./body-budget.ts";
import type { Due } from "./deadlines.ts";
import type { Casualty, Instance, InstanceEnd } from "./instance.ts";
import type { Metered, Settled } from "./meter-turn.ts";
import type { Recipient } from "./recipient.ts";
import { readReply } from "./reply.ts";
import type { RequestTrace } from "./trace.ts";
import type { Upload } from "./upload.ts";

export interface InvocationRequest {
  readonly id: RequestId;
  /** HTTP method, or `EVENT`. */
  readonly method: string;
  readonly url: string;
  readonly authority: string;
  /** What the function may see, flat. */
  readonly headers: readonly string[];
  readonly arrivedMs: number;
  readonly startWallMs: number;
  /** The caller holds a key for this function and is shown the anatomy. */
  readonly showsAnatomy: boolean;
  /** Undefined unless the caller sent a trace. */
  readonly trace: RequestTrace | undefined;
  /** Set when the handler of another request calls. */
  readonly call?: CallFacts;
}

/** What a call has from the request whose handler makes it. */
export interface CallFacts {
  readonly parentId: RequestId;
  /** How many calls lie between it and a request from outside, itself included. */
  readonly depth: number;
  /** When its caller stops waiting, on the monotonic clock. */
  readonly deadlineMs: number;
}

/** What a request's handler opened; it ends with the request. */
export interface Dependant {
  requestEnded(): void;
}

/** What an invocation tells its function's shell. */
export interface InvocationOwner {
  readonly entry: FunctionEntry;
  /** Ids for records without an instance. */
  readonly ids: MeterIds;
  now(): number;
  /** It waits or runs no longer. */
  ended(invocation: Invocation): void;
  /** Record and deliver at the end of the turn. */
  settled(invocation: Invocation): void;
  /** The instance broke the rules of the answer. */
  broken(instance: Instance): void;
  /** A handler that runs alone in the instance was given up before its end. */
  interrupted(instance: Instance): void;
}

export interface Dispatch {
  readonly coldReason: ColdReason;
  readonly resumed: boolean;
  /** The instance takes more than one request at once. */
  readonly shared: boolean;
}

/** A start that a refused request had waited for. */
export type VainStart = Pick<VainWait, "coldReason" | "initUs">;

type Answer =
  | { readonly kind: "whole"; readonly head: ReplyHead; readonly body: Uint8Array }
  | { readonly kind: "failure"; readonly error: PlatformError }
  | { readonly kind: "bodyEnd"; readonly last: Uint8Array }
  /** Part of a body has left: the client must not take it for the whole. */
  | { readonly kind: "reset" }
  | { readonly kind: "nobody" };

type Phase = "reading" | "waiting" | "live" | "streaming" | "settled";

const EMPTY = new Uint8Array(0);
const NOT_WAITED = anatomyOfWait({ waitedUs: 0, coldReason: "warm", initUs: undefined });
const CANCELLED_STATUS = 499;
/** Told even when the client did not wait for the end. */
const INSTANCE_OUTCOMES: ReadonlySet<Outcome> = new Set(["timeout", "crashed", "out_of_memory"]);

export class Invocation implements StreamHandler, Settled, Casualty, Due {
  readonly request: InvocationRequest;
  readonly #owner: InvocationOwner;
  readonly #recipient: Recipient;
  phase: Phase = "reading";
  instance: Instance | undefined;
  dispatchedMs = 0;
  endedMs = 0;
  dueMs = 0;
  dueIn: object | undefined;
  dueBefore: Due | undefined;
  dueAfter: Due | undefined;
  /** What its body has of the gateway's budget while it waits. */
  bodyHold: BodyHold | undefined;
  /** Other requests run in the same instance. */
  shared = false;
  /** The client is gone, but the handler may not be interrupted and is waited for. */
  abandoned = false;
  #entry: FunctionEntry;
  #dependants: Set<Dependant> | undefined;
  #body: Uint8Array = EMPTY;
  #upload: Upload | undefined;
  #stream: LinkStream | undefined;
  #queuedMs = 0;
  #coldReason: ColdReason = "warm";
  #resumed = false;
  #vainInitUs: number | undefined;
  #head: ReplyHead | undefined;
  #headMs: number | undefined;
  #parts: Uint8Array[] | undefined;
  #bytesOut = 0;
  #outcome: Outcome = "ok";
  #status = 0;
  #answer: Answer = { kind: "nobody" };
  #anatomy: Anatomy | undefined;

  constructor(owner: InvocationOwner, request: InvocationRequest, recipient: Recipient) {
    this.#owner = owner;
    this.#entry = owner.entry;
    this.request = request;
    this.#recipient = recipient;
  }

  /** The function, as it was when the request was dispatched, or else when it came. */
  get entry(): FunctionEntry {
    return this.#entry;
  }

  /** Its handler runs in an instance and has not answered to the end. */
  get isLive(): boolean {
    return this.phase === "live" || this.phase === "streaming";
  }

  /** Ends `dependant` with this request, which must be live. */
  attach(dependant: Dependant): void {
    this.#dependants ??= new Set();
    this.#dependants.add(dependant);
  }

  detach(dependant: Dependant): void {
    this.#dependants?.delete(dependant);
  }

  /**
   * Its turn to wait for a slot has come; the body is whole, or will be passed on as it arrives.
   */
  queued(body: Uint8Array | Upload): void {
    this.phase = "waiting";
    this.#queuedMs = this.#owner.now();
    if (body instanceof Uint8Array) this.#body = body;
    else this.#upload = body;
  }

  /** Sends it to an instance. */
  dispatch(instance: Instance, how: Dispatch): void {
    const { request } = this;
    this.phase = "live";
    this.instance = instance;
    this.shared = how.shared;
    this.dispatchedMs = this.#owner.now();
    this.#entry = this.#owner.entry;
    this.#coldReason = instance.solicited ? how.coldReason : "warm";
    this.#resumed = how.resumed;
    const head: RequestHead = {
      op: "request",
      id: request.id,
      m: request.method,
      u: request.url,
      h: request.headers,
      a: request.authority,
      ...(this.#coldReason === "warm" ? {} : { c: this.#coldReason }),
      ...(request.call === undefined ? {} : { p: request.call.parentId }),
    };
    const remainingMs = this.#remainingMs();
    const end = this.#upload === undefined;
    try {
      const text = JSON.stringify(head);
      this.#stream = instance.link.open(text, { remainingMs, body: this.#body, end }, this);
    } catch (error) {
      const why = (error as Error).message;
      this.#fail(
        "unavailable",
        failFunction("FUNCTION_UNAVAILABLE", this.#details({ why }), error),
      );
      return;
    }
    this.bodyHold?.release();
    this.#upload?.start(this.#stream);
  }

  #remainingMs(): number {
    const { timeoutMs } = this.#entry.latest.config;
    const { call } = this.request;
    if (call === undefined) return timeoutMs;
    return Math.max(1, Math.min(timeoutMs, Math.floor(call.deadlineMs - this.dispatchedMs)));
  }

  onReply(text: string, body: Uint8Array, end: boolean): void {
    if (this.phase !== "live") return;
    this.#headMs = this.#owner.now();
    const head = readReply(text);
    if ("why" in head) return this.#lied(head.why);
    this.#head = head;
    if (head.e !== undefined) return this.#failAs(head.e.kind, head.e);
    if (end) return this.#answerWhole(head, body);
    if (this.instance?.grant.handlerKind === "event") return this.#gather(body, end);
    this.#openBody(head);
    this.onBody(body, end);
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.phase === "live") return this.#gather(chunk, end);
    if (this.phase !== "streaming") return;
    this.#bytesOut += chunk.length;
    if (end) return this.#settle("ok", { kind: "bodyEnd", last: chunk });
    this.#writeOut(chunk);
  }

  onWritable(): void {
    this.#upload?.resume();
  }

  onFailed(error: PlatformError): void {
    if (this.phase === "settled") return;
    if (error.reason !== "LINK_STREAM_CANCELLED") {
      this.instance?.addCasualty(this);
    } else if (this.phase === "streaming") {
      this.#settle("function_error", { kind: "reset" });
    } else {
      this.#failAs("bad_response", { message: "the instance gave the request up" });
    }
  }

  /** The router or the front refuses it, perhaps after it has waited for a start. */
  refuse(outcome: Outcome, error: PlatformError, start?: VainStart): void {
    if (this.phase === "settled") return;
    if (start !== undefined) {
      this.#coldReason = start.coldReason;
      this.#vainInitUs = start.initUs;
    }
    this.#fail(outcome, error);
  }

  timedOut(): void {
    if (!this.isLive) return;
    const { timeoutMs } = this.#entry.latest.config;
    this.#stream?.cancel("timeout");
    const requestId = this.request.id;
    this.#fail(
      "timeout",
      failFunction("FUNCTION_TIMEOUT", this.#details({ timeoutMs, requestId })),
    );
  }

  /**
   * The client left. A handler that runs alone in its instance is not interrupted before it
   * answers, unless it can wait for the rest of its body in vain.
   */
  clientLeft(): void {
    if (this.phase === "settled") return;
    const isAlone = this.phase === "live" && !this.shared;
    if (isAlone && this.#upload?.isWhole !== false) {
      this.abandoned = true;
      return;
    }
    this.#stream?.cancel("the client left");
    if (isAlone && this.instance !== undefined) this.#owner.interrupted(this.instance);
    this.#settle("cancelled", { kind: "nobody" });
  }

  instanceEnded(end: InstanceEnd): void {
    if (this.phase === "settled") return;
    if (end.kind === "cut") return this.#failCrashed(end.why);
    const { exit } = end;
    if (exit?.stopped === true) {
      return this.#fail("unavailable", failFunction("FUNCTION_STOPPED", this.#details({})));
    }
    const { memoryMb } = this.#entry.latest.config;
    if (exit?.outOfMemory === true) {
      const error = failFunction("FUNCTION_OUT_OF_MEMORY", this.#details({ memoryMb }));
      return this.#fail("out_of_memory", error);
    }
    this.#failCrashed(describeExit(exit));
  }

  meter(): Metered {
    const { request, instance } = this;
    const { latest, id } = this.#entry;
    const ids = instance?.ids ?? this.#owner.ids;
    const anatomy = this.#anatomy ?? NOT_WAITED;
    const record: MeterRecord = {
      ...anatomy,
      requestId: request.id,
      functionId: id,
      revisionId: instance?.grant.revisionId ?? latest.id,
      instanceId: instance?.grant.instanceId,
      outcome: this.#outcome,
      status: this.#status,
      memoryMb: latest.config.memoryMb,
      startWallMs: this.#startWallMs(),
      bytesIn: this.#upload?.bytes ?? this.#body.length,
      bytesOut: this.#bytesOut,
      billedUs: instance === undefined ? 0 : billedUsOf(anatomy),
    };
    const { trace } = request;
    return {
      record,
      ids,
      trace:
        trace === undefined || !isSampled(trace)
          ? undefined
          : { ...trace, requestId: request.id, startWallMs: record.startWallMs },
    };
  }

  /**
   * When it was there as far as it had to be: the time that a client takes to send a body is its
   * own.
   */
  #startWallMs(): number {
    const { arrivedMs, startWallMs } = this.request;
    return this.#queuedMs === 0 ? startWallMs : startWallMs + this.#queuedMs - arrivedMs;
  }

  deliver(): void {
    const answer = this.#answer;
    const recipient = this.#recipient;
    if (recipient.isGone && answer.kind !== "bodyEnd") return;
    switch (answer.kind) {
      case "whole":
        return recipient.sendWhole({ ...this.#shown(), head: answer.head, body: answer.body });
      case "failure":
        return recipient.sendFailure(answer.error, this.#shown());
      case "bodyEnd":
        return recipient.end(answer.last);
      case "reset":
        return recipient.reset();
      case "nobody":
    }
  }

  #shown(): Shown {
    const { showsAnatomy, id } = this.request;
    return { requestId: id, anatomy: showsAnatomy ? this.#anatomy : undefined };
  }

  #answerWhole(head: ReplyHead, body: Uint8Array): void {
    this.#bytesOut = body.length;
    this.#settle("ok", { kind: "whole", head, body });
  }

  /** The answer of an event handler, in pieces; it is passed on whole or not at all. */
  #gather(chunk: Uint8Array, end: boolean): void {
    const { payloadBytesMax } = LIMITS;
    this.#parts ??= [];
    this.#parts.push(chunk);
    this.#bytesOut += chunk.length;
    if (this.#bytesOut > payloadBytesMax) {
      this.#stream?.cancel("the answer is too large");
      return this.#failAs("too_large", { message: "" });
    }
    this.#stream?.grant(chunk.length);
    if (end && this.#head !== undefined) this.#answerWhole(this.#head, Buffer.concat(this.#parts));
  }

  #openBody(head: ReplyHead): void {
    this.phase = "streaming";
    this.#status = head.s;
    if (this.abandoned) {
      this.#stream?.cancel("the client left");
      return this.#settle("cancelled", { kind: "nobody" });
    }
    const { id: requestId, showsAnatomy } = this.request;
    const anatomy = showsAnatomy ? this.#passageAnatomy(this.#owner.now()) : undefined;
    try {
      this.#recipient.begin(head, { requestId, anatomy });
    } catch (error) {
      this.#lied((error as Error).message);
    }
  }

  /** Grants the instance more once the client has taken what there was. */
  #writeOut(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const grant = (): void => this.#stream?.grant(chunk.length);
    try {
      if (this.#recipient.write(chunk)) return grant();
    } catch {
      // More bytes than announced: the recipient has reset its connection.
      this.#stream?.cancel("more body than announced");
      return this.#settle("bad_response", { kind: "reset" });
    }
    // A rejection means that the client left, which its close event tells as well.
    this.#recipient.drained().then(grant, () => undefined);
  }

  #lied(why: string): void {
    const { instance } = this;
    this.#stream?.cancel("a bad answer");
    if (instance !== undefined) this.#owner.broken(instance);
    this.#failAs("bad_response", { message: why });
  }

  #failAs(
    kind: "failed" | "bad_response" | "too_large",
    said: { readonly name?: string; readonly message: string },
  ): void {
    const requestId = this.request.id;
    if (kind === "too_large") {
      const details = this.#details({ what: "answer", bytesMax: LIMITS.payloadBytesMax });
      this.#fail("too_large", failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details));
    } else if (kind === "bad_response") {
      const details = this.#details({ why: said.message });
      this.#fail("bad_response", failFunction("FUNCTION_BAD_RESPONSE", details));
    } else {
      const thrown = { errorName: said.name ?? "Error", errorMessage: said.message, requestId };
      this.#fail("function_error", failFunction("FUNCTION_FAILED", this.#details(thrown)));
    }
  }

  #failCrashed(exit: string): void {
    this.#fail("crashed", failFunction("FUNCTION_CRASHED", this.#details({ exit })));
  }

  #fail(outcome: Outcome, error: PlatformError): void {
    const begun = this.phase === "streaming";
    if (!begun) this.#bytesOut = 0;
    this.#settle(outcome, begun ? { kind: "reset" } : { kind: "failure", error });
  }

  #settle(outcome: Outcome, answer: Answer): void {
    this.#outcome = this.abandoned && !INSTANCE_OUTCOMES.has(outcome) ? "cancelled" : outcome;
    this.#answer = this.abandoned ? { kind: "nobody" } : answer;
    this.#status = this.#statusOf(this.#answer);
    this.endedMs = this.#owner.now();
    this.#anatomy = this.#passageAnatomy(this.endedMs) ?? this.#waitAnatomy(this.endedMs);
    this.bodyHold?.release();
    this.#upload?.stop();
    const stream = this.#stream;
    this.#owner.ended(this);
    this.phase = "settled";
    // A stream still open here belongs to a request that was answered before its body was read.
    stream?.cancel("answered");
    if (this.#dependants !== undefined) {
      for (const dependant of this.#dependants) dependant.requestEnded();
    }
    this.#owner.settled(this);
  }

  #statusOf(answer: Answer): number {
    if (answer.kind === "whole") return answer.head.s;
    if (answer.kind === "failure") return answer.error.httpStatus;
    return answer.kind === "nobody" ? CANCELLED_STATUS : this.#status;
  }

  #passageAnatomy(endedMs: number): Anatomy | undefined {
    const { instance, dispatchedMs } = this;
    if (instance === undefined) return undefined;
    const headMs = this.#headMs;
    return anatomyOf({
      queuedMs: this.#queuedMs,
      dispatchedMs,
      endedMs,
      coldReason: this.#coldReason,
      resumed: this.#resumed,
      grant: instance.grant,
      readyMs: instance.readyMs,
      toldUs: this.#head?.t,
      headUs: headMs === undefined ? undefined : (headMs - dispatchedMs) * 1000,
    });
  }

  /** Undefined when it was refused before it could wait. */
  #waitAnatomy(endedMs: number): Anatomy | undefined {
    if (this.#queuedMs === 0) return undefined;
    const waitedUs = (endedMs - this.#queuedMs) * 1000;
    return anatomyOfWait({ waitedUs, coldReason: this.#coldReason, initUs: this.#vainInitUs });
  }

  #details(more: Readonly<Record<string, string | number>>): Record<string, string | number> {
    const { app, name } = this.#entry;
    return { function: `${app}/${name}`, ...more };
  }
}

function describeExit(exit: InstanceExit | undefined): string {
  if (typeof exit?.signal === "string") return `signal ${exit.signal}`;
  return typeof exit?.code === "number" ? `exit code ${exit.code}` : "its link ended";
}

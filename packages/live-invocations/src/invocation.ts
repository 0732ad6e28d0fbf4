/**
 * One request from its admission to its one answer and its one metering record. Whatever happens
 * first settles it: the instance's answer, a refusal, the timeout, the client leaving, the
 * instance's end. What comes later is ignored. Settling frees the slot at once; record and answer
 * leave together at the end of the turn.
 */
import type {
  Casualty,
  Instance,
  InstanceEnd,
  StreamFault,
  StreamWatch,
} from "@skerry/instance-links";
import { type PlatformError, type RequestId, isSampled } from "@skerry/base";
import {
  attemptTimeoutOf,
  LIMITS,
  streamLimitsOf,
  type ActionMeterEntry,
  type ColdReason,
  type FunctionEntry,
  type MeterIds,
  type MeterRecord,
  type Outcome,
  type ReplyHead,
  type RequestHead,
  type StreamLimits,
} from "@skerry/contracts";
import type { LinkStream, StreamHandler } from "@skerry/link";
import { anatomyOf, anatomyOfWait, billedUsOf, type Anatomy, type VainWait } from "./anatomy.ts";
import type { Shown } from "./answer.ts";
import type { BodyHold } from "./body-budget.ts";
import type { Due, DueQueue } from "./deadlines.ts";
import { GatheredBody } from "./gathered-body.ts";
import type { Metered, Settled } from "./meter-turn.ts";
import type { Recipient } from "./recipient.ts";
import type { Ongoing } from "./interim-records.ts";
import { isLong, type InvocationRequest } from "./invocation-request.ts";
import type { OpenConnection } from "./open-connections.ts";
import { readReply, SWITCHED_STATUS } from "./reply.ts";
import type { Closing, SwitchedConnection } from "./switched.ts";
import {
  answeredBadly,
  answeredTooMuch,
  diedWith,
  failedAs,
  notSent,
  tookTooLong,
  wentWithAgent,
  type Unanswered,
} from "./unanswered.ts";
import type { Upload } from "./upload.ts";

/** What a request's handler opened; it ends with the request. */
export interface Dependant {
  requestEnded(): void;
}

/** Work of the handler that goes on after the answer. */
export interface Background {
  readonly isOver: boolean;
  /** The request has ended; `release` runs when the work has too. */
  outlive(release: () => void): void;
  /** The request timed out: so does what it left. */
  giveUp(): void;
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
  settled(settled: Settled): void;
  /** Its head has left: `limits` bound it from now on, and its timeout does not. */
  streaming(invocation: Invocation, limits: StreamLimits | undefined): StreamWatch | undefined;
  /** Its connection has left HTTP. */
  switched(invocation: Invocation): void;
  /** What went on after its head has come to its end. */
  left(invocation: Invocation): void;
  /** The instance broke the rules of the answer. */
  broken(instance: Instance): void;
  /** A handler that runs alone in the instance was given up before its end. */
  interrupted(instance: Instance): void;
  /** Ends a live one, and its instance where nothing else runs there. */
  giveUp(invocation: Invocation, why: Unanswered): void;
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
  /** A connection that has left HTTP is ended from here. */
  | { readonly kind: "close"; readonly closing: Closing }
  | { readonly kind: "nobody" };

type Phase = "reading" | "waiting" | "live" | "streaming" | "settled";

const EMPTY = new Uint8Array(0);
const NOT_WAITED = anatomyOfWait({ waitedUs: 0, coldReason: "warm", initUs: undefined });
const CANCELLED_STATUS = 499;
/** Told even when the client did not wait for the end. */
const INSTANCE_OUTCOMES: ReadonlySet<Outcome> = new Set(["timeout", "crashed", "out_of_memory"]);

export class Invocation implements StreamHandler, Settled, Casualty, OpenConnection, Ongoing, Due {
  readonly request: InvocationRequest;
  readonly #owner: InvocationOwner;
  readonly #recipient: Recipient;
  phase: Phase = "reading";
  instance: Instance | undefined;
  dispatchedMs = 0;
  endedMs = 0;
  dueMs = 0;
  dueIn: DueQueue | undefined;
  dueBefore: Due | undefined;
  dueAfter: Due | undefined;
  /** What its body has of the gateway's budget while it waits. */
  bodyHold: BodyHold | undefined;
  /** Other requests run in the same instance. */
  shared = false;
  /** What its handler said goes on after its answer. */
  background: Background | undefined;
  /** The client is gone, but the handler may not be interrupted and is waited for. */
  abandoned = false;
  /** How it ended, once it has. */
  outcome: Outcome = "ok";
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
  #gathered: GatheredBody | undefined;
  #watch: StreamWatch | undefined;
  #switched: SwitchedConnection | undefined;
  #bytesOut = 0;
  #status = 0;
  #answer: Answer = { kind: "nobody" };
  #anatomy: Anatomy | undefined;

  constructor(owner: InvocationOwner, request: InvocationRequest, recipient: Recipient) {
    this.#owner = owner;
    this.#entry = owner.entry;
    this.request = request;
    this.#recipient = recipient;
  }

  /** Its answer goes to a client. */
  get passesOn(): boolean {
    return true;
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
      ...(request.clientContext === undefined ? {} : { cc: request.clientContext }),
    };
    const remainingMs = this.#remainingMs();
    const end = this.#upload === undefined && request.upgrade === undefined;
    try {
      const isPlain = request.upgrade === undefined && request.attempt === undefined;
      const isWhole = isPlain && request.action === undefined;
      const text = JSON.stringify(isWhole ? head : this.#withMore(head));
      this.#stream = instance.link.open(text, { remainingMs, body: this.#body, end }, this);
    } catch (error) {
      this.#fail(notSent(this.#entry, error));
      return;
    }
    this.bodyHold?.release();
    this.#upload?.start(this.#stream);
  }

  /** What few requests say; JSON leaves out what is undefined. */
  #withMore(head: RequestHead): object {
    const { upgrade: p, attempt: iv, action: ac } = this.request;
    this.request.side?.begun();
    const { maxDurationMs: ms } = streamLimitsOf(this.#entry.latest.config);
    return { ...head, iv, ac, up: p === undefined ? undefined : { p, ms } };
  }

  #remainingMs(): number {
    const { config } = this.#entry.latest;
    const { call } = this.request;
    if (isLong(this.request)) return attemptTimeoutOf(config);
    const { timeoutMs } = config;
    if (call === undefined) return timeoutMs;
    return Math.max(1, Math.min(timeoutMs, Math.floor(call.deadlineMs - this.dispatchedMs)));
  }

  onReply(text: string, body: Uint8Array, end: boolean): void {
    if (this.phase !== "live") return;
    this.#headMs = this.#owner.now();
    const head = readReply(text);
    if ("why" in head) return this.#lied(head.why);
    this.#head = head;
    if (head.e !== undefined) return this.#fail(failedAs(this.#entry, this.request.id, head.e));
    if (head.s === SWITCHED_STATUS) return this.#switch(head, body, end);
    if (end) return this.#answerWhole(head, body);
    const isStream = head.st === true || this.instance?.grant.handlerKind !== "event";
    if (!isStream) return this.#gather(body, end);
    this.#openBody(head);
    this.onBody(body, end);
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.phase === "live") return this.#gather(chunk, end);
    if (this.phase !== "streaming") return;
    this.#bytesOut += chunk.length;
    this.#watch?.touch();
    if (this.#switched !== undefined) return this.#switched.take(chunk, end);
    if (end) return this.#settle("ok", { kind: "bodyEnd", last: chunk });
    this.#writeOut(chunk);
  }

  onWritable(): void {
    this.#upload?.resume();
    this.#switched?.resume();
  }

  /** Bytes of a connection that has left HTTP. */
  moved(): void {
    this.#watch?.touch();
  }

  /** Both sides of such a connection have ended. */
  ended(): void {
    this.#settle("ok", { kind: "bodyEnd", last: EMPTY });
  }

  closeWith(closing: Closing): void {
    if (this.phase !== "streaming") return;
    this.#stream?.cancel(closing.why);
    this.#settle("unavailable", { kind: "close", closing });
  }

  /** What bounds it after its head has left is over. */
  expired(fault: StreamFault): void {
    if (this.phase !== "streaming") return;
    const { idleTimeoutMs, maxDurationMs } = streamLimitsOf(this.#entry.latest.config);
    const why =
      fault === "silent" ? `silent for ${idleTimeoutMs} ms` : `open for ${maxDurationMs} ms`;
    this.#stream?.cancel(why);
    this.#settle("timeout", { kind: "close", closing: { code: 1001, why } });
  }

  onFailed(error: PlatformError): void {
    if (this.phase === "settled") return;
    if (error.reason !== "LINK_STREAM_CANCELLED") {
      this.instance?.addCasualty(this);
    } else if (this.#switched?.hasServerEnded === true) {
      // It had said all it had to say, and does not wait for the client's end.
      this.ended();
    } else if (this.phase === "streaming") {
      this.#settle("function_error", { kind: "reset" });
    } else {
      this.#fail(answeredBadly(this.#entry, "the instance gave the request up"));
    }
  }

  /** The router or the front refuses it, perhaps after it has waited for a start. */
  refuse(outcome: Outcome, error: PlatformError, start?: VainStart): void {
    if (this.phase === "settled") return;
    if (start !== undefined) {
      this.#coldReason = start.coldReason;
      this.#vainInitUs = start.initUs;
    }
    this.#fail({ outcome, error });
  }

  /** It is told as having taken too long, unless there is another reason. */
  givenUp(why: Unanswered = tookTooLong(this.#entry, this.request)): void {
    if (!this.isLive) return;
    this.#stream?.cancel(why.outcome);
    this.#fail(why);
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
    if (this.#switched !== undefined) {
      const isWhole = this.#switched.hasServerEnded;
      return this.#settle(isWhole ? "ok" : "cancelled", { kind: "reset" });
    }
    if (isAlone && this.instance !== undefined) this.#owner.interrupted(this.instance);
    this.#settle("cancelled", { kind: "nobody" });
  }

  instanceEnded(end: InstanceEnd): void {
    if (this.phase === "settled") return;
    // A job may run for longer than any drain waits: that is no fault of it.
    const isMadeAgain = this.request.attempt !== undefined && end.kind === "exited";
    const wentAlong = isMadeAgain && end.withAgent === true;
    this.#fail(wentAlong ? wentWithAgent(this.#entry) : diedWith(this.#entry, end));
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
      outcome: this.outcome,
      status: this.#status,
      memoryMb: latest.config.memoryMb,
      startWallMs: this.#startWallMs(),
      bytesIn: this.#switched?.bytesIn ?? this.#upload?.bytes ?? this.#body.length,
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
      action: this.#actionEntry(),
      alias: request.alias,
    };
  }

  interim(): Metered {
    const { record, ...metered } = this.meter();
    const anatomy = this.#passageAnatomy(this.#owner.now()) ?? NOT_WAITED;
    const ended = { outcome: "gateway_lost", billedUs: billedUsOf(anatomy) } as const;
    return { ...metered, record: { ...record, ...anatomy, ...ended } };
  }

  #actionEntry(): ActionMeterEntry | undefined {
    const { action, attempt, id } = this.request;
    if (action === undefined) return undefined;
    const executionId = (attempt?.id ?? id) as RequestId;
    return { drive: action.d, triggerId: action.t, executionId };
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
      case "close":
        if (this.#switched?.close(answer.closing) !== true) recipient.reset();
        return;
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
    this.#gathered ??= new GatheredBody();
    this.#gathered.add(chunk);
    this.#bytesOut += chunk.length;
    if (this.#bytesOut > payloadBytesMax) {
      this.#stream?.cancel("the answer is too large");
      return this.#fail(answeredTooMuch(this.#entry));
    }
    this.#stream?.grant(chunk.length);
    if (end && this.#head !== undefined) this.#answerWhole(this.#head, this.#gathered.whole());
  }

  #openBody(head: ReplyHead): void {
    this.phase = "streaming";
    this.#status = head.s;
    if (this.abandoned) {
      this.#stream?.cancel("the client left");
      return this.#settle("cancelled", { kind: "nobody" });
    }
    this.#watch = this.#owner.streaming(this, this.#entry.latest.config.streams);
    try {
      this.#recipient.begin(head, this.#shownAtHead());
    } catch (error) {
      return this.#lied((error as Error).message);
    }
    // A cache knows by the head alone that it is for one who has left.
    if (this.#recipient.isGone) this.clientLeft();
  }

  #shownAtHead(): Shown {
    const { id: requestId, showsAnatomy } = this.request;
    const anatomy = showsAnatomy ? this.#passageAnatomy(this.#owner.now()) : undefined;
    return { requestId, anatomy };
  }

  /** From here on the stream's bodies are the bytes of the client's connection. */
  #switch(head: ReplyHead, body: Uint8Array, end: boolean): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (this.abandoned) {
      stream.cancel("the client left");
      return this.#settle("cancelled", { kind: "nobody" });
    }
    try {
      const side = { stream, owner: this };
      this.#switched = this.#recipient.switchProtocols?.(head, this.#shownAtHead(), side);
    } catch (error) {
      return this.#lied((error as Error).message);
    }
    if (this.#switched === undefined) return this.#lied("it switched protocols unasked");
    this.phase = "streaming";
    this.#status = head.s;
    this.#watch = this.#owner.streaming(this, streamLimitsOf(this.#entry.latest.config));
    this.#owner.switched(this);
    this.onBody(body, end);
  }

  /** Grants the instance more once the client has taken what there was. */
  #writeOut(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    // Those who wait for an answer together leave it without a word to who gives it.
    if (this.#recipient.isGone) return this.clientLeft();
    const grant = (): void => this.#stream?.grant(chunk.length);
    try {
      if (this.#recipient.write(chunk)) return grant();
    } catch {
      // More bytes than announced: the recipient has reset its connection.
      this.#stream?.cancel("more body than announced");
      return this.#settle("bad_response", { kind: "reset" });
    }
    // A rejection means that a client left; what it had begun to take may be wanted all the same.
    this.#recipient
      .drained()
      .then(grant, () => (this.#recipient.isGone ? this.clientLeft() : grant()));
  }

  #lied(why: string): void {
    const { instance } = this;
    this.#stream?.cancel("a bad answer");
    if (instance !== undefined) this.#owner.broken(instance);
    this.#fail(answeredBadly(this.#entry, why));
  }

  #fail({ outcome, error }: Unanswered): void {
    const begun = this.phase === "streaming";
    if (!begun) this.#bytesOut = 0;
    this.#settle(outcome, begun ? { kind: "reset" } : { kind: "failure", error });
  }

  #settle(outcome: Outcome, answer: Answer): void {
    this.outcome = this.abandoned && !INSTANCE_OUTCOMES.has(outcome) ? "cancelled" : outcome;
    this.#answer = this.abandoned ? { kind: "nobody" } : answer;
    this.#status = this.#statusOf(this.#answer);
    this.endedMs = this.#owner.now();
    this.#anatomy = this.#passageAnatomy(this.endedMs) ?? this.#waitAnatomy(this.endedMs);
    this.bodyHold?.release();
    this.#upload?.stop();
    this.#watch?.stop();
    if (this.phase === "streaming") this.#owner.left(this);
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
}

/**
 * A function called by the handler of another: an invocation like any other, whose client is the
 * stream that the calling instance opened. It goes through the same router and is metered the same.
 * It ends with the request that made it: the caller's deadline bounds its own, and when the caller
 * has answered, gave up or died, nobody waits for it any more. One with an idempotency key is the
 * ledger's instead, and runs to its own end: only the wait is its caller's. How deep calls may lie
 * is counted here and never told by an instance.
 */
import type { AliasAsk } from "@skerry/functions";
import type { Instance } from "@skerry/instance-links";
import { PlatformError, type Cancel, type Clock, type IdSource } from "@skerry/base";
import {
  failFunction,
  failReach,
  HOST_SUFFIX,
  LIMITS,
  parseQualifiedPath,
  type CallHead,
  type CallReplyHead,
  type FunctionEntry,
  type ReplyHead,
} from "@skerry/contracts";
import type { LinkStream, OpenedStream, StreamHandler } from "@skerry/link";
import { platformHeaders, tracedHeaders, traceOfCall } from "@skerry/requests";
import {
  type AliasTally,
  type Shown,
  BodyHold,
  type BodyBudget,
  enter,
  noRoom,
  GatheredBody,
  Invocation,
  type Dependant,
  type CallFacts,
  type Recipient,
} from "@skerry/live-invocations";
import type { HandlersCall } from "./ledger/call-door.ts";
import type { LedgerCallee } from "./ledger/ledger-runs.ts";

export interface CallDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly bodies: BodyBudget;
  /** Undefined when there is no such function. */
  calleeOf(app: string, fn: string): QualifiedCallee | undefined;
  /** What aliases are told of a call. */
  readonly calledParts: AliasAsk;
  /** Takes calls with an idempotency key. Rejects with why there is no answer. */
  readonly callOnce: (call: HandlersCall) => Promise<void>;
}

/** A function that may be called by a qualifier; the gateway's functions fit. */
export interface QualifiedCallee {
  readonly latest: LedgerCallee;
  /** Throws QUALIFIER_NOT_FOUND. */
  shellFor(qualifier: string, ask: AliasAsk): LedgerCallee;
  tallyFor(qualifier: string): AliasTally | undefined;
}

export interface Asked {
  readonly head: CallHead;
  readonly instance: Instance;
  /** The live request whose handler calls. */
  readonly parent: Invocation;
}

const UNTAKEN_RETRY_MS = 1_000;

/** Admits a call. Throws why it is refused before anything of it is an invocation. */
export function acceptCall(deps: CallDeps, opened: OpenedStream, asked: Asked): StreamHandler {
  const { parent, head } = asked;
  const called = calleeFor(deps, head.f, parent.entry);
  const { callee } = called;
  const depth = (parent.request.call?.depth ?? 0) + 1;
  if (depth > LIMITS.callDepthMax) {
    const details = { function: nameOf(callee.entry), depthMax: LIMITS.callDepthMax };
    throw failReach("CALL_DEPTH_EXCEEDED", details);
  }
  const deadlineMs = Math.min(
    parent.dueMs,
    parent.request.call?.deadlineMs ?? Infinity,
    deps.clock.monotonicMs() + (opened.remainingMs ?? Infinity),
  );
  const facts = { parentId: parent.request.id, depth, deadlineMs };
  const call = new FunctionCall(deps, opened.stream, { ...called, facts, ...asked });
  call.onBody(opened.body, opened.end);
  return call;
}

interface Called {
  readonly callee: LedgerCallee;
  readonly qualifier: string | undefined;
  readonly alias: AliasTally | undefined;
}

function calleeFor(deps: CallDeps, target: string, caller: FunctionEntry): Called {
  const path = parseQualifiedPath(target);
  if (path === undefined) throw failReach("CALL_TARGET_INVALID", { target });
  const { app, fn, qualifier } = path;
  const found = deps.calleeOf(app, fn);
  if (found === undefined || !mayCall(caller, found.latest.entry)) {
    throw failFunction("FUNCTION_NOT_FOUND", { function: target });
  }
  if (qualifier === undefined) return { callee: found.latest, qualifier, alias: undefined };
  const callee = found.shellFor(qualifier, deps.calledParts);
  if (mayCall(caller, callee.entry)) {
    return { callee, qualifier, alias: found.tallyFor(qualifier) };
  }
  throw failFunction("FUNCTION_NOT_FOUND", { function: target });
}

/** A function that may not be called looks the same as one that is not there. */
function mayCall(caller: FunctionEntry, called: FunctionEntry): boolean {
  const { callers = "account" } = called.latest.config;
  if (callers === "any") return true;
  if (caller.accountId !== called.accountId) return false;
  return callers === "account" || caller.appId === called.appId;
}

interface CallInit extends Asked, Called {
  readonly facts: CallFacts;
}

class FunctionCall implements StreamHandler, Recipient, Dependant {
  readonly #deps: CallDeps;
  readonly #stream: LinkStream;
  readonly #init: CallInit;
  readonly #openedMs: number;
  readonly #hold: BodyHold;
  readonly #cancelTimer: Cancel;
  readonly #payload = new GatheredBody();
  #bytes = 0;
  #invocation: Invocation | undefined;
  /** It is the ledger's, and its payload with it. */
  #isLedgers = false;
  /** Of the payload, once its caller has left while the ledger has it. */
  #leftBytes = 0;
  #writable: PromiseWithResolvers<void> | undefined;
  #hasBegun = false;
  #isOver = false;
  #hasLeft = false;
  /** Of the answer, until the instance has taken it. */
  #untakenBytes = 0;

  constructor(deps: CallDeps, stream: LinkStream, init: CallInit) {
    const { clock } = deps;
    this.#deps = deps;
    this.#stream = stream;
    this.#init = init;
    this.#openedMs = clock.monotonicMs();
    this.#hold = new BodyHold(deps.bodies);
    const waitMs = Math.max(0, init.facts.deadlineMs - this.#openedMs);
    this.#cancelTimer = clock.schedule(waitMs, () => this.#expire(), { background: true });
    init.instance.streamsOpened += 1;
    init.parent.attach(this);
  }

  onReply(): void {
    // Only the side that opened a stream gets replies.
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.#isOver || this.#isLedgers || this.#invocation !== undefined) return;
    const { callee, head } = this.#init;
    const { entry } = callee;
    const bytesMax = head.k === undefined ? LIMITS.payloadBytesMax : LIMITS.asyncPayloadBytesMax;
    this.#bytes += chunk.length;
    if (this.#bytes > bytesMax) {
      const details = { what: head.k === undefined ? "request" : "request with a key", bytesMax };
      const fn = nameOf(entry);
      return this.#refuse(failFunction("FUNCTION_PAYLOAD_TOO_LARGE", { function: fn, ...details }));
    }
    if (!this.#hold.take(chunk.length)) return this.#refuse(noRoom(entry));
    this.#payload.add(chunk);
    if (end) return head.k === undefined ? this.#invoke() : void this.#callOnce(head.k);
    this.#stream.grant(chunk.length);
  }

  onWritable(): void {
    this.#writable?.resolve();
    this.#writable = undefined;
  }

  /** The calling handler gave the call up, or its instance is gone. */
  onFailed(): void {
    this.onClosed();
    this.#invocation?.clientLeft();
  }

  /** The answer was taken, or nobody wants it any more. */
  onClosed(): void {
    this.#finish();
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    const { instance, parent } = this.#init;
    instance.streamsOpened -= 1;
    instance.untakenBytes -= this.#untakenBytes;
    if (this.#isLedgers) this.#leftBytes = this.#bytes;
    instance.leftBytes += this.#leftBytes;
    parent.detach(this);
  }

  /** The request that called was answered or given up. */
  requestEnded(): void {
    this.#stream.cancel("its request ended");
    this.#invocation?.clientLeft();
  }

  get isGone(): boolean {
    return this.#stream.closed;
  }

  sendWhole({ head, body, requestId }: Shown & { head: ReplyHead; body: Uint8Array }): void {
    const { instance, callee } = this.#init;
    if (instance.untakenBytes + body.length > LIMITS.answersUntakenBytesMax) {
      const why = "its caller has not taken earlier answers";
      const details = { function: nameOf(callee.entry), why, retryAfterMs: UNTAKEN_RETRY_MS };
      return this.#refuse(failFunction("FUNCTION_THROTTLED", details));
    }
    this.#untakenBytes = body.length;
    instance.untakenBytes += body.length;
    this.#reply(
      { s: head.s, h: platformHeaders.responseHeaders(head.h), id: requestId },
      body,
      true,
    );
    this.#finish();
  }

  sendFailure(error: PlatformError, { requestId }: Shown): void {
    const shown = shownOf(error);
    const head = { s: shown.httpStatus, h: [], id: requestId, e: shown.toWire() };
    this.#reply(head, undefined, true);
    this.#finish();
  }

  begin(head: ReplyHead, { requestId }: Shown): void {
    this.#hasBegun = true;
    const h = platformHeaders.responseHeaders(head.h);
    this.#reply({ s: head.s, h, id: requestId }, undefined, false);
  }

  write(part: Uint8Array): boolean {
    return this.#stream.write(part);
  }

  async drained(): Promise<void> {
    if (this.#isOver) return;
    this.#writable ??= Promise.withResolvers();
    await this.#writable.promise;
  }

  end(last: Uint8Array): void {
    if (last.length > 0) this.#stream.write(last);
    this.#stream.end();
    this.#finish();
  }

  reset(): void {
    this.#stream.cancel("the answer broke off");
    this.#finish();
  }

  #invoke(): void {
    const { clock, ids } = this.#deps;
    const { callee, alias, facts: call } = this.#init;
    const refusal = callee.admit();
    if (refusal !== undefined) return this.#refuse(refusal);
    const { app, name } = callee.entry;
    const body = this.#payload.whole();
    this.#payload.drop();
    const { parent } = this.#init;
    const id = ids.requestId();
    const trace = traceOfCall(parent.request.trace, parent.request.id);
    const request = {
      id,
      method: "EVENT",
      url: "/",
      authority: `${name}.${app}${HOST_SUFFIX}`,
      headers: trace === undefined ? [] : tracedHeaders([], trace, id),
      arrivedMs: this.#openedMs,
      startWallMs: clock.wallMs(),
      showsAnatomy: false,
      trace,
      call,
      alias,
    };
    this.#invocation = new Invocation(callee, request, this);
    this.#invocation.bodyHold = this.#hold;
    enter(callee, this.#invocation, body);
  }

  /** Nothing here ends it from now on; whoever has gone is not told. */
  async #callOnce(key: string): Promise<void> {
    const { ids, callOnce } = this.#deps;
    const { callee, qualifier, alias, facts, instance, parent } = this.#init;
    const { request, entry } = parent;
    if (instance.leftBytes + this.#bytes > LIMITS.callsLeftBytesMax) {
      const why = "its caller has left too many calls with a key under way";
      const details = { function: nameOf(callee.entry), why, retryAfterMs: UNTAKEN_RETRY_MS };
      return this.#refuse(failFunction("FUNCTION_THROTTLED", details));
    }
    this.#isLedgers = true;
    const trace = traceOfCall(request.trace, request.id);
    const body = this.#payload.whole();
    const what = { id: ids.requestId(), callee, qualifier, alias, trace, body, facts };
    try {
      await callOnce({ ...what, key, caller: entry.accountId, client: this });
    } catch (thrown) {
      const error = PlatformError.from(thrown);
      if (!this.#isOver) this.#refuse(shownOf(error));
    } finally {
      this.#hold.release();
      instance.leftBytes -= this.#leftBytes;
      this.#isLedgers = false;
    }
  }

  #expire(): void {
    const { callee, facts } = this.#init;
    const timeoutMs = Math.round(facts.deadlineMs - this.#openedMs);
    this.#refuse(failReach("CALL_TIMEOUT", { function: nameOf(callee.entry), timeoutMs }));
    this.#invocation?.clientLeft();
  }

  #refuse(error: PlatformError): void {
    if (this.#hasBegun) return this.reset();
    const id = this.#invocation?.request.id;
    const head = { s: error.httpStatus, h: [], e: error.toWire() };
    this.#reply(id === undefined ? head : { ...head, id }, undefined, true);
    this.#stream.cancel("refused");
    // The stream may not know yet whose it is.
    this.onClosed();
  }

  #reply(head: CallReplyHead, body: Uint8Array | undefined, end: boolean): void {
    this.#stream.reply(JSON.stringify(head), body, end);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer();
    if (this.#invocation === undefined && !this.#isLedgers) this.#hold.release();
    this.#payload.drop();
    this.onWritable();
  }
}

function shownOf(error: PlatformError): PlatformError {
  return error.audience === "user" ? error : PlatformError.from(undefined);
}

function nameOf({ app, name }: FunctionEntry): string {
  return `${app}/${name}`;
}

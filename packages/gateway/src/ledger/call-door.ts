/**
 * The way in for calls with an idempotency key, by holders of a key of the platform, by handlers or
 * by callers of routes, and for those of actions: from a request to a call that the ledger knows,
 * made here through the same limits, router and record as any. What becomes of it under its key is
 * `KeyedCalls`'. A call that came to no instance leaves nothing under its key.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type AccountId,
  type Clock,
  formatTraceparent,
  PlatformError,
  type RequestId,
} from "@skerry/base";
import {
  failFunction,
  GATEWAY_HEADERS,
  keptQualifier,
  LIMITS,
  type ActionFacts,
  type CallPiece,
  HOST_SUFFIX,
  type RunPiece,
} from "@skerry/contracts";
import {
  callDigestOf,
  failureOf,
  handlersKeyOf,
  idempotencyKeyOf,
  idempotencyOf,
  KeyedCalls,
  routesKeyOf,
  type CallListener,
  type LedgerClient,
  type RunningAttempt,
  type ToldCall,
} from "@skerry/ledger-client";
import { tracedHeaders, type RequestTrace } from "@skerry/requests";
import {
  type AliasTally,
  type CallFacts,
  type Shown,
  BodyHold,
  type BodyBudget,
  HttpRecipient,
  type Invocation,
  type InvocationRequest,
  type Recipient,
} from "@skerry/live-invocations";
import type { RoutedOnce, RoutedRequest } from "@skerry/stages";
import { readClientContext } from "../client-context.ts";
import type { AcceptLimits } from "./accept-limits.ts";
import { CallRecipient } from "./call-recipient.ts";
import { readLedgerBody } from "./ledger-body.ts";
import { wireErrorOf } from "./ledger-recipient.ts";
import { beginRun, requestOf, type LedgerCallee } from "./ledger-runs.ts";

export interface CallDoorDeps {
  readonly clock: Clock;
  readonly bodies: BodyBudget;
  /** Of answers that come in parts. */
  readonly results: BodyBudget;
  readonly limits: AcceptLimits;
  readonly client: Pick<LedgerClient, "answer" | "begin" | "call" | "hasRoom">;
  /** Longest wait for an answer to be on disk; 10 s when undefined. */
  readonly writeWaitMs: number | undefined;
}

/** A request with an idempotency key, whose caller holds a key for the function. */
export interface KeyedRequest {
  readonly id: RequestId;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly callee: LedgerCallee;
  /** By which it was asked for; undefined for `$LATEST`. */
  readonly qualifier: string | undefined;
  /** Of the alias that the qualifier is. */
  readonly alias?: AliasTally | undefined;
  readonly trace: RequestTrace | undefined;
  /** HTTP method, or `EVENT`. */
  readonly method: string;
  readonly url: string;
  readonly authority: string;
  /** What the function may see, flat. */
  readonly headers: readonly string[];
}

/** A request whose caller may run an action, and whose event is there. */
export interface ActionCall extends Omit<KeyedRequest, "qualifier" | "method" | "url"> {
  readonly action: ActionFacts;
  readonly body: Uint8Array;
}

/** A call by the handler of another function, whose event is there. */
export interface HandlersCall {
  readonly id: RequestId;
  readonly callee: LedgerCallee;
  /** By which it was asked for; undefined for `$LATEST`. */
  readonly qualifier: string | undefined;
  /** Of the alias that the qualifier is. */
  readonly alias: AliasTally | undefined;
  readonly trace: RequestTrace | undefined;
  readonly body: Uint8Array;
  readonly key: string;
  /** Whose handler it is. */
  readonly caller: AccountId;
  /** `deadlineMs` ends the wait, and never the run. */
  readonly facts: CallFacts;
  /** Hears the answer, unless it is gone by then. */
  readonly client: Recipient;
}

/** A request of a route under a key that its caller says. */
export interface RoutesCall extends Pick<RoutedRequest, "body" | "bodyBytesMax"> {
  readonly id: RequestId;
  readonly callee: LedgerCallee;
  readonly qualifier: string;
  /** Of the alias that the qualifier is. */
  readonly alias: AliasTally | undefined;
  readonly trace: RequestTrace | undefined;
  readonly method: string;
  readonly url: string;
  readonly authority: string;
  /** What the function may see, flat. */
  readonly headers: readonly string[];
  readonly once: RoutedOnce;
  /** Hears the answer, unless it is gone by then. */
  readonly client: Recipient;
}

type AskedCall = KeyedRequest & Partial<Pick<ActionCall, "action">>;

/** A call that is to be made here, if its key stands for nothing. */
interface Making {
  readonly callee: LedgerCallee;
  readonly alias: AliasTally | undefined;
  readonly trace: RequestTrace | undefined;
  /** Whom an answer is passed on to that is too large to keep. */
  readonly client: Recipient;
  readonly piece: CallPiece;
  readonly body: Uint8Array;
  readonly waitMs: number;
}

interface Answered {
  readonly told: ToldCall;
  readonly anatomy: Shown["anatomy"];
}

interface Said {
  readonly at: number;
  /** Undefined for a call that is like no other. */
  readonly key: string | undefined;
  readonly clientContext: string | undefined;
  readonly body: Uint8Array;
  /** Why it may not run; what its key stands for is told all the same. */
  readonly refusal: PlatformError | undefined;
}

/**
 * Beyond its function's own timeout a caller waits as much longer for the end of another's call.
 */
const JOIN_GRACE_MS = 10_000;
const TYPE_CHARS_MAX = 255;
/** Of what handlers send. */
const JSON_TYPE = "application/json";
const EMPTY = new Uint8Array(0);
const REPLAYED = [GATEWAY_HEADERS.replayed, "true"];

export class CallDoor {
  readonly #deps: CallDoorDeps;
  readonly #calls: KeyedCalls;

  constructor(deps: CallDoorDeps) {
    this.#deps = deps;
    this.#calls = new KeyedCalls(deps);
  }

  /** Answers, or throws why not. */
  async call(asked: KeyedRequest): Promise<void> {
    const { req, callee } = asked;
    const { clock, bodies } = this.#deps;
    const at = clock.wallMs();
    const key = idempotencyKeyOf(req.headers) ?? "";
    const clientContext = readClientContext(req.headers);
    const said = { at, key, clientContext, refusal: this.#refusalOf(callee) };
    const hold = new BodyHold(bodies);
    try {
      const bounds = { bytesMax: LIMITS.asyncPayloadBytesMax, what: "request with a key" };
      const body = await readLedgerBody(req, { clock, entry: callee.entry, hold, ...bounds });
      await this.#answer(asked, pieceOf(asked, { ...said, body }), body);
    } finally {
      hold.release();
    }
  }

  /**
   * The same for a run of an action. A ticket counts once by itself; whoever comes with a key of
   * the platform may name the run by an idempotency key.
   */
  async run({ body, ...call }: ActionCall): Promise<void> {
    const { action, req, callee } = call;
    const asked = { ...call, qualifier: undefined, method: "EVENT", url: "/" };
    const key = action.d === "game" ? undefined : idempotencyKeyOf(req.headers);
    const refusal = this.#refusalOf(callee);
    if (refusal !== undefined && key === undefined) {
      callee.turnedAway(refusal);
      throw refusal;
    }
    const said = { at: this.#deps.clock.wallMs(), key, clientContext: undefined, refusal };
    await this.#answer(asked, pieceOf(asked, { ...said, body }), body);
  }

  /** The same for a call by a handler, which is an event. */
  async handlersCall(asked: HandlersCall): Promise<void> {
    const { callee, client, facts, key, caller } = asked;
    const { clock } = this.#deps;
    const name = handlersKeyOf({ key, caller, called: callee.entry });
    const said = { at: clock.wallMs(), name, refusal: this.#refusalOf(callee) };
    const piece = handlersPieceOf(asked, said);
    const leftMs = Math.max(1, facts.deadlineMs - clock.monotonicMs());
    const waitMs = Math.min(leftMs, joinMs(callee));
    const answered = await this.#make({ ...asked, piece, waitMs });
    if (!client.isGone) tell(client, answered);
  }

  /** The same for a request of a route, whoever its caller is. */
  async routesCall(asked: RoutesCall): Promise<void> {
    const { callee, client, once, body: sent = EMPTY } = asked;
    const { clock, bodies } = this.#deps;
    const said = { at: clock.wallMs(), name: routesKeyOf(once), refusal: this.#refusalOf(callee) };
    const hold = new BodyHold(bodies);
    try {
      const bytesMax = Math.min(asked.bodyBytesMax ?? Infinity, LIMITS.asyncPayloadBytesMax);
      const bounds = { bytesMax, what: "request with a key" };
      const body = await readLedgerBody(sent, { clock, entry: callee.entry, hold, ...bounds });
      const piece = routesPieceOf(asked, { ...said, body });
      const answered = await this.#make({ ...asked, piece, body, waitMs: joinMs(callee) });
      if (!client.isGone) tell(client, answered, answered.told.isReplay ? REPLAYED : []);
    } finally {
      hold.release();
    }
  }

  /** What would be turned away when it is made here is not written down first. */
  #refusalOf(callee: LedgerCallee): PlatformError | undefined {
    if (!this.#deps.client.hasRoom) return holdsTooMuch(callee);
    return callee.look() ?? this.#deps.limits.admit(callee);
  }

  async #answer(asked: AskedCall, piece: CallPiece, body: Uint8Array): Promise<void> {
    const { res, callee, alias, trace } = asked;
    const client = new HttpRecipient(res);
    const waitMs = joinMs(callee);
    const answered = await this.#make({ callee, alias, trace, client, piece, body, waitMs });
    if (res.destroyed || res.headersSent) return;
    if (answered.told.isReplay) res.setHeader(GATEWAY_HEADERS.replayed, "true");
    tell(client, answered);
  }

  async #make(making: Making): Promise<Answered> {
    let recipient: CallRecipient | undefined;
    const { callee, piece } = making;
    let told: ToldCall;
    try {
      told = await this.#calls.call({
        ...making,
        begin: (listener) => this.#begin(making, listener, (made) => (recipient = made)),
        release: (isWhole) => recipient?.release(isWhole),
      });
    } catch (error) {
      const refusal = PlatformError.from(error);
      if (refusal.reason === piece.no?.reason) callee.turnedAway(refusal);
      throw error;
    }
    return { told, anatomy: told.isReplay ? undefined : recipient?.anatomy };
  }

  #begin(
    { callee, alias, trace, client, piece, body }: Making,
    { ended, reported }: CallListener,
    made: (recipient: CallRecipient) => void,
  ): RunningAttempt | undefined {
    const { results, clock } = this.#deps;
    const run: RunPiece = { ...piece, n: 1, r: piece.id, a: callee.entry.accountId };
    const own = { alias, showsAnatomy: piece.ac?.d !== "game" };
    const request = { ...requestOf(run, callee, clock), ...own, ...traceOf(piece, trace) };
    const gathered = new BodyHold(results);
    const recipientOf = (invocation: () => Invocation, over: () => void): CallRecipient => {
      const onEnd: CallListener["ended"] = (attempt, answer) => {
        over();
        ended(attempt, answer);
      };
      const recipient = new CallRecipient({ invocation, client, hold: gathered, ended: onEnd });
      made(recipient);
      return recipient;
    };
    const begin = { callee, request, payload: body, gathered, reported, recipientOf };
    const begun = beginRun(this.#deps, begin);
    if (!PlatformError.is(begun)) return begun;
    const wire = wireErrorOf(begun);
    const end = { outcome: "throttled", status: begun.httpStatus, error: wire } as const;
    ended({ ...end, isWithdrawn: true }, failureOf(wire, begun.httpStatus));
    return undefined;
  }
}

/** What other vendors keep in a trace is not written down: only the first attempt is told it. */
function traceOf(
  { id, rq }: CallPiece,
  trace: RequestTrace | undefined,
): Partial<InvocationRequest> {
  return trace === undefined ? {} : { trace, headers: tracedHeaders(rq.h, trace, id) };
}

function holdsTooMuch({ entry }: LedgerCallee): PlatformError {
  const why = "this gateway holds as many attempts as it may";
  return failFunction("FUNCTION_THROTTLED", { function: `${entry.app}/${entry.name}`, why });
}

function pieceOf(asked: AskedCall, said: Said): CallPiece {
  const { id, req, callee, qualifier, trace, method, url, authority, headers, action: ac } = asked;
  const { at, clientContext: cc, refusal } = said;
  const target = { f: callee.entry.id, ...keptQualifier(qualifier) };
  const contentType = req.headers["content-type"] ?? "";
  const ik = nameOf(asked, { ...said, ...target, contentType });
  return {
    ...{ id, ...target, src: ac?.d === "game" ? "game" : "call", at },
    rq: { m: method, u: url, a: authority, h: headers },
    ...(ik === undefined ? {} : { ik }),
    ...(ac === undefined ? {} : { ac }),
    ...(contentType === "" ? {} : { ct: contentType.slice(0, TYPE_CHARS_MAX) }),
    ...(cc === undefined ? {} : { cc }),
    ...(trace === undefined ? {} : { tp: formatTraceparent(trace) }),
    ...(refusal === undefined ? {} : { no: refusal.toWire() }),
  };
}

function handlersPieceOf(
  { id, callee, qualifier, trace, body, facts }: HandlersCall,
  { at, name, refusal }: Pick<Said, "at" | "refusal"> & { readonly name: string },
): CallPiece {
  const { entry } = callee;
  const target = { f: entry.id, ...keptQualifier(qualifier) };
  const { parentId: p, depth: d } = facts;
  return {
    ...{ id, ...target, src: "call", at },
    rq: { m: "EVENT", u: "/", a: `${entry.name}.${entry.app}${HOST_SUFFIX}`, h: [], c: { p, d } },
    ik: idempotencyOf(name, { ...target, contentType: JSON_TYPE, body }),
    ...(trace === undefined ? {} : { tp: formatTraceparent(trace) }),
    ...(refusal === undefined ? {} : { no: refusal.toWire() }),
  };
}

function routesPieceOf(
  { id, callee, qualifier, trace, method, url, authority, headers, once }: RoutesCall,
  { at, name, refusal, body }: Pick<Said, "at" | "refusal" | "body"> & { readonly name: string },
): CallPiece {
  const { contentType, windowMs, credentials: more } = once;
  const f = callee.entry.id;
  // Whichever version answers by now: what its key stands for was said to the stage.
  const said = { f, method, url: once.url, contentType, body, more };
  const kept = trace === undefined ? headers : tracedHeaders(headers, undefined, id);
  return {
    ...{ id, f, ...keptQualifier(qualifier), src: "call", at },
    rq: { m: method, u: url, a: authority, h: kept },
    ik: { ...callDigestOf(name, said), ...(windowMs === undefined ? {} : { ms: windowMs }) },
    ...(contentType === "" ? {} : { ct: contentType.slice(0, TYPE_CHARS_MAX) }),
    ...(trace === undefined ? {} : { tp: formatTraceparent(trace) }),
    ...(refusal === undefined ? {} : { no: refusal.toWire() }),
  };
}

function joinMs({ entry }: LedgerCallee): number {
  return entry.latest.config.timeoutMs + JOIN_GRACE_MS;
}

/** An event is the same event, however it comes in; but one of an action is only that action's. */
function nameOf(
  { method, url, action }: AskedCall,
  { key, ...said }: Said & Pick<CallPiece, "f" | "q"> & { readonly contentType: string },
): CallPiece["ik"] {
  if (key === undefined) return undefined;
  if (action !== undefined) return callDigestOf(key, { ...said, method, url: action.t });
  if (method === "EVENT") return idempotencyOf(key, said);
  return callDigestOf(key, { ...said, method, url });
}

/** What was passed on it has. */
function tell(client: Recipient, { told, anatomy }: Answered, more: readonly string[] = []): void {
  const { id: requestId, answer } = told;
  if (answer.kind === "failure") client.sendFailure(answer.error, { requestId, anatomy });
  if (answer.kind !== "whole") return;
  const { status: s, headers, body } = answer;
  const h = more.length === 0 ? headers : [...headers, ...more];
  client.sendWhole({ head: { s, h, t: 0 }, body, requestId, anatomy });
}

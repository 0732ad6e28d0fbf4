/**
 * The way in for calls with an idempotency key by holders of a key: from a request to a call that
 * the ledger knows, made here through the same limits, router and record as any. What becomes of
 * it under its key is `KeyedCalls`'. A call that came to no instance leaves nothing there.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { formatTraceparent, PlatformError, type Clock, type RequestId } from "@skerry/base";
import {
  failFunction,
  GATEWAY_HEADERS,
  keptQualifier,
  LIMITS,
  type CallPiece,
  type RunPiece,
} from "@skerry/contracts";
import {
  callDigestOf,
  failureOf,
  idempotencyKeyOf,
  idempotencyOf,
  KeyedCalls,
  type CallListener,
  type LedgerClient,
  type RunningAttempt,
  type ToldCall,
} from "@skerry/ledger-client";
import type { RequestTrace } from "@skerry/requests";
import {
  sendFailure,
  sendWhole,
  type Shown,
  BodyHold,
  type BodyBudget,
  HttpRecipient,
  type Invocation,
} from "@skerry/live-invocations";
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
  readonly trace: RequestTrace | undefined;
  /** HTTP method, or `EVENT`. */
  readonly method: string;
  readonly url: string;
  readonly authority: string;
  /** What the function may see, flat. */
  readonly headers: readonly string[];
}

interface Said {
  readonly at: number;
  readonly key: string;
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
    const { clock, limits, bodies } = this.#deps;
    const at = clock.wallMs();
    const key = idempotencyKeyOf(req.headers) ?? "";
    const clientContext = readClientContext(req.headers);
    const refusal = this.#deps.client.hasRoom ? limits.admit(callee) : holdsTooMuch(callee);
    const said = { at, key, clientContext, refusal };
    const hold = new BodyHold(bodies);
    try {
      const bounds = { bytesMax: LIMITS.asyncPayloadBytesMax, what: "request with a key" };
      const body = await readLedgerBody(req, { clock, entry: callee.entry, hold, ...bounds });
      await this.#answer(asked, pieceOf(asked, { ...said, body }), body);
    } finally {
      hold.release();
    }
  }

  async #answer(asked: KeyedRequest, piece: CallPiece, body: Uint8Array): Promise<void> {
    let recipient: CallRecipient | undefined;
    const told = await this.#calls.call({
      ...{ piece, body, waitMs: asked.callee.entry.latest.config.timeoutMs + JOIN_GRACE_MS },
      begin: (listener) =>
        this.#begin({ asked, piece, body }, listener, (made) => (recipient = made)),
      release: (isWhole) => recipient?.release(isWhole),
    });
    send(asked.res, told, told.isReplay ? undefined : recipient?.anatomy);
  }

  #begin(
    { asked, piece, body }: { asked: KeyedRequest; piece: CallPiece; body: Uint8Array },
    { ended, reported }: CallListener,
    made: (recipient: CallRecipient) => void,
  ): RunningAttempt | undefined {
    const { results, clock } = this.#deps;
    const { callee, res } = asked;
    const run: RunPiece = { ...piece, n: 1, r: piece.id, a: callee.entry.accountId };
    const request = { ...requestOf(run, callee, clock), showsAnatomy: true };
    const gathered = new BodyHold(results);
    const recipientOf = (invocation: () => Invocation, over: () => void): CallRecipient => {
      const client = new HttpRecipient(res);
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

function holdsTooMuch({ entry }: LedgerCallee): PlatformError {
  const why = "this gateway holds as many attempts as it may";
  return failFunction("FUNCTION_THROTTLED", { function: `${entry.app}/${entry.name}`, why });
}

function pieceOf(
  { id, req, callee, qualifier, trace, method, url, authority, headers }: KeyedRequest,
  { at, key, clientContext: cc, body, refusal }: Said,
): CallPiece {
  const target = { f: callee.entry.id, ...keptQualifier(qualifier) };
  const contentType = req.headers["content-type"] ?? "";
  // An event is the same event, however it comes in.
  const ik =
    method === "EVENT"
      ? idempotencyOf(key, { ...target, contentType, body })
      : callDigestOf(key, { ...target, method, url, contentType, body });
  return {
    ...{ id, ...target, src: "call", at, ik, rq: { m: method, u: url, a: authority, h: headers } },
    ...(contentType === "" ? {} : { ct: contentType.slice(0, TYPE_CHARS_MAX) }),
    ...(cc === undefined ? {} : { cc }),
    ...(trace === undefined ? {} : { tp: formatTraceparent(trace) }),
    ...(refusal === undefined ? {} : { no: refusal.toWire() }),
  };
}

function send(
  res: ServerResponse,
  { id: requestId, answer, isReplay }: ToldCall,
  anatomy: Shown["anatomy"],
): void {
  if (res.destroyed || res.headersSent) return;
  if (isReplay) res.setHeader(GATEWAY_HEADERS.replayed, "true");
  if (answer.kind === "failure") return sendFailure(res, answer.error, { requestId, anatomy });
  if (answer.kind === "passed") return;
  const { status: s, headers: h, body } = answer;
  sendWhole(res, { head: { s, h, t: 0 }, body, requestId, anatomy });
}

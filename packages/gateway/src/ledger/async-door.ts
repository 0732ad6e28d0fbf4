/**
 * The way in for `Prefer: respond-async`: from a request that may call a function to an invocation
 * on disk, answered 202. The body is the event, as with `x-skerry-invoke: event`, and must be one:
 * there is nobody to be told later that it was not. An acceptance is no invocation here: it costs
 * neither slot nor queue, and its record is that of its attempts.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, type RequestId, formatTraceparent } from "@skerry/base";
import {
  GATEWAY_HEADERS,
  keptQualifier,
  LIMITS,
  RESPOND_ASYNC,
  type AcceptPiece,
  type AcceptResult,
} from "@skerry/contracts";
import { sendJson } from "@skerry/http";
import { idempotencyOf, readAcceptHeaders, refusalOf } from "@skerry/ledger-client";
import type { RequestTrace } from "@skerry/requests";
import { BodyHold, type BodyBudget, type Callee } from "@skerry/live-invocations";
import { readClientContext } from "../client-context.ts";
import { failGateway } from "../errors.ts";
import type { AcceptLimits } from "./accept-limits.ts";
import { readLedgerBody } from "./ledger-body.ts";

export interface AsyncDoorDeps {
  readonly clock: Clock;
  readonly bodies: BodyBudget;
  readonly limits: AcceptLimits;
  /** Resolves when it is on disk, or refused. */
  readonly accept: (piece: AcceptPiece, payload: Uint8Array) => Promise<AcceptResult>;
}

/** A request whose caller may call the function. */
export interface AsyncRequest {
  readonly id: RequestId;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly callee: Callee;
  /** By which it was asked for; undefined for `$LATEST`. */
  readonly qualifier: string | undefined;
  readonly trace: RequestTrace | undefined;
}

/** Of the key the digest is missing while the body is. */
interface Accepting {
  readonly piece: AcceptPiece;
  readonly key: string | undefined;
}

const ACCEPTED_STATUS = 202;

export class AsyncDoor {
  readonly #deps: AsyncDoorDeps;

  constructor(deps: AsyncDoorDeps) {
    this.#deps = deps;
  }

  /** Answers 202, or throws why not. */
  async accept(asked: AsyncRequest): Promise<void> {
    const { req, res, callee } = asked;
    const at = this.#deps.clock.wallMs();
    const accepting = pieceOf(asked, at);
    const refusal = this.#deps.limits.admit(callee);
    // Of one with a key control knows whether it was accepted before.
    if (refusal !== undefined && accepting.key === undefined) throw refusal;
    const hold = new BodyHold(this.#deps.bodies);
    try {
      const { clock } = this.#deps;
      const { entry } = callee;
      const bytesMax = LIMITS.asyncPayloadBytesMax;
      const body = await readLedgerBody(req, { clock, entry, hold, bytesMax, what: "event" });
      if (body.length > 0) assertJson(body);
      const piece = withKey(accepting, req, body);
      const no = refusal === undefined ? {} : { no: refusal.toWire() };
      const result = await this.#deps.accept({ ...piece, ...no }, body);
      if (!result.ok) throw refusalOf(result.error);
      sendAccepted(res, result);
    } finally {
      hold.release();
    }
  }
}

/** What is known before the body is: throws on headers that are not as they should be. */
function pieceOf({ id, req, callee, qualifier, trace }: AsyncRequest, at: number): Accepting {
  const { idempotencyKey: key, ...how } = readAcceptHeaders(req.headers, at);
  const cc = readClientContext(req.headers);
  const piece: AcceptPiece = {
    ...{ id, f: callee.entry.id, src: "url", at, ...how, ...keptQualifier(qualifier) },
    ...(cc === undefined ? {} : { cc }),
    ...(trace === undefined ? {} : { tp: formatTraceparent(trace) }),
  };
  return { piece, key };
}

function withKey({ piece, key }: Accepting, req: IncomingMessage, body: Uint8Array): AcceptPiece {
  if (key === undefined) return piece;
  const contentType = req.headers["content-type"] ?? "";
  return { ...piece, ik: idempotencyOf(key, { ...piece, contentType, body }) };
}

function assertJson(body: Uint8Array): void {
  try {
    JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8"));
  } catch (error) {
    throw failGateway("GATEWAY_EVENT_NOT_JSON", { why: (error as Error).message });
  }
}

function sendAccepted(res: ServerResponse, { id, repeated }: AcceptResult & { ok: true }): void {
  if (res.headersSent || res.destroyed) return;
  const headers = [GATEWAY_HEADERS.requestId, id, "Preference-Applied", RESPOND_ASYNC];
  headers.push("Cache-Control", "no-store");
  // What the key named before may have come to its end.
  const said = repeated ? { id, repeated } : { id, state: "waiting" };
  sendJson(res, { status: ACCEPTED_STATUS, headers }, said);
}

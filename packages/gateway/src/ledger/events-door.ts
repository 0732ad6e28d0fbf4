/**
 * The way in for `x-skerry-invoke: events`: a list of events of one function, each an invocation of
 * its own, written down in one commit and answered once that is on disk (ADR 0050). What is wrong
 * with the list refuses all of it before anything is accepted. What only shows then, a key that
 * was used with another event or a rate that is used up, refuses events one by one; the first as
 * many as the rate allows are accepted, so that a list larger than a burst gets on.
 */
import type { ServerResponse } from "node:http";
import {
  assert,
  type Clock,
  type IdSource,
  type RequestId,
  type WireError,
  formatTraceparent,
} from "@skerry/base";
import {
  GATEWAY_HEADERS,
  keptQualifier,
  LIMITS,
  type AcceptPiece,
  type AcceptResult,
} from "@skerry/contracts";
import { sendJson } from "@skerry/http";
import {
  assertNothingSaid,
  failLedger,
  idempotencyOf,
  readEventList,
  refusalOf,
  type ListedEvent,
} from "@skerry/ledger-client";
import type { Piece } from "@skerry/link";
import { BodyHold, type BodyBudget } from "@skerry/live-invocations";
import type { AcceptLimits } from "./accept-limits.ts";
import type { AsyncRequest } from "./async-door.ts";
import { readLedgerBody } from "./ledger-body.ts";

export interface EventsDoorDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly bodies: BodyBudget;
  readonly limits: AcceptLimits;
  /** Resolves with one result each, in order, when they are on disk or refused. */
  readonly accept: (pieces: readonly Piece<AcceptPiece>[]) => Promise<readonly AcceptResult[]>;
}

/** What is told of one event. */
type EventAnswer =
  | { readonly id: RequestId; readonly state: "waiting" }
  | { readonly id: RequestId; readonly repeated: true }
  | { readonly error: WireError };

const ACCEPTED_STATUS = 202;
/** As the SDK and the API have it, so that a key may be used on either way in. */
const CONTENT_TYPE = "application/json";

export class EventsDoor {
  readonly #deps: EventsDoorDeps;

  constructor(deps: EventsDoorDeps) {
    this.#deps = deps;
  }

  /** Answers 202 when at least one is accepted; throws what the first was refused for otherwise. */
  async accept(asked: AsyncRequest): Promise<void> {
    const { req, res, callee } = asked;
    const at = this.#deps.clock.wallMs();
    assertNothingSaid(req.headers);
    if (req.headers[GATEWAY_HEADERS.clientContext] !== undefined) {
      throw failLedger("GATEWAY_EVENTS_INVALID", { why: "a list has no client context" });
    }
    const hold = new BodyHold(this.#deps.bodies);
    try {
      const { clock } = this.#deps;
      const bounds = { bytesMax: LIMITS.asyncEventsBytesMax, what: "list of events" };
      const body = await readLedgerBody(req, { clock, entry: callee.entry, hold, ...bounds });
      const events = readEventList(body, at);
      const answers = await this.#acceptAll(asked, events, at);
      const refused = answers.filter((answer) => "error" in answer);
      const [first] = refused;
      if (refused.length === answers.length && first !== undefined) throw refusalOf(first.error);
      sendAccepted(res, asked.id, { items: answers, refused: refused.length });
    } finally {
      hold.release();
    }
  }

  async #acceptAll(
    asked: AsyncRequest,
    events: readonly ListedEvent[],
    at: number,
  ): Promise<readonly EventAnswer[]> {
    const { admitted, refusal } = this.#deps.limits.admitFirst(asked.callee, events.length);
    const tp = asked.trace === undefined ? {} : { tp: formatTraceparent(asked.trace) };
    const target = { f: asked.callee.entry.id, ...keptQualifier(asked.qualifier) };
    const error = refusal?.toWire();
    const pieceOf = (
      { bytes, idempotencyKey: key, ...how }: ListedEvent,
      i: number,
    ): Piece<AcceptPiece> | { readonly error: WireError } => {
      const isRefused = error !== undefined && i >= admitted;
      // Of one with a key control knows whether it was accepted before.
      if (isRefused && key === undefined) return { error };
      const id = this.#deps.ids.requestId();
      const said = { ...target, contentType: CONTENT_TYPE, body: bytes };
      const ik = key === undefined ? {} : { ik: idempotencyOf(key, said) };
      const no = isRefused ? { no: error } : {};
      return {
        head: { id, ...target, src: "url" as const, at, ...how, ...tp, ...ik, ...no },
        bytes,
      };
    };
    const told = events.map(pieceOf);
    const pieces = told.flatMap((one) => ("error" in one ? [] : [one]));
    const results = (pieces.length === 0 ? [] : await this.#deps.accept(pieces)).values();
    return told.map((one) => ("error" in one ? one : answerOf(results.next().value)));
  }
}

function answerOf(result: AcceptResult | undefined): EventAnswer {
  assert(result !== undefined, "one piece has one result");
  if (!result.ok) return { error: refusalOf(result.error).toWire() };
  const { id, repeated } = result;
  return repeated ? { id, repeated } : { id, state: "waiting" };
}

function sendAccepted(
  res: ServerResponse,
  id: RequestId,
  said: { readonly items: readonly EventAnswer[]; readonly refused: number },
): void {
  assert(said.items.length > said.refused, "an answer of 202 has accepted something");
  if (res.headersSent || res.destroyed) return;
  const headers = [GATEWAY_HEADERS.requestId, id, "Cache-Control", "no-store"];
  sendJson(res, { status: ACCEPTED_STATUS, headers }, said);
}

/**
 * How the body of an HTTP request comes to its function: a small one whole before it gets a slot, a
 * larger one as it arrives, and that of an event always whole.
 */
import type { IncomingMessage } from "node:http";
import { PlatformError, type Clock } from "@skerry/base";
import { failFunction, LIMITS, type FunctionEntry } from "@skerry/contracts";
import { readBody } from "@skerry/http";
import {
  BodyBudget,
  BodyHold,
  enter,
  noRoom,
  type Callee,
  type Invocation,
  Upload,
} from "@skerry/live-invocations";

/** A body of a fetch handler up to this size is taken whole before it gets a slot. */
const INLINE_BODY_BYTES_MAX = 64 << 10;
/** Longest upload of a body that is taken whole. */
const BODY_DEADLINE_MS = 60_000;
/** What is taken of streamed bodies ahead of their instances, all together. */
const AHEAD_BYTES_MAX = 128 << 20;
const EMPTY = new Uint8Array(0);

export interface RequestBodiesDeps {
  readonly clock: Clock;
  /** Of bodies that are taken whole. */
  readonly bodies: BodyBudget;
}

/** Who gets the body. */
export interface Entering {
  readonly callee: Callee;
  readonly invocation: Invocation;
  /** Beside the platform's own bounds. */
  readonly bytesMax?: number | undefined;
}

export class RequestBodies {
  readonly #deps: RequestBodiesDeps;
  readonly #ahead = new BodyBudget(AHEAD_BYTES_MAX);

  constructor(deps: RequestBodiesDeps) {
    this.#deps = deps;
  }

  /** Has the invocation get in line as soon as its body allows; one too long refuses it. */
  take(req: IncomingMessage, { callee, invocation, bytesMax = Infinity }: Entering): void {
    const announced = req.headers["content-length"];
    const length = announced === undefined ? undefined : Number(announced);
    if (length === 0 || (length === undefined && req.headers["transfer-encoding"] === undefined)) {
      return enter(callee, invocation, EMPTY);
    }
    const { clock, bodies } = this.#deps;
    const whole =
      callee.entry.latest.handlerKind === "event" ||
      invocation.request.method === "EVENT" ||
      (length !== undefined && length <= INLINE_BODY_BYTES_MAX);
    if (!whole) {
      const exceeded = (): void => invocation.refuse("too_large", tooLarge(callee.entry, bytesMax));
      const upload = new Upload(req, {
        ...{ clock, hold: new BodyHold(this.#ahead) },
        limit: { bytesMax, exceeded },
      });
      return enter(callee, invocation, upload);
    }
    const hold = new BodyHold(bodies);
    const limits = {
      bytesMax: Math.min(LIMITS.payloadBytesMax, bytesMax),
      deadlineMs: BODY_DEADLINE_MS,
      clock,
      admit: (bytes: number) => (hold.take(bytes) ? undefined : noRoom(callee.entry)),
    };
    const came = callee.coming.begin();
    readBody(req, limits)
      .then(
        (body) => {
          if (invocation.phase !== "reading") return hold.release();
          invocation.bodyHold = hold;
          enter(callee, invocation, body);
        },
        (error: unknown) => {
          hold.release();
          refuseBody(PlatformError.from(error), invocation, limits.bytesMax);
        },
      )
      .finally(came);
  }
}

function refuseBody(error: PlatformError, invocation: Invocation, bytesMax: number): void {
  if (error.reason === "FUNCTION_THROTTLED") return invocation.refuse("throttled", error);
  if (error.reason !== "BODY_TOO_LARGE") return invocation.refuse("cancelled", error);
  invocation.refuse("too_large", tooLarge(invocation.entry, bytesMax, error));
}

function tooLarge(
  { app, name }: FunctionEntry,
  bytesMax: number,
  cause?: PlatformError,
): PlatformError {
  const details = { function: `${app}/${name}`, what: "request", bytesMax };
  return failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details, cause);
}

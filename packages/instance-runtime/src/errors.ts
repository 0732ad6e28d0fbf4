/**
 * What the runtime itself refuses. What user code throws is reported as it is, not through this
 * table.
 */
import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  EVENT_NOT_JSON: {
    code: "INVALID_ARGUMENT",
    message: "The event is not JSON: {why}.",
    hint: "Send one JSON value, or nothing for {}.",
    retryable: false,
    audience: "user",
  },
  PROGRESS_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "This cannot be reported as progress: {why}.",
    hint: "Give a number from 0 to 1, or `{ done, total, message }`.",
    retryable: false,
    audience: "user",
  },
  PROGRAM_ENDED: {
    code: "FAILED_PRECONDITION",
    message: "The program ended before it was ready: {how}.",
    hint: "A web server must listen on $PORT; other programs must ask for an event. See the log.",
    retryable: false,
    audience: "user",
  },
  REQUEST_BODY_GONE: {
    code: "FAILED_PRECONDITION",
    message: "The rest of the request's body is gone: the request has been answered.",
    hint: "Read the body to its end before the answer, or while the answer's body goes on.",
    retryable: false,
    audience: "user",
  },
  REQUEST_BODY_TOO_LARGE: {
    code: "INVALID_ARGUMENT",
    httpStatus: 413,
    message: "The request's body is larger than {bytesMax} bytes.",
    hint: "Send less, or take the request with a fetch handler, which streams.",
    retryable: false,
    audience: "user",
  },
  UPGRADE_NOT_ASKED: {
    code: "FAILED_PRECONDITION",
    message: "The request cannot become a WebSocket: it asks for {asked}.",
    hint: "Look at `request.headers.get('upgrade')` first, and answer others with 426.",
    retryable: false,
    audience: "user",
  },
  UPGRADE_PROTOCOL_NOT_OFFERED: {
    code: "INVALID_ARGUMENT",
    message: "The client did not offer the WebSocket protocol {protocol}.",
    hint: "Choose one of the header `sec-websocket-protocol`, or none.",
    retryable: false,
    audience: "user",
  },
  UPGRADE_TWICE: {
    code: "FAILED_PRECONDITION",
    message: "The request has become a WebSocket already.",
    hint: "Call `context.upgradeWebSocket` once in a request.",
    retryable: false,
    audience: "user",
  },
  REQUEST_ABORTED: {
    code: "CANCELLED",
    message: "The caller gave the request up: {why}.",
    hint: "Stop the work that the request began; its answer goes nowhere.",
    retryable: false,
    audience: "user",
  },
});

/** What stands for a program throws it: of the program's answer it does not keep so much. */
export const ANSWER_TOO_LARGE = new RangeError("The answer is too large.");

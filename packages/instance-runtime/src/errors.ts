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
  PROGRAM_ENDED: {
    code: "FAILED_PRECONDITION",
    message: "The program ended before it was ready: {how}.",
    hint: "A web server must listen on $PORT; other programs must ask for an event. See the log.",
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
  REQUEST_ABORTED: {
    code: "CANCELLED",
    message: "The caller gave the request up: {why}.",
    hint: "Stop the work that the request began; its answer goes nowhere.",
    retryable: false,
    audience: "user",
  },
});

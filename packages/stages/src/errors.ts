/** What the door of stages refuses. Names of an API's parts are told to nobody who asks in vain. */
import { defineReasons } from "@skerry/base";

const missing = { code: "NOT_FOUND", retryable: false, audience: "user" } as const;

export const failStage = defineReasons({
  STAGE_UNSERVED: {
    ...missing,
    message: "This address leads to no stage of a gateway API that serves anything.",
    hint: "Publish the stage; `skerry apis show APP/API` has the addresses of what is published.",
  },
  STAGES_UNKNOWN: {
    code: "UNAVAILABLE",
    retryable: true,
    audience: "user",
    message: "The gateway knows no stage yet: control has not answered since it started.",
    hint: "Retry in a moment; `skerry status` shows whether control runs.",
  },
  ROUTE_NOT_FOUND: {
    ...missing,
    message: "No route of this stage takes the path.",
    hint: "Check host and path; `skerry apis show APP/API --stage STAGE` has the routes that it serves.",
  },
  ROUTE_METHOD_REFUSED: {
    code: "INVALID_ARGUMENT",
    httpStatus: 405,
    retryable: false,
    audience: "user",
    message: "No route of this path takes the method.",
    hint: "Use one of the methods in the header `allow`.",
  },
  ROUTE_FILE_NOT_FOUND: {
    ...missing,
    message: "There is no file of this name.",
    hint: "Check the path; case counts, and names that begin with a dot are not served.",
  },
  ROUTE_FILES_METHOD: {
    code: "INVALID_ARGUMENT",
    httpStatus: 405,
    retryable: false,
    audience: "user",
    message: "Files are read by GET and HEAD.",
    hint: "Give the route `methods`, and lead others to a function.",
  },
  ROUTE_TARGET_MISSING: {
    code: "UNAVAILABLE",
    retryable: true,
    audience: "user",
    message: "What the route {route} leads to is not there.",
    hint: "Deploy the function and, where the stage follows an alias, give it that alias.",
  },
  ROUTE_BODY_TOO_LARGE: {
    code: "INVALID_ARGUMENT",
    httpStatus: 413,
    retryable: false,
    audience: "user",
    message: "The body of the request is longer than {bytesMax} bytes.",
    hint: "Send less, or raise `limits.bodyBytesMax` of the route.",
  },
  ROUTE_IDEMPOTENCY_KEY_REQUIRED: {
    code: "INVALID_ARGUMENT",
    retryable: false,
    audience: "user",
    message: "The route {route} takes requests with a key in the header {header} only.",
    hint: "Send a fresh UUID with each new request, and the same one when you send a request again.",
  },
  ROUTE_UPSTREAM_FAILED: {
    code: "UNAVAILABLE",
    httpStatus: 502,
    retryable: true,
    audience: "user",
    message: "The server behind this route gave no whole answer: {why}.",
    hint: "Retry in a moment; if it stays, see whether that server runs and may be reached.",
  },
  ROUTE_UPSTREAM_SILENT: {
    code: "DEADLINE_EXCEEDED",
    retryable: true,
    audience: "user",
    message: "The server behind this route was silent for {timeoutMs} ms.",
    hint: "Retry later, or raise `timeoutMs` of the route's upstream.",
  },
  ROUTE_TIMEOUT: {
    code: "DEADLINE_EXCEEDED",
    retryable: true,
    audience: "user",
    message: "The route {route} had no answer within {timeoutMs} ms.",
    hint: "Retry later, or raise `limits.timeoutMs` of the route.",
  },
  ROUTE_BREAKER_OPEN: {
    code: "UNAVAILABLE",
    retryable: true,
    audience: "user",
    message: "What the route {route} leads to has failed again and again and is left alone.",
    hint: "Retry later; the logs of its function say what failed.",
  },
  ROUTE_ANSWER_DROPPED: {
    code: "CANCELLED",
    retryable: false,
    audience: "operator",
    message: "Another answered in place of what was asked first, whose answer goes nowhere.",
    hint: "The header `x-skerry-downgrade` of the answer says what did, and why.",
  },
});

/**
 * What can go wrong with one invocation, as callers see it. One table for gateway, agent and
 * runtime.
 */
import { defineReasons } from "@skerry/base";

export const failFunction = defineReasons({
  FUNCTION_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "There is no function {function}.",
    hint: "List what is deployed with `skerry ls`.",
    retryable: false,
    audience: "user",
  },
  QUALIFIER_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "{function} has no version and no alias {qualifier}.",
    hint: "List them with `skerry versions {function}` and `skerry aliases {function}`.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_TIMEOUT: {
    code: "DEADLINE_EXCEEDED",
    message: "{function} did not answer within its timeout of {timeoutMs} ms.",
    hint: "Make it faster or raise `timeoutMs`; `skerry logs {function} --request {requestId}` shows how far it came.",
    retryable: true,
    audience: "user",
  },
  FUNCTION_INSTANCE_LOST: {
    code: "UNAVAILABLE",
    message: "The machine of {function} was restarted in the middle of the request.",
    hint: "Nothing is wrong with the function; what was accepted is made again by itself.",
    retryable: true,
    audience: "user",
  },
  FUNCTION_HEARTBEAT_MISSED: {
    code: "DEADLINE_EXCEEDED",
    message: "{function} reported nothing for {heartbeatMs} ms and was ended.",
    hint: "Call `context.progress` or `context.heartbeat` more often, or raise `async.heartbeatMs`.",
    retryable: true,
    audience: "user",
  },
  FUNCTION_CANCELLED: {
    code: "CANCELLED",
    message: "{function} was cancelled, and ended because it had not stopped within {graceMs} ms.",
    hint: "Let it look at its signal; `async.cancelGraceMs` gives it longer.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_OUT_OF_MEMORY: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 502,
    message: "{function} needed more than its {memoryMb} MiB of memory and was stopped.",
    hint: "Use less memory or raise `memoryMb`.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_CRASHED: {
    code: "INTERNAL",
    httpStatus: 502,
    message: "{function} ended in the middle of the request ({exit}).",
    hint: "Look at its last lines with `skerry logs {function}`.",
    retryable: true,
    audience: "user",
  },
  FUNCTION_FAILED: {
    code: "INTERNAL",
    httpStatus: 502,
    message: "{function} threw {errorName}: {errorMessage}",
    hint: "The stack is in `skerry logs {function} --request {requestId}`.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_INIT_FAILED: {
    code: "FAILED_PRECONDITION",
    httpStatus: 502,
    message: "{function} could not be started: {errorName}: {errorMessage}",
    hint: "Its code fails while it is loaded; see `skerry logs {function}`.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_BAD_RESPONSE: {
    code: "INTERNAL",
    httpStatus: 502,
    message: "{function} gave an answer that cannot be sent: {why}.",
    hint: "Return JSON, or { statusCode, headers, body }, or a Response.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_THROTTLED: {
    code: "RESOURCE_EXHAUSTED",
    message: "{function} is at its limit: {why}.",
    hint: "Retry after the time in Retry-After, or raise `maxInstances` or `concurrency`.",
    retryable: true,
    audience: "user",
  },
  FUNCTION_PAYLOAD_TOO_LARGE: {
    code: "INVALID_ARGUMENT",
    httpStatus: 413,
    message: "The {what} of {function} is larger than {bytesMax} bytes.",
    hint: "Send less, or stream it from a fetch handler.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_UNAVAILABLE: {
    code: "UNAVAILABLE",
    message: "No instance of {function} could be started: {why}.",
    hint: "Retry; `skerry ps` and the platform's log show the state of the machines.",
    retryable: true,
    audience: "user",
  },
  FUNCTION_STOPPED: {
    code: "UNAVAILABLE",
    message: "An operator stopped the instance of {function} in the middle of the request.",
    hint: "Retry: another instance is started. `skerry audit` shows who stopped it.",
    retryable: true,
    audience: "user",
  },
});

export type FunctionErrorReason = keyof typeof failFunction.table;

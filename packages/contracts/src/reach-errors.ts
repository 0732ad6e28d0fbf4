/**
 * Why an instance does not get what it asked of its gateway. What a called function does wrong is
 * in `failFunction`.
 */
import { defineReasons } from "@skerry/base";

export const failReach = defineReasons({
  REACH_UNKNOWN: {
    code: "UNIMPLEMENTED",
    message: "This gateway does not know the request `{op}` of an instance.",
    hint: "Upgrade the platform: the function's runtime is newer than its gateway.",
    retryable: false,
    audience: "user",
  },
  REACH_REQUEST_NOT_LIVE: {
    code: "FAILED_PRECONDITION",
    message: "The request that this was asked for is not, or no longer, running in this instance.",
    hint: "Await what a request starts before it answers.",
    retryable: false,
    audience: "user",
  },
  REACH_STREAMS_EXHAUSTED: {
    code: "RESOURCE_EXHAUSTED",
    message: "This instance has {streamsMax} calls and connections open, which is the most.",
    hint: "Await some of them before more are opened.",
    retryable: true,
    audience: "user",
  },
  CALL_TARGET_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "`{target}` does not name a function.",
    hint: "Use APP/FN or APP/FN:$LATEST.",
    retryable: false,
    audience: "user",
  },
  CALL_DEPTH_EXCEEDED: {
    code: "FAILED_PRECONDITION",
    message: "{function} was not called: {depthMax} functions already wait for one another.",
    hint: "Look for functions that call each other in a circle.",
    retryable: false,
    audience: "user",
  },
  CALL_TIMEOUT: {
    code: "DEADLINE_EXCEEDED",
    message: "{function} did not answer in the {timeoutMs} ms that its caller could wait.",
    hint: "Give the call or its caller more time: `timeoutMs`.",
    retryable: true,
    audience: "user",
  },
  CALL_ABANDONED: {
    code: "CANCELLED",
    message: "The call of {function} was given up: {why}.",
    hint: "A call ends with the request that made it; await it before answering.",
    retryable: false,
    audience: "user",
  },
  CALL_STATUS: {
    code: "UNKNOWN",
    message: "{function} answered with the status {status}.",
    hint: "`details.body` has the beginning of its answer; `stream: true` takes any status.",
    retryable: false,
    audience: "user",
  },
});

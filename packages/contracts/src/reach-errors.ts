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
  TUNNELS_EXHAUSTED: {
    code: "RESOURCE_EXHAUSTED",
    message: "No further connection: {why}.",
    hint: "Keep connections in a pool and close those that are not used.",
    retryable: true,
    audience: "user",
  },
  CONNECT_NAME_UNKNOWN: {
    code: "NOT_FOUND",
    message: "The function's `connect` has no target `{name}`.",
    hint: "Name it in the function's configuration and deploy again.",
    retryable: false,
    audience: "user",
  },
  CONNECT_TARGET_FORBIDDEN: {
    code: "PERMISSION_DENIED",
    message: "Functions of this platform may not connect to {target}.",
    hint: "An operator allows it with the platform's `connectTargets`.",
    retryable: false,
    audience: "user",
  },
  EGRESS_OFF: {
    code: "PERMISSION_DENIED",
    message: "{target} was not reached: the function's `egress` is `none`.",
    hint: "Deploy it with `egress: web`.",
    retryable: false,
    audience: "user",
  },
  EGRESS_TARGET_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "`{target}` is no HOST:PORT in plain spelling.",
    hint: "Use a name, or an address as 192.0.2.1 or [2001:db8::1].",
    retryable: false,
    audience: "user",
  },
  EGRESS_PORT_FORBIDDEN: {
    code: "PERMISSION_DENIED",
    message: "{target} was not reached: `web` is for HTTP, at ports 80, 443 and from 1024 on.",
    hint: "Name the target in the function's `connect`.",
    retryable: false,
    audience: "user",
  },
  EGRESS_HOST_FORBIDDEN: {
    code: "PERMISSION_DENIED",
    message: "{target} is not in the function's `egressAllow`.",
    hint: "Add it there and deploy again.",
    retryable: false,
    audience: "user",
  },
  EGRESS_ADDRESS_FORBIDDEN: {
    code: "PERMISSION_DENIED",
    message: "{target} was not reached: it leads to an address that is not public.",
    hint: "Name targets of your own network in the function's `connect`.",
    retryable: false,
    audience: "user",
  },
  TUNNEL_NAME_UNRESOLVED: {
    code: "UNAVAILABLE",
    message: "{target} was not reached: its name leads to no address.",
    hint: "Check the name; the gateway's machine resolves it.",
    retryable: true,
    audience: "user",
  },
  TUNNEL_UNREACHABLE: {
    code: "UNAVAILABLE",
    message: "{target} was not reached: {why}.",
    hint: "Check that it listens and that the gateway's machine may reach it.",
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

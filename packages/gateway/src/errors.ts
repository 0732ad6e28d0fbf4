/**
 * What the gateway itself refuses. What goes wrong with a function is in contracts' `failFunction`.
 */
import { defineReasons } from "@skerry/base";

export const failGateway = defineReasons({
  GATEWAY_ROUTE_MISSING: {
    code: "NOT_FOUND",
    message: "Neither the host nor the path of this URL names a function.",
    hint: "Use http://FN.APP.localhost:PORT/… or /-/APP/FN/…; `skerry ls` shows the URLs.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_KEY_REQUIRED: {
    code: "UNAUTHENTICATED",
    message: "{function} takes calls from holders of a key only.",
    hint: "Send `authorization: Bearer KEY` or `x-skerry-key: KEY`; `skerry keys` makes one.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_KEY_INVALID: {
    code: "UNAUTHENTICATED",
    message: "The key sent with the request is unknown or revoked.",
    hint: "Check the key, or make a new one with `skerry keys`.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_CALL_FORBIDDEN: {
    code: "PERMISSION_DENIED",
    message: "The key {keyId} may not call {function}.",
    hint: "Use a key with the role developer or above that reaches this app.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_INVOKE_UNKNOWN: {
    code: "INVALID_ARGUMENT",
    message: "The header x-skerry-invoke has an unknown value.",
    hint: "Send `event`, or leave the header out for a plain HTTP call.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_NOT_READY: {
    code: "UNAVAILABLE",
    message:
      "The gateway does not know any function yet: control has not answered since it started.",
    hint: "Retry in a moment; `skerry doctor` shows whether control runs.",
    retryable: true,
    audience: "user",
  },
});

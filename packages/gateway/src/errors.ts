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
    hint: "Send `authorization: Bearer KEY` or `x-skerry-key: KEY`; `skerry keys create` makes one.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_KEY_INVALID: {
    code: "UNAUTHENTICATED",
    message: "The key sent with the request is unknown or revoked.",
    hint: "Check the key, or make a new one with `skerry keys create`.",
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
    hint: "Send `event`, or `events` for a list of them, or leave the header out for a plain HTTP call.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_CLIENT_CONTEXT_INVALID: {
    code: "INVALID_ARGUMENT",
    message:
      "The header x-skerry-client-context is not base64 of JSON, or longer than {bytesMax} bytes.",
    hint: "Send what is small; the event is for everything else.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_EVENT_NOT_JSON: {
    code: "INVALID_ARGUMENT",
    message:
      "The body of a request with `Prefer: respond-async` is the event, and is not JSON: {why}",
    hint: "Send JSON, whatever its content type says, or no body at all for the event {}.",
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
  GATEWAY_ACTION_MISSING: {
    code: "NOT_FOUND",
    message: "The app {app} has no action {action}.",
    hint: "`skerry actions ls --app {app}` lists them; the path is /-/APP/actions/NAME.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_ACTION_METHOD: {
    code: "INVALID_ARGUMENT",
    httpStatus: 405,
    message: "The action {action} is run by POST.",
    hint: "Send the event as the body of a POST.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_DRIVE_MISSING: {
    code: "PERMISSION_DENIED",
    message: "The action {action} has no drive `{drive}`.",
    hint: "Name it in the drives of the action, and deploy.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKET_REQUIRED: {
    code: "UNAUTHENTICATED",
    message: "The action {action} takes calls with a ticket or a key only.",
    hint: "Sign the request and send `x-skerry-ticket`; docs/actions.md says how.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKET_MALFORMED: {
    code: "INVALID_ARGUMENT",
    message: "The header x-skerry-ticket is not of the form v1,HOLDER,TIME,NONCE,SIGNATURE.",
    hint: "docs/actions.md has a function that makes it.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKET_INVALID: {
    code: "UNAUTHENTICATED",
    message: "The ticket is of no key of this app, or did not sign this request.",
    hint: "Sign method, path with query, time, nonce and the digest of the very body that is sent.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKET_SKEWED: {
    code: "UNAUTHENTICATED",
    message: "The ticket's time is more than {skewS} seconds from the platform's.",
    hint: "Sign each request when it is sent, by a clock that is right.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKET_EXPIRED: {
    code: "UNAUTHENTICATED",
    message: "The player's ticket has expired.",
    hint: "Have another one issued.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKET_HOLDER: {
    code: "PERMISSION_DENIED",
    message: "The action {action} takes tickets of a {holder}.",
    hint: "Sign with what belongs to one.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKET_USED: {
    code: "UNAUTHENTICATED",
    message: "A request with this nonce was taken before.",
    hint: "Make a nonce for each request; to repeat one, sign it anew.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_TICKETS_BUSY: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "More calls of this player, this key or this app came within minutes than are remembered.",
    hint: "Retry later, signed anew, or divide the calls over several players or server keys.",
    retryable: true,
    audience: "user",
  },
  GATEWAY_TICKETS_UNREADABLE: {
    code: "UNAVAILABLE",
    message: "The server key of the ticket cannot be opened now.",
    hint: "Retry; `skerry doctor` shows whether the platform has its master key.",
    retryable: true,
    audience: "user",
  },
});

/** What guards of routes refuse. */
import { defineReasons } from "@skerry/base";

const refused = { retryable: false, audience: "user" } as const;
const unauthenticated = { ...refused, code: "UNAUTHENTICATED" } as const;
const forbidden = { ...refused, code: "PERMISSION_DENIED" } as const;
const invalid = { ...refused, code: "INVALID_ARGUMENT" } as const;
const passing = { retryable: true, audience: "user" } as const;

export const failGuard = defineReasons({
  ROUTE_KEY_REQUIRED: {
    ...unauthenticated,
    message: "The route {route} takes requests from holders of a key only.",
    hint: "Send `authorization: Bearer KEY` or `x-skerry-key: KEY`; `skerry keys` makes one.",
  },
  ROUTE_KEY_INVALID: {
    ...unauthenticated,
    message: "The key sent with the request is unknown or revoked.",
    hint: "Check the key, or make a new one with `skerry keys`.",
  },
  ROUTE_CALL_FORBIDDEN: {
    ...forbidden,
    message: "The key {keyId} may not use the route {route}.",
    hint: "Use a key with the role developer or above that reaches this app.",
  },
  ROUTE_CREDENTIALS_AMBIGUOUS: {
    ...invalid,
    message: "The request names its caller more than once: {where}.",
    hint: "Send each credential once.",
  },
  ROUTE_AUTH_UNAVAILABLE: {
    ...passing,
    code: "UNAVAILABLE",
    message: "Who calls the route {route} cannot be told now: {why}.",
    hint: "Retry in a moment; if it stays, look after what the route's `auth` names.",
  },
});

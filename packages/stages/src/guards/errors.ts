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
    hint: "Send `authorization: Bearer KEY` or `x-skerry-key: KEY`; `skerry keys create` makes one.",
  },
  ROUTE_KEY_INVALID: {
    ...unauthenticated,
    message: "The key sent with the request is unknown or revoked.",
    hint: "Check the key, or make a new one with `skerry keys create`.",
  },
  ROUTE_CALL_FORBIDDEN: {
    ...forbidden,
    message: "The key {keyId} may not use the route {route}.",
    hint: "Use a key with the role developer or above that reaches this app.",
  },
  ROUTE_ADDRESS_FORBIDDEN: {
    ...forbidden,
    message: "The route {route} does not take requests from this address.",
    hint: "Its `ips` say which addresses it takes.",
  },
  ROUTE_TOKEN_REQUIRED: {
    ...unauthenticated,
    message: "The route {route} takes requests with a token only.",
    hint: "Send the token of its issuer where the route's `auth.jwt.from` says; by default `authorization: Bearer TOKEN`.",
  },
  ROUTE_TOKEN_INVALID: {
    ...unauthenticated,
    message: "The token sent with the request does not count: {why}.",
    hint: "Get a new token from the issuer that the route's `auth.jwt` names.",
  },
  ROUTE_TOKEN_INSUFFICIENT: {
    ...forbidden,
    message: "The token is good, but does not allow this: it lacks {missing}.",
    hint: "Ask the issuer for a token with what the route's `auth.jwt` wants.",
  },
  ROUTE_CREDENTIALS_REQUIRED: {
    ...unauthenticated,
    message: "The request has nothing by which the route {route} could tell who calls.",
    hint: "Send what the route's `auth.authorizer.by` names.",
  },
  ROUTE_AUTHORIZER_DENIED: {
    ...forbidden,
    message: "The authorizer of the route {route} does not allow this request.",
    hint: "Ask whoever keeps the function that the route's `auth.authorizer` names.",
  },
  ROUTE_RATE_LIMITED: {
    ...passing,
    code: "RESOURCE_EXHAUSTED",
    message: "The route {route} takes {perSecond} requests a second {by}.",
    hint: "Retry after the time in Retry-After, or raise the route's `limits.rate`.",
  },
  ROUTE_CONCURRENCY_LIMITED: {
    ...passing,
    code: "RESOURCE_EXHAUSTED",
    message: "The route {route} has {concurrency} requests under way, as many as it may.",
    hint: "Retry after the time in Retry-After, or raise the route's `limits.concurrency`.",
  },
  ROUTE_BODY_TYPE_REFUSED: {
    ...invalid,
    httpStatus: 415,
    message: "The route {route} takes a body of JSON, which this does not say that it is: {why}.",
    hint: "Send `content-type: application/json`, and the body neither compressed nor in another charset.",
  },
  ROUTE_BODIES_BUSY: {
    ...passing,
    code: "RESOURCE_EXHAUSTED",
    message: "The gateway keeps as many bodies for their schemas as it may.",
    hint: "Retry after the time in Retry-After.",
  },
  ROUTE_BODY_NOT_JSON: {
    ...invalid,
    message: "The route {route} takes a body of JSON, and this is none.",
    hint: "Send JSON in UTF-8.",
  },
  ROUTE_SCHEMA_MISMATCH: {
    ...invalid,
    message: "The {what} does not fit the schema of the route {route}: {places}",
    hint: "The details list up to 20 places as JSON pointers; the route's `schemas` say what fits.",
  },
  ROUTE_SCHEMA_TOO_COSTLY: {
    ...invalid,
    message: "To see whether the {what} fits the schema of the route {route} takes too much work.",
    hint: "Send less at once, or make the schema simpler: `multipleOf`, `uniqueItems`, and long texts by a `pattern` take most.",
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

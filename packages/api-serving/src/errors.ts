import { defineReasons } from "@skerry/base";

const user = { retryable: false, audience: "user" } as const;

/** The package's only error constructor. */
export const fail = defineReasons({
  ROUTE_UNKNOWN: {
    ...user,
    code: "NOT_FOUND",
    message: "The control API has no path {path}.",
    hint: "Every path begins with /v1; the reference lists them.",
  },
  METHOD_NOT_ALLOWED: {
    ...user,
    code: "UNIMPLEMENTED",
    httpStatus: 405,
    message: "{method} is not possible here; allowed: {allowed}.",
    hint: "Use one of the allowed methods.",
  },
  BODY_TYPE_UNSUPPORTED: {
    ...user,
    code: "INVALID_ARGUMENT",
    httpStatus: 415,
    message: "The body must be {expected}, not {contentType}.",
    hint: "Set the Content-Type header to what the body is.",
  },
  BODY_NOT_JSON: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "The body is not valid JSON: {why}.",
    hint: "Correct it and send it again; nothing was changed.",
  },
  BODY_TOO_DEEP: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "The JSON is nested more than {depthMax} levels deep.",
    hint: "No request needs that; check how the body is made.",
  },
  IF_MATCH_UNSUPPORTED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "What {operation} changes has no tag, so that If-Match cannot hold.",
    hint: "Leave If-Match out; nothing was changed.",
  },
  IF_MATCH_MISSING: {
    ...user,
    code: "FAILED_PRECONDITION",
    httpStatus: 428,
    message: "This platform is configured to change this only with If-Match.",
    hint: "Read the function and send its `etag` as If-Match, or * for whatever is there.",
  },
  IF_MATCH_INVALID: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "If-Match must be one tag as the function's `etag` shows it, or *.",
    hint: "Read the function and send its `etag` unchanged.",
  },
  ACTION_DENIED: {
    ...user,
    code: "PERMISSION_DENIED",
    message: "The key's role {role} may not do {action} on {resource}.",
    hint: "Ask an admin for a key with another role or for that app.",
  },
  IDEMPOTENCY_KEY_INVALID: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "An Idempotency-Key has 1 to {charsMax} visible ASCII characters.",
    hint: "A fresh UUID for each intended change is a good choice.",
  },
  API_RATE_LIMITED: {
    code: "RESOURCE_EXHAUSTED",
    message: "Too many requests from this {source}.",
    hint: "Wait as long as Retry-After says.",
    retryable: true,
    audience: "user",
  },
});

import { defineReasons } from "@skerry/base";

const user = { retryable: false, audience: "user" } as const;

/** The package's only error constructor. */
export const fail = defineReasons({
  KEY_MISSING: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "The request carries no key.",
    hint: "Send `Authorization: Bearer <key>`; the platform's start prints where the first key lies.",
  },
  KEY_AMBIGUOUS: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "The request carries more than one key.",
    hint: "Send one `Authorization: Bearer <key>` or one `x-skerry-key`.",
  },
  KEY_INVALID: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "The key is not valid.",
    hint: "Check it for missing characters; it may also have been revoked.",
  },
  SIGN_IN_LINK_INVALID: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "The sign-in link does not work: it was used, or its time is over.",
    hint: "Make a new one with `npx skerry console`.",
  },
  CONSOLE_SESSION_INVALID: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "You are signed out.",
    hint: "Sign in with a new link: `npx skerry console` prints one.",
  },
  CONSOLE_SESSION_CANNOT: {
    ...user,
    code: "PERMISSION_DENIED",
    message: "Someone who is signed in at the start page cannot make sign-in links.",
    hint: "Use the key itself: `npx skerry console`.",
  },
  CONSOLE_SESSION_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "There is no console session {session}.",
    hint: "It may have ended already.",
  },
  IDEMPOTENCY_KEYS_EXHAUSTED: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "No room for another Idempotency-Key: answers are kept for {requests} of this key's last ones.",
    hint: "Wait as long as Retry-After says, or send what need not be repeatable without one.",
    retryable: true,
    audience: "user",
  },
  SECRET_MISSING: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "{functions} ask for secrets that are not there: {secrets}.",
    hint: "Set them first: `skerry secrets set NAME --app {app}`, or without --app for all apps.",
  },
  SECRET_ENV_TWICE: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "{function} has {variables} both in `env` and in `secrets`.",
    hint: "Take it out of `env`: a variable has one source.",
  },
  SERVER_KEY_EXISTS: {
    ...user,
    code: "ALREADY_EXISTS",
    message: "The app {app} has a server key {key} already.",
    hint: "Give this one another name, or revoke that one first.",
  },
  SERVER_KEY_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "The app {app} has no server key {key}.",
    hint: "Make it with `skerry server-keys create {key} --app {app}`, or name another.",
  },
  SECRET_IN_USE: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The secret {secret} is still asked for by {functions}.",
    hint: "Deploy them without it first, or give it another value instead.",
  },
  API_OVERLOADED: {
    code: "UNAVAILABLE",
    message: "The control API has {requestsMax} requests under way, which is its limit.",
    hint: "Retry; follows and waits that are no longer needed should be closed.",
    retryable: true,
    audience: "user",
  },
  SOURCE_UNKNOWN: {
    ...user,
    code: "NOT_FOUND",
    message: "The source {digest} was not uploaded to {app}.",
    hint: "Upload it with PUT to the same path.",
  },
  SOURCE_MISSING: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The source of {functions} was not uploaded to {app}.",
    hint: "Upload the digests named in the details to /v1/apps/{app}/packages/… and deploy again.",
  },
  DEPLOYMENT_BACKLOG: {
    code: "RESOURCE_EXHAUSTED",
    message: "The account has {deployments} deployments that have not ended, which is its limit.",
    hint: "Wait until some of them have ended.",
    retryable: true,
    audience: "user",
  },
  DEPLOYMENTS_TOO_FAST: {
    code: "RESOURCE_EXHAUSTED",
    message: "The account deploys more often than {perSecond} times a second.",
    hint: "Wait as long as Retry-After says; deploy several functions together.",
    retryable: true,
    audience: "user",
  },
  INSTANCE_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "There is no live instance {instance}.",
    hint: "List live instances with `skerry ps`.",
  },
  INVOCATION_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "There is no record of request {request} for {function}.",
    hint: "Records appear within a second of the answer and expire with the telemetry.",
  },
});

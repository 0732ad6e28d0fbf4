/** Names on the gateway's public HTTP side. */
export const GATEWAY_HEADERS = {
  /**
   * Request header: `event` invokes with the body as the event and answers with the bare result;
   * `events` has a list of them accepted to run later. Needs a key.
   */
  invoke: "x-skerry-invoke",
  /** Request header with a key, beside `authorization: Bearer`. Never passed on to the function. */
  key: "x-skerry-key",
  /**
   * Request header: base64 of JSON that the handler finds as `context.clientContext`; at most
   * `clientContextBytesMax`.
   */
  clientContext: "x-skerry-client-context",
  /**
   * The same key with the same request is accepted once, and each caller is given the one answer.
   * Of callers without a key of the platform it is passed on, and no more.
   */
  idempotencyKey: "idempotency-key",
  /** With `Prefer: respond-async`: runs no sooner than so many milliseconds from now. */
  delayMs: "x-skerry-delay-ms",
  /** With `Prefer: respond-async`: runs not before this time, `2026-11-21T16:00:00Z`. */
  notBefore: "x-skerry-not-before",
  /** With `Prefer: respond-async`: those of one key run one after another, as they came. */
  orderingKey: "x-skerry-ordering-key",
  /** Response header: the request id; of an accepted invocation, its id. */
  requestId: "x-skerry-request-id",
  /** Response header, for holders of a key: the number of the version that answers. */
  version: "x-skerry-version",
  /** Response header: this is what an earlier call with the same idempotency key was answered. */
  replayed: "idempotent-replayed",
  /** Request header for targets of routes: parameters of the path, as JSON. */
  params: "x-skerry-params",
  /**
   * The same: base64url of the claims of the token that was checked, or of an authorizer's context.
   */
  claims: "x-skerry-claims",
  /** The same: who calls, a key's id, a token's subject or what the authorizer named. */
  principal: "x-skerry-principal",
  /** Request header for functions with an `eventFormat`: the client's address. */
  clientAddress: "x-skerry-client-address",
  /** Response header: why another than the route's target answered, and which. */
  downgrade: "x-skerry-downgrade",
  /** Response header of an error made by the platform, not by the function: its reason. */
  errorReason: "x-skerry-error",
} as const;

/**
 * `Prefer` (RFC 7240): the event is accepted to run later, and answered 202 once it is on disk.
 * Without a key it is a preference that is not met.
 */
export const RESPOND_ASYNC = "respond-async";
/** First path segment of the URL form `/-/APP/FN/…`. */
export const PATH_PREFIX = "-";
/** Host suffix of the URL form `FN.APP.localhost`. */
export const HOST_SUFFIX = ".localhost";
/** Text in front of every key: `sk_<key id body>_<secret>`. */
export const KEY_PREFIX = "sk";

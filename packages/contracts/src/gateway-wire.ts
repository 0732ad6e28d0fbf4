/** Names on the gateway's public HTTP side. */
export const GATEWAY_HEADERS = {
  /**
   * Request header: `event` invokes with the body as the event and answers with the bare result.
   * Needs a key.
   */
  invoke: "x-skerry-invoke",
  /** Request header with a key, beside `authorization: Bearer`. Never passed on to the function. */
  key: "x-skerry-key",
  /** Response header: the request id. */
  requestId: "x-skerry-request-id",
  /** Response header of an error made by the platform, not by the function: its reason. */
  errorReason: "x-skerry-error",
} as const;

/** First path segment of the URL form `/-/APP/FN/…`. */
export const PATH_PREFIX = "-";
/** Host suffix of the URL form `FN.APP.localhost`. */
export const HOST_SUFFIX = ".localhost";
/** Text in front of every key: `sk_<key id body>_<secret>`. */
export const KEY_PREFIX = "sk";

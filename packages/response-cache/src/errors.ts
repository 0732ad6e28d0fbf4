/** What goes wrong in the response cache. */
import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  CACHE_ANSWER_ABSENT: {
    code: "DEADLINE_EXCEEDED",
    message: "No kept answer may be given, and the request asks for no other (only-if-cached).",
    retryable: false,
    audience: "user",
    hint: "Send the request without `only-if-cached`.",
  },
  CACHE_ANSWER_BROKEN: {
    code: "UNAVAILABLE",
    httpStatus: 502,
    message: "The target broke its answer off.",
    retryable: true,
    audience: "user",
    hint: "Try again.",
  },
});

import { defineReasons } from "@skerry/base";

/** The package's only error constructor. */
export const fail = defineReasons({
  BURST_UNDER_WAY: {
    code: "RESOURCE_EXHAUSTED",
    message: "Another burst is under way; there is one at a time.",
    hint: "Wait until it has settled.",
    retryable: true,
    audience: "user",
  },
});

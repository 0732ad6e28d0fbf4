import { defineReasons } from "@skerry/base";

/** The bus's only error constructor. */
export const failBus = defineReasons({
  RULE_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "The app {app} has no rule {rule}.",
    hint: "List them with `skerry rules ls --app {app}`.",
    retryable: false,
    audience: "user",
  },
  RULE_CHANGED: {
    code: "FAILED_PRECONDITION",
    message: "The rule {rule} was changed since it was read: its tag is {actual}.",
    hint: "Read it again and repeat with the new tag if the request still holds.",
    retryable: false,
    audience: "user",
  },
  RULES_LIMIT: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "An account has at most {rulesMax} rules.",
    hint: "Remove those that are no longer used, or let one pattern stand for several with $or.",
    retryable: false,
    audience: "user",
  },
  BUS_BEHIND: {
    code: "RESOURCE_EXHAUSTED",
    message: "Events that came {behindMs} ms ago still wait for their rules; no more are taken.",
    hint: "Nothing was put. Try again later, with the same ids.",
    retryable: true,
    audience: "user",
  },
});

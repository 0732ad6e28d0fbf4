import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  NODE_UNAVAILABLE: {
    code: "UNAVAILABLE",
    message: "No node could {what}: {why}.",
    hint: "Deploy again when a node is there; `skerry ps` and the platform's log show their state.",
    retryable: true,
    audience: "user",
  },
  LINK_ANSWER_LATE: {
    code: "DEADLINE_EXCEEDED",
    message: "{peer} did not answer {op} within {deadlineMs} ms.",
    hint: "Look at its log; it may be overloaded or stuck.",
    retryable: true,
    audience: "operator",
  },
  LINK_ANSWER_INVALID: {
    code: "INTERNAL",
    message: "{peer} answered {op} with something that cannot be read: {why}.",
    hint: "A peer of another release must be upgraded or restarted.",
    retryable: false,
    audience: "operator",
  },
  SOCKET_FAILED: {
    code: "UNAVAILABLE",
    message: "Cannot listen on {path}: {errno}.",
    hint: "Check the directory and its permissions.",
    retryable: false,
    audience: "operator",
  },
});

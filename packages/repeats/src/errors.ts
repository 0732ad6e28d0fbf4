import { defineReasons } from "@skerry/base";

const user = { retryable: false, audience: "user" } as const;

export const fail = defineReasons({
  IDEMPOTENCY_KEY_REUSED: {
    ...user,
    code: "INVALID_ARGUMENT",
    httpStatus: 422,
    message: "This Idempotency-Key was used before for another request.",
    hint: "Use a fresh one for each intended change; repeat it only with the same request.",
  },
  IDEMPOTENT_ANSWER_GONE: {
    ...user,
    code: "ALREADY_EXISTS",
    message: "The first request with this Idempotency-Key made {subject}; its answer is not kept.",
    hint: "Look whether {subject} is what you want, else repeat with a fresh Idempotency-Key.",
  },
  IDEMPOTENT_REQUEST_RACED: {
    code: "ABORTED",
    message: "The same request was answered at the same moment.",
    hint: "Send it once more: it gets that answer.",
    retryable: true,
    audience: "user",
  },
});

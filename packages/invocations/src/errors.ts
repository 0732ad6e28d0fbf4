import { defineReasons } from "@skerry/base";

export const failInvocations = defineReasons({
  ATTEMPT_LOST: {
    code: "UNAVAILABLE",
    message: "The gateway that ran this invocation was lost, and it is not tried again.",
    hint: "It may have run: look at what it has done. The function's `giveUpOn` names `platform`, or it was a game's call.",
    retryable: false,
    audience: "user",
  },
  DESTINATION_DEPTH_EXCEEDED: {
    code: "FAILED_PRECONDITION",
    message: "{target} was not told: {depthMax} ends of invocations already told one another.",
    hint: "Look for functions that are each other's `onSuccess` or `onFailure`.",
    retryable: false,
    audience: "user",
  },
  IDEMPOTENCY_KEY_CONFLICT: {
    code: "INVALID_ARGUMENT",
    httpStatus: 422,
    message: "This idempotency key was used with another payload; it stands for {named}.",
    hint: "Use a fresh key for each intended request; repeat one only with the same payload.",
    retryable: false,
    audience: "user",
  },
  LEDGER_BACKLOG_FULL: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 503,
    message: "As much waits to be written to the ledger as may: {items} items of {bytes} bytes.",
    hint: "Nothing was accepted; retry after a moment, and look at the disk of the store if it lasts.",
    retryable: true,
    audience: "user",
  },
  REDRIVES_OPEN_LIMITED: {
    code: "RESOURCE_EXHAUSTED",
    message: "{openMax} redrives are running or paused; an account may have no more.",
    hint: "Look at them with `skerry redrives ls`, and cancel one or wait for its end.",
    retryable: false,
    audience: "user",
  },
});

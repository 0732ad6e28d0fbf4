import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  LEDGER_PIECE_UNREADABLE: {
    code: "INVALID_ARGUMENT",
    message: "What the gateway told of this invocation could not be read.",
    hint: "Send it without what is unusual about it, and report what that was: it is a defect.",
    retryable: false,
    audience: "user",
  },
  WEBHOOK_STATUS: {
    code: "UNAVAILABLE",
    message: "{target} answered with the status {status}.",
    hint: "A webhook is delivered when it answers 2xx; redirects are not followed, and 410 ends it.",
    retryable: true,
    audience: "user",
  },
  WEBHOOK_UNREACHABLE: {
    code: "UNAVAILABLE",
    message: "{target} was not reached: {why}.",
    hint: "Check that it listens and that its certificate is in order.",
    retryable: true,
    audience: "user",
  },
  WEBHOOK_TIMEOUT: {
    code: "DEADLINE_EXCEEDED",
    message: "{target} did not answer within {timeoutMs} ms.",
    hint: "Answer first, and work then.",
    retryable: true,
    audience: "user",
  },
  WEBHOOK_UNENCRYPTED: {
    code: "PERMISSION_DENIED",
    message: "{target} was not called: it is not encrypted.",
    hint: "Use https:, or have an operator name the host in `webhookHosts`.",
    retryable: false,
    audience: "user",
  },
  WEBHOOK_SECRET_UNREADABLE: {
    code: "UNAVAILABLE",
    message: "{target} was not called: its signing secret could not be read.",
    hint: "Store the secret `webhook-signing` again.",
    retryable: true,
    audience: "user",
  },
});

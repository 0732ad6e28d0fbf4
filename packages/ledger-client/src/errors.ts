/** What a caller is told whose invocation was not written down. */
import { defineReasons } from "@skerry/base";

export const failLedger = defineReasons({
  LEDGER_HEADER_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "The header {header} {rule}.",
    hint: "Send it as said, or leave it out.",
    retryable: false,
    audience: "user",
  },
  GATEWAY_EVENTS_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "The body of a request with `x-skerry-invoke: events` is no list of events: {why}",
    hint: 'Send a JSON array such as [{"event": {"order": 7}, "delayMs": 5000}]; nothing of this one was accepted.',
    retryable: false,
    audience: "user",
  },
  LEDGER_AWAY: {
    code: "UNAVAILABLE",
    message: "The invocation was not accepted: nobody could write it down within {waitedMs} ms.",
    hint: "Send it again after the time in Retry-After, with a ticket signed anew; `skerry doctor` shows whether control runs.",
    retryable: true,
    audience: "user",
  },
  LEDGER_ANSWER_UNWRITTEN: {
    code: "UNAVAILABLE",
    message:
      "The function has answered, but the answer could not be written down within {waitedMs} ms.",
    hint: "Send it again with the same `Idempotency-Key`: it does not run again, and you get its answer. Without a key it would run twice.",
    retryable: true,
    audience: "user",
  },
  CALL_UNDER_WAY: {
    code: "ABORTED",
    message: "The invocation {id} has not ended yet.",
    hint: "Send the same again later with the same `Idempotency-Key`, or look with `skerry invocations show {id}`.",
    retryable: true,
    audience: "user",
  },
  CALL_ANSWER_TOO_LARGE: {
    code: "ALREADY_EXISTS",
    message:
      "The invocation {id} was answered; the answer had more than {bytesMax} bytes and was not kept.",
    hint: "It does not run again under its idempotency key; give large answers as the name of where they are.",
    retryable: false,
    audience: "user",
  },
  CALL_ANSWER_GONE: {
    code: "ALREADY_EXISTS",
    message: "The invocation {id} has ended; nothing of it is kept.",
    hint: "Use a fresh idempotency key to run it again; `ledgerDays` and `ledgerMbMax` say what is kept.",
    retryable: false,
    audience: "user",
  },
  CALL_UNANSWERED: {
    code: "ABORTED",
    message: "The invocation {id} ended as {state}, without an answer.",
    hint: "Use a fresh idempotency key, or none, to run it again.",
    retryable: false,
    audience: "user",
  },
  LEDGER_UNCONFIRMED: {
    code: "UNAVAILABLE",
    message:
      "The invocation may or may not have been accepted: its acceptance was not confirmed within {waitedMs} ms.",
    hint: "Send it again with the same `Idempotency-Key`, which makes that safe; without a key it may run twice.",
    retryable: true,
    audience: "user",
  },
});

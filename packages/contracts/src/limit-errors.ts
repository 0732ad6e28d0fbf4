/** What callers and deployers are told at a limit: which one it is, and how to raise it. */
import { defineReasons } from "@skerry/base";

export const failLimit = defineReasons({
  RATE_LIMITED: {
    code: "RESOURCE_EXHAUSTED",
    message: "{function} takes {ratePerSecond} requests a second, {burst} at once.",
    hint: "Retry after the time in Retry-After, or raise `limits.ratePerSecond` or `limits.burst` in its configuration.",
    retryable: true,
    audience: "user",
  },
  CONCURRENCY_LIMITED: {
    code: "RESOURCE_EXHAUSTED",
    message: "{function} has {concurrency} requests under way, as many as it may.",
    hint: "Retry after the time in Retry-After, or raise `limits.concurrency` in its configuration.",
    retryable: true,
    audience: "user",
  },
  QUOTA_RATE_EXCEEDED: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "The account takes {ratePerSecond} requests a second, {burst} at once, and {function} has its share of them.",
    hint: "Retry after the time in Retry-After, or let an operator run `skerry quotas set --rate-per-second N`.",
    retryable: true,
    audience: "user",
  },
  QUOTA_CONCURRENCY_EXCEEDED: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "The account may have {concurrency} requests under way, and {function} has its share of them.",
    hint: "Retry after the time in Retry-After, or let an operator run `skerry quotas set --concurrency N`.",
    retryable: true,
    audience: "user",
  },
  OPEN_INVOCATIONS_LIMITED: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "{function} has {openInvocationsMax} accepted invocations that have not ended, as many as it may.",
    hint: "Retry after the time in Retry-After, or raise `async.openInvocationsMax` in its configuration.",
    retryable: true,
    audience: "user",
  },
  QUOTA_OPEN_INVOCATIONS_EXCEEDED: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "The account may have {openInvocationsMax} accepted invocations that have not ended, and {function} has its share of them.",
    hint: "Retry after the time in Retry-After, or let an operator run `skerry quotas set --open-invocations-max N`.",
    retryable: true,
    audience: "user",
  },
  QUOTA_MEMORY_EXCEEDED: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "{function} got no instance in time: the account's instances may have {memoryMb} MiB together.",
    hint: "Retry after the time in Retry-After, lower `memoryMb` or `idleTimeoutMs`, or let an operator run `skerry quotas set --memory-mb N`.",
    retryable: true,
    audience: "user",
  },
  QUOTA_STORAGE_EXCEEDED: {
    code: "RESOURCE_EXHAUSTED",
    message:
      "With these {bytes} bytes the account would keep more than its {storageMb} MiB of code, artefacts and logs.",
    hint: "Remove functions or lower `logMbMax`, or let an operator run `skerry quotas set --storage-mb N`.",
    retryable: false,
    audience: "user",
  },
});

/**
 * Why a request was turned away before it became an invocation. A closed set: labels are made of
 * it.
 */
export const THROTTLE_REASONS = [
  "RATE_LIMITED",
  "CONCURRENCY_LIMITED",
  "QUOTA_RATE_EXCEEDED",
  "QUOTA_CONCURRENCY_EXCEEDED",
] as const;
export type ThrottleReason = (typeof THROTTLE_REASONS)[number];

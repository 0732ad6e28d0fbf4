/** The bounds of calling webhooks; those that users meet are in docs/invocations.md. */
export const WEBHOOK_LIMITS = {
  /** Calls at once: to one host, and to all. */
  hostCallsMax: 4,
  callsMax: 64,
  /** From the first byte to the end of the answer. */
  callMs: 15_000,
  /** What was claimed and never settled is made again after so long. */
  leaseMs: 45_000,
  /** Of an answer so much is read. */
  answerBytesMax: 64 << 10,
  /** Failures in a row after which an address is left alone, and for how long. */
  failuresMax: 5,
  pauseMsMin: 10_000,
  pauseMsMax: 600_000,
  /** Wait before a delivery is tried again; doubles. */
  retryMsMin: 1_000,
  retryMsMax: 600_000,
  /** Longest sleep of the timer, and the wait after the store failed. */
  sleepMsMax: 30_000,
  storeAgainMs: 1_000,
} as const;

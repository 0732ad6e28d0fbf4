/** The bounds of dispatching that users do not set; those they quote are in contracts' `LIMITS`. */
export const DISPATCH_LIMITS = {
  /**
   * Attempts that one gateway has out, below what it may hold: it also holds those whose end is
   * being written. And the payloads of those it was sent.
   */
  holderAttemptsMax: 80_000,
  holderBytesMax: 256 << 20,
  /** Part of both that is kept for accounts that have little out there. */
  holderReserve: 0.05,
  /** Attempts of one function that are out at once, whatever its instances could take. */
  laneWindowMax: 10_000,
  /** Payloads of those: a part of what a gateway may have, so that others find room. */
  laneBytesMax: 64 << 20,
  /** Claimed in one transaction; more payload than this ends it early. */
  claimRowsMax: 256,
  claimBytesMax: 8 << 20,
  /** Ended or let go of in one transaction. */
  releaseRowsMax: 500,
  /** Until a claim that failed is tried again. */
  claimAgainMs: 200,
  /** A lane whose attempts are throttled shrinks no more often than this. */
  shrinkEveryMs: 250,
  /** Longest sleep of the timer while something waits: the wall clock may be set. */
  sleepMsMax: 30_000,
  /** For a gateway to take attempts; one that does not is cut off. */
  runAnswerMs: 10_000,
  /** A gateway that refused attempts is sent none for a while, each time for longer. */
  refusedPauseMs: { delayMsMin: 200, delayMsMax: 10_000 },
  /** For a gateway to be back, after its link was lost and after control's start. */
  holderGraceMs: 1_000,
  startGraceMs: 5_000,
  /** For the platform of another gateway to note on a shared database that it is there. */
  leaseMs: 15_000,
  /** Wait before an attempt that went down with its gateway is made again. */
  lostRetryMs: 100,
  /** A call whose gateway was lost is made again for so long, unless its function says less. */
  callAgeMs: 15 * 60_000,
  /** For one question whether an invocation has ended, and between two looks at the store. */
  answerHoldMs: 5_000,
  answerLookMs: 1_000,
  /**
   * The latest reports of invocations that run, in memory; and the part of it for those of one
   * function, and of one account.
   */
  progressBytesMax: 32 << 20,
  progressFunctionShare: 1 / 4,
  progressAccountShare: 1 / 2,
  /** How long an idempotency key stands for its invocation, unless its function says. */
  keyTtlMs: 24 * 3_600_000,
  /** Entries of the config log that are read at once. */
  configPageMax: 500,
  /** Between two readings of the sums while something happens. */
  sumsEveryMs: 1_000,
  /** Between two checks of the books, and how much of the time they may take. */
  balanceEveryMs: 60_000,
  balanceShareMax: 0.001,
} as const;

type Limits = typeof DISPATCH_LIMITS;
export type DispatchLimits = {
  readonly [K in keyof Limits]: Limits[K] extends number ? number : Limits[K];
};

/** Of what is accepted, and of ends: in one transaction, and waiting for one; more is refused. */
export const BATCH_BOUNDS = {
  itemsMax: 1_000,
  bytesMax: 8 << 20,
  waitingItemsMax: 50_000,
  waitingBytesMax: 128 << 20,
} as const;

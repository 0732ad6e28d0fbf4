/** The bounds of every store. Each has a typed error or a stated effect at the limit. */
export const STORE_LIMITS = {
  /** Calls accepted and not yet answered; beyond: `STORE_BACKLOG_FULL`. */
  backlogCallsMax: 10_000,
  /** Bytes of text and blobs in the arguments of those calls; beyond: `STORE_BACKLOG_FULL`. */
  backlogBytesMax: 128 * 1024 * 1024,
  /** SQLite: calls that share one commit; more wait for the next one. */
  groupCallsMax: 512,
  /** SQLite: prepared statements kept per database; the oldest goes first. */
  statementsMax: 512,
  /** SQLite: how long to wait for another program that holds a file's lock. */
  lockWaitMs: 5_000,
  /**
   * SQLite: pages of the write-ahead log that are copied into the file at once; a start after a
   * crash reads them all, in some tens of milliseconds.
   */
  walPagesMax: 4_000,
  /** SQLite: the write-ahead log is cut back to this size after a checkpoint. */
  walBytesKept: 64 * 1024 * 1024,
  /** PostgreSQL: attempts of one call that loses against others; then `STORE_CONTENTION`. */
  attemptsMax: 24,
  /** PostgreSQL: wait between those attempts, doubling with jitter. */
  retryDelayMsMin: 2,
  retryDelayMsMax: 250,
  /**
   * PostgreSQL: to connect, and to wait for a free connection of the pool; then
   * `STORE_UNAVAILABLE`.
   */
  connectTimeoutMs: 10_000,
  /** PostgreSQL: the server stops a statement after this time; then `STORE_TIMEOUT`. */
  statementTimeoutMs: 30_000,
  /** PostgreSQL: the connection is given up when the server says nothing for this long. */
  silenceTimeoutMs: 35_000,
  /** PostgreSQL: one statement of a migration. */
  migrationMsMax: 12 * 3_600_000,
} as const;

/**
 * The bounds of the control plane that users do not set; those they quote are in contracts'
 * `LIMITS`.
 */
export const CONTROL_LIMITS = {
  /** Nesting of a JSON body. */
  jsonDepthMax: 32,
  /** For the last byte of a JSON body. */
  bodyDeadlineMs: 20_000,
  /** Requests under way at once, follows and waits included. */
  requestsMax: 1_000,
  /** Sustained requests of one key, and how many it may save up. */
  keyRequestsPerSecond: 500,
  keyRequestsBurst: 1_000,
  /** Requests of one key under way at once, so that no key takes all of `requestsMax`. */
  keyRequestsOpenMax: 250,
  /** How often a request that stays open is asked again for its right. */
  rightsLookMs: 10_000,
  /**
   * Refused credentials from one address, sustained and saved up; beyond, more are answered 429
   * unseen.
   */
  refusalsPerSecond: 5,
  refusalsBurst: 50,
  /** Keys and addresses whose rate is remembered; the longest unused goes first. */
  ratesRemembered: 10_000,
  /** How long the answer to an idempotency key is remembered. */
  repeatTtlMs: 24 * 3_600_000,
  /** What is kept for idempotency keys: for one key of the platform, and for its account. */
  repeatsPerKeyMax: 10_000,
  repeatBytesPerKeyMax: 16 << 20,
  repeatsPerAccountMax: 100_000,
  repeatBytesPerAccountMax: 128 << 20,
  /** What each key may have although its account is full. */
  repeatsPerKeyShare: 100,
  repeatBytesPerKeyShare: 256 << 10,
  /** An answer that is younger makes no room for others. */
  repeatFloorMs: 3_600_000,
  /** 1: what has a tag is changed with If-Match only, else 0. */
  ifMatchDemanded: 0,
  /** Deployments of an account that have not ended. */
  deploymentsUnfinishedMax: 1_000,
  /** Ended deployments kept for each app. */
  deploymentsKept: 100,
  /** Deployments worked on at once; those of one app go one after another. */
  deploymentsAtOnce: 4,
  deploymentsAtOncePerAccount: 3,
  /** Deployments that one account may begin, sustained and saved up. */
  deploymentsPerSecond: 5,
  deploymentsBurst: 300,
  /** For an agent to be there before a build fails. */
  agentWaitMs: 15_000,
  /** For one build and its wait on the node, and how often it is tried when agents are lost. */
  buildDeadlineMs: 720_000,
  buildAttemptsMax: 3,
  /** For live consumers to confirm a deployment before it is called succeeded with a warning. */
  appliedDeadlineMs: 5_000,
  /** For an agent's answer about its instances. */
  agentAnswerMs: 2_000,
  /** For a node to try its walls. */
  probeDeadlineMs: 60_000,
  /** For a role's figures, when metrics are asked for, and how large they may be. */
  figuresAnswerMs: 1_000,
  figuresBytesMax: 1 << 20,
  /**
   * Functions whose metrics are shown one by one; those of the others are summed up. As many
   * versions are shown.
   */
  metricFunctionsMax: 500,
  /** Body of one answer on a link. */
  linkAnswerBytesMax: 16 << 20,
  /** Links of gateways and agents. */
  peersMax: 256,
  /** A peer that says nothing for this long, although asked, is cut off. */
  silenceMsMax: 10_000,
  /** Entries of the config log read at once for one consumer. */
  configPageMax: 100,
  /** Tombstones kept in the config log before the oldest go. */
  configTombstonesKept: 10_000,
  /** Rows that one run of housekeeping takes away from each table. */
  sweepRowsMax: 1_000,
  sweepIntervalMs: 60_000,
  /** Age at which audit records go, their number, and the age before which none goes. */
  auditKeepMs: 365 * 24 * 3_600_000,
  auditRecordsMax: 100_000,
  auditFloorMs: 30 * 24 * 3_600_000,
  /** Until the next run, when one left something for it. */
  sweepAgainMs: 50,
  /** Earlier revisions kept for each function beside the one in force. */
  revisionsKept: 10,
  /** How long code that nothing refers to stays. */
  codeGraceMs: 24 * 3_600_000,
  /** Between two rounds that look for such code, and what one of them removes at most. */
  codeSweepIntervalMs: 600_000,
  codeSweptMax: 1_000,
  /** An agent that left is waited for this long before artefacts go that it may use. */
  agentAbsenceMs: 1_200_000,
  /** For a sign-in link to be used, and for a session that it makes to end by itself. */
  signInLinkTtlMs: 900_000,
  consoleSessionTtlMs: 12 * 3_600_000,
  /** Between two looks at a burst, and how long its instances are watched coming to rest. */
  burstLookMs: 200,
  burstRestMs: 20_000,
  /** How often the config log is looked at even if no write was seen here. */
  feedPollMs: 5_000,
} as const;

export type ControlLimits = { readonly [K in keyof typeof CONTROL_LIMITS]: number };

/** What the schema of functions' configurations is made of, and others need without it. */

/** What `runtime` may name. `custom` brings its own program, see `command`. */
export const RUNTIMES = ["node26", "node24", "python3", "php8", "custom"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/**
 * Platforms whose shapes events may have, so that handlers written for them run as they are: SCF of
 * Tencent, Function Compute of Alibaba, Lambda of AWS.
 */
export const FOREIGN_FORMATS = ["scf", "fc", "lambda"] as const;
export type ForeignFormat = (typeof FOREIGN_FORMATS)[number];

/** What bounds a request after its head has left. */
export interface StreamLimits {
  readonly idleTimeoutMs: number;
  readonly maxDurationMs: number;
}

/** Those of connections whose function's configuration names none. */
export const STREAM_LIMITS: StreamLimits = { idleTimeoutMs: 300_000, maxDurationMs: 3_600_000 };

/** Kinds of failure that a policy names in `retryOn`; others have fixed rules. */
export const RETRY_CLASSES = ["error", "timeout", "crash"] as const;
export type RetryClass = (typeof RETRY_CLASSES)[number];

/** Kinds of failure that a policy names in `giveUpOn`: no fault of the function. */
export const GIVE_UP_CLASSES = ["throttled", "platform"] as const;
export type GiveUpClass = (typeof GIVE_UP_CLASSES)[number];

/** What the schema of policies fills in. */
export const ASYNC_DEFAULTS = {
  attempts: 3,
  retryDelayMs: 1_000,
  retryDelayMsMax: 300_000,
  retryOn: [...RETRY_CLASSES],
  maxAgeMs: 6 * 3_600_000,
};

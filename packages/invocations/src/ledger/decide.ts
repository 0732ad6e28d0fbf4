/**
 * What becomes of an accepted invocation when an attempt has ended. Pure: the policy is the
 * function's, chance comes in.
 *
 * Faults of the function count against its attempts. Being throttled and faults of the platform do
 * not: the invocation is tried again until it is too old, so that a full or a broken platform loses
 * nothing and a crowd does not use up anybody's attempts; unless its policy gives up on these.
 */
import type {
  AsyncPolicy,
  AttemptOutcome,
  GiveUpClass,
  LedgerEnd,
  RetryClass,
} from "@skerry/contracts";

/** What is known of an invocation when an attempt ends. */
export interface AttemptedRow {
  /** Attempts made, this one included. */
  readonly attempt: number;
  /** Those before this one that failed by the function's fault. */
  readonly counted: number;
  readonly expiresMs: number;
  /** Somebody asked for it to be cancelled while it ran. */
  readonly cancelled: boolean;
}

export type Next =
  | { readonly kind: "settled"; readonly end: LedgerEnd; readonly counted: number }
  | { readonly kind: "retry"; readonly dueMs: number; readonly counted: number };

/** `retry` by class; `never` for what the same event brings about again. */
const CLASS_OF: Readonly<Record<AttemptOutcome, RetryClass | "done" | "never" | "platform">> = {
  ok: "done",
  function_error: "error",
  bad_response: "error",
  init_failed: "error",
  timeout: "timeout",
  out_of_memory: "crash",
  crashed: "crash",
  too_large: "never",
  gone: "never",
  throttled: "platform",
  unavailable: "platform",
  lost: "platform",
  gateway_lost: "platform",
  // The gateway gave it up: it drains, or somebody cancelled.
  cancelled: "platform",
};

/** `giveUpOn` by class. What a gateway gave back is nobody's failure. */
const GIVEN_UP_BY: Partial<Readonly<Record<AttemptOutcome, GiveUpClass>>> = {
  throttled: "throttled",
  unavailable: "platform",
  lost: "platform",
  gateway_lost: "platform",
};

export interface AfterAttempt {
  readonly policy: AsyncPolicy;
  readonly nowMs: number;
  /** In [0, 1): spreads retries out. */
  readonly chance: number;
  /** A failure uses up no attempt. */
  readonly isUncounted?: boolean | undefined;
}

/** Decides what comes next. */
export function afterAttempt(
  row: AttemptedRow,
  outcome: AttemptOutcome,
  { policy, nowMs, chance, isUncounted = false }: AfterAttempt,
): Next {
  const kind = classOf(outcome, isUncounted);
  const isCounted = kind !== "platform" && kind !== "done";
  const counted = row.counted + (isCounted ? 1 : 0);
  if (row.cancelled) return { kind: "settled", end: "cancelled", counted };
  if (kind === "done") return { kind: "settled", end: "succeeded", counted };
  const mayRetry =
    kind === "platform"
      ? !isGivenUp(outcome, policy)
      : kind !== "never" && policy.retryOn.includes(kind);
  const isUsedUp = isCounted && counted >= policy.attempts;
  if (!mayRetry || isUsedUp) return { kind: "settled", end: "failed", counted };
  const before = isCounted ? counted - 1 : row.attempt - row.counted - 1;
  const dueMs = nowMs + Math.round(delayMs(policy, before, chance));
  if (dueMs < row.expiresMs) return { kind: "retry", dueMs, counted };
  return { kind: "settled", end: "expired", counted };
}

/** It failed, and not by a fault of the platform. */
export function isFault(outcome: AttemptOutcome): boolean {
  const kind = CLASS_OF[outcome];
  return kind !== "done" && kind !== "platform";
}

function isGivenUp(outcome: AttemptOutcome, { giveUpOn = [] }: AsyncPolicy): boolean {
  const by = GIVEN_UP_BY[outcome];
  return by !== undefined && giveUpOn.includes(by);
}

function classOf(outcome: AttemptOutcome, isUncounted: boolean): (typeof CLASS_OF)[AttemptOutcome] {
  const kind = CLASS_OF[outcome];
  return isUncounted && kind !== "done" && kind !== "never" ? "platform" : kind;
}

/** Between half of the wait and the whole of it. */
function delayMs(policy: AsyncPolicy, before: number, chance: number): number {
  const doubled = policy.retryDelayMs * 2 ** Math.min(before, 40);
  const ceiling = Math.min(doubled, Math.max(policy.retryDelayMs, policy.retryDelayMsMax));
  return ceiling / 2 + (chance * ceiling) / 2;
}

/**
 * The ledger: every invocation that was accepted to run later, or that must run once under its key,
 * from acceptance to its one end. The words here are the API's, the store's and the wire's.
 */
import { ASYNC_DEFAULTS } from "./function-defaults.ts";
import type { Outcome } from "./metering.ts";
import type { AsyncPolicy } from "./schemas/async-policy.ts";

/** Where an accepted invocation stands. The first two are open, the others ends. */
export const LEDGER_STATES = [
  "waiting",
  "running",
  "succeeded",
  "failed",
  "expired",
  "cancelled",
] as const;
export type LedgerState = (typeof LEDGER_STATES)[number];

/** Exactly one of these ends an accepted invocation. */
export type LedgerEnd = Exclude<LedgerState, "waiting" | "running">;

/** Who put an invocation into the ledger. Append only: stored as text. */
export const LEDGER_SOURCES = [
  /** A caller at the gateway, by `Prefer: respond-async`. */
  "url",
  "api",
  "timer",
  "topic",
  /** Of another invocation: where its result or its failure is sent. */
  "destination",
  "redrive",
  "replay",
  /** A synchronous call with an idempotency key, or of an action by hand. */
  "call",
  /** An event of the bus that a rule has matched. */
  "event",
  /** Somebody ran an action by hand. */
  "manual",
  /** A synchronous call of an action, with a ticket. */
  "game",
] as const;
export type LedgerSource = (typeof LEDGER_SOURCES)[number];

/** Somebody waits for the answer: it is nobody else's, and a fault of the function is one. */
export function isCallSource(source: string): source is "call" | "game" {
  return source === "call" || source === "game";
}

/**
 * How one attempt ended: as metered; or its gateway was lost before it told; or the function is
 * not there any more.
 */
export type AttemptOutcome = Outcome | "lost" | "gone";

/** What became of telling a destination. Append only: stored as text. */
export const DELIVERY_STATES = ["waiting", "delivered", "failed"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What applies where the configuration names none. */
export const ASYNC_POLICY: AsyncPolicy = ASYNC_DEFAULTS;

/** `cancelGraceMs` where the configuration names none. */
const CANCEL_GRACE_MS = 5_000;

/** How long one that is cancelled while it runs has to end by itself. */
export function cancelGraceOf({ cancelGraceMs = CANCEL_GRACE_MS }: Partial<AsyncPolicy>): number {
  return cancelGraceMs;
}

/**
 * How old an invocation may become: what may run for hours is not too old to be tried again because
 * it did.
 */
export function maxAgeOf({ maxAgeMs, timeoutMs = 0 }: AsyncPolicy): number {
  return maxAgeMs + timeoutMs;
}

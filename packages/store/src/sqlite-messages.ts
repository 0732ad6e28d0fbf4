/**
 * What passes between the store and its SQLite worker. Structured clone; arrays, because a turn's
 * calls travel as one.
 */
import { PlatformError, type ErrorCode, type ErrorDetails } from "@skerry/base";

/** The worker's start-up order. */
export interface WorkerOptions {
  /** Undefined: databases in memory. */
  readonly directory: string | undefined;
  readonly modules: readonly { readonly name: string; readonly url: string }[];
  readonly wallMs: number;
}

export interface CallMessage {
  readonly id: number;
  readonly module: string;
  readonly procedure: string;
  readonly args: unknown;
}

export type ToWorker =
  | { readonly kind: "calls"; readonly calls: readonly CallMessage[] }
  | { readonly kind: "close" };

export type Reply =
  | { readonly id: number; readonly kind: "done"; readonly result: unknown }
  | { readonly id: number; readonly kind: "failed"; readonly error: ClonedError };

export type FromWorker =
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly error: ClonedError }
  | { readonly kind: "replies"; readonly replies: readonly Reply[] }
  | { readonly kind: "closed" };

/** A PlatformError across the thread hop: everything but its class. */
export interface ClonedError {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details: ErrorDetails;
  readonly httpStatus: number;
  readonly audience: PlatformError["audience"];
  readonly cause?: string;
}

/** Keeps the cause as text: it is for logs, and may not be cloneable. */
export function cloneError(error: PlatformError): ClonedError {
  const { code, reason, message, hint, retryable, details, httpStatus, audience, cause } = error;
  const clone = { code, reason, message, hint, retryable, details, httpStatus, audience };
  return cause === undefined ? clone : { ...clone, cause: causeText(cause) };
}

export function revealError(clone: ClonedError): PlatformError {
  return new PlatformError(clone);
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

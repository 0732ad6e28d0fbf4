/**
 * What passes between the store and its SQLite worker. Structured clone; arrays, because a turn's
 * calls travel as one.
 */
import { PlatformError, type ErrorCode, type ErrorDetails } from "@skerry/base";

/** What the worker is started with. */
export interface WorkerOptions {
  /** Of the modules that a store is about to be opened with. */
  readonly moduleUrls: readonly string[];
}

/** The worker's first message. */
export interface OpenOrder {
  readonly kind: "open";
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
  | OpenOrder
  | { readonly kind: "calls"; readonly calls: readonly CallMessage[] }
  | { readonly kind: "close" };

export type Reply =
  | { readonly id: number; readonly kind: "done"; readonly result: unknown }
  | { readonly id: number; readonly kind: "failed"; readonly error: ClonedError };

export type FromWorker =
  /** The tables are not up to date and are about to be brought there. */
  | { readonly kind: "migrating" }
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly error: ClonedError }
  | { readonly kind: "replies"; readonly replies: readonly Reply[] }
  | { readonly kind: "closed" };

/** What a store hears of the side that serves it. */
export interface Listener {
  onMessage(message: FromWorker): void;
  onError(error: unknown): void;
  onExit(): void;
}

/** Starts a side that serves; gives how it is told something. */
export type Serve = (listener: Listener) => (message: ToWorker) => void;

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

/**
 * One set of values for both engines. What one of them would change silently (a lone surrogate, a
 * rounded integer) or refuse alone (NUL in PostgreSQL's text) is refused here, before any engine
 * sees it.
 */
import { storeError } from "./errors.ts";
import type { SqlValue } from "./port.ts";

/**
 * Throws `STORE_VALUE_REFUSED` unless every parameter is a value that both engines keep unchanged,
 * and `STORE_STATEMENT_REFUSED` unless there is one for each `?` (SQLite would take NULL for a
 * missing one).
 */
export function assertSqlValues(params: readonly SqlValue[], paramCount: number): void {
  if (params.length !== paramCount) {
    const problem = `${paramCount} parameters are wanted, ${params.length} are given`;
    throw storeError("STORE_STATEMENT_REFUSED", { problem });
  }
  for (const value of params) {
    const problem = problemOf(value);
    if (problem !== undefined) throw storeError("STORE_VALUE_REFUSED", { problem });
  }
}

function problemOf(value: unknown): string | undefined {
  if (value === null) return undefined;
  if (typeof value === "string") return problemOfText(value);
  if (typeof value === "number") return problemOfNumber(value);
  if (value instanceof Uint8Array) return undefined;
  return `a ${typeof value} is neither text, number, bytes nor null`;
}

function problemOfText(value: string): string | undefined {
  if (value.includes("\0")) return "text holds a NUL character";
  return value.isWellFormed() ? undefined : "text holds half of a surrogate pair";
}

function problemOfNumber(value: number): string | undefined {
  if (!Number.isFinite(value)) return `${value} is not a finite number`;
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return `the whole number ${value} is beyond 2^53 − 1`;
  }
  return undefined;
}

/** The error for a stored whole number that JavaScript cannot hold exactly. */
export function integerTooLarge(cause: unknown): Error {
  return storeError(
    "STORE_VALUE_REFUSED",
    { problem: "a stored whole number is beyond 2^53 − 1" },
    cause,
  );
}

/**
 * Bytes of text and blobs within plain arguments, for the bound on the backlog. Looks `depth`
 * levels deep; other values count nothing. An estimate: text counts two bytes per unit.
 */
export function approximateBytes(value: unknown, depth = 4): number {
  if (typeof value === "string") return value.length * 2;
  if (typeof value !== "object" || value === null || depth === 0) return 0;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  let sum = 0;
  for (const item of Object.values(value)) sum += approximateBytes(item, depth - 1);
  return sum;
}

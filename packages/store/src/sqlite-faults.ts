/**
 * What an error of node:sqlite means. Result codes: sqlite.org/rescode.html; the low byte is the
 * primary code.
 */
import { PlatformError } from "@skerry/base";
import { storeError } from "./errors.ts";

const PRIMARY = {
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  interrupted: 9,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  notADatabase: 26,
} as const;

/** A value of the wrong type in a STRICT table: a mistake in a procedure, not a conflict. */
const CONSTRAINT_DATATYPE = 3091;

/**
 * `alone`: the one call fails. `full`: no space; others may still pass. `broken`: the connection is
 * not to be trusted any more.
 */
export type FaultScope = "alone" | "full" | "broken";

export interface SqliteFault {
  readonly scope: FaultScope;
  readonly error: PlatformError;
}

/** Total: classifies anything thrown while a procedure's statement ran. */
export function sqliteFault(thrown: unknown, procedure: string): SqliteFault {
  if (PlatformError.is(thrown)) return { scope: "alone", error: thrown };
  const code = resultCode(thrown);
  const problem = describe(thrown);
  switch ((code ?? 0) & 0xff) {
    case PRIMARY.full:
      return { scope: "full", error: storeError("STORE_DISK_FULL", { engine: "SQLite" }, thrown) };
    case PRIMARY.corrupt:
    case PRIMARY.notADatabase:
      return { scope: "broken", error: failed("STORE_CORRUPT", problem, thrown) };
    case PRIMARY.busy:
    case PRIMARY.locked:
    case PRIMARY.noMemory:
    case PRIMARY.readOnly:
    case PRIMARY.interrupted:
    case PRIMARY.ioError:
    case PRIMARY.cannotOpen:
      return { scope: "broken", error: failed("STORE_UNAVAILABLE", problem, thrown) };
    case PRIMARY.constraint:
      if (code === CONSTRAINT_DATATYPE) break;
      return { scope: "alone", error: storeError("STORE_CONSTRAINT", { procedure }, thrown) };
  }
  const error = storeError("STORE_STATEMENT_FAILED", { procedure, problem }, thrown);
  return { scope: "alone", error };
}

function failed(
  reason: "STORE_CORRUPT" | "STORE_UNAVAILABLE",
  problem: string,
  thrown: unknown,
): PlatformError {
  return storeError(reason, { engine: "SQLite", problem }, thrown);
}

/** True for node:sqlite's refusal to return an integer beyond 2^53 − 1. */
export function isIntegerOutOfRange(thrown: unknown): boolean {
  return (thrown as { code?: unknown } | null)?.code === "ERR_OUT_OF_RANGE";
}

/** True when another program holds the lock. */
export function isBusy(thrown: unknown): boolean {
  return ((resultCode(thrown) ?? 0) & 0xff) === PRIMARY.busy;
}

function resultCode(thrown: unknown): number | undefined {
  const { errcode } = (thrown ?? {}) as { errcode?: unknown };
  return typeof errcode === "number" ? errcode : undefined;
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

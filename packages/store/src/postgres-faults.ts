/**
 * What an error of `pg` means. SQLSTATE classes:
 * postgresql.org/docs/current/errcodes-appendix.html.
 */
import pg from "pg";
import { PlatformError } from "@skerry/base";
import { storeError } from "./errors.ts";

/**
 * Where in a transaction the error came. A lost connection leaves the outcome open during the
 * commit only.
 */
export type PostgresStage = "body" | "commit";

export interface PostgresFault {
  readonly error: PlatformError;
  /** Worth another attempt with a fresh transaction. */
  readonly isConflict: boolean;
  /** The connection must not be used again. */
  readonly isConnectionLost: boolean;
}

const SERIALIZATION_FAILURE = "40001";
const DEADLOCK = "40P01";
/** A prepared plan whose table another program has migrated; a fresh connection plans anew. */
const PLAN_OUTDATED = "0A000";
const DISK_FULL = "53100";
const QUERY_CANCELED = "57014";
const READ_ONLY_TRANSACTION = "25006";

/**
 * SQLSTATE classes after which the connection is of no use: connection, resources, operator
 * intervention.
 */
const LOST_CLASSES = new Set(["08", "53", "57", "58", "XX"]);

/** Total: classifies anything thrown while a transaction ran on a connection. */
export function postgresFault(
  thrown: unknown,
  at: { readonly procedure: string; readonly stage: PostgresStage; readonly readOnly: boolean },
): PostgresFault {
  if (PlatformError.is(thrown)) return failed(thrown);
  const state = sqlState(thrown);
  if (state === SERIALIZATION_FAILURE || state === DEADLOCK) {
    const error = storeError("STORE_CONTENTION", { procedure: at.procedure, attempts: 1 }, thrown);
    return { error, isConflict: true, isConnectionLost: false };
  }
  const isConnectionLost = state === undefined || LOST_CLASSES.has(state.slice(0, 2));
  if (at.stage === "commit" && !at.readOnly && isConnectionLost && state !== DISK_FULL) {
    const details = { engine: "PostgreSQL", problem: describe(thrown) };
    return { ...failed(storeError("STORE_OUTCOME_UNKNOWN", details, thrown)), isConnectionLost };
  }
  if (state === PLAN_OUTDATED) {
    return { error: bodyError(thrown, at.procedure), isConflict: true, isConnectionLost: true };
  }
  const canGoOn = state === DISK_FULL || state === QUERY_CANCELED;
  const error = bodyError(thrown, at.procedure);
  return { error, isConflict: false, isConnectionLost: isConnectionLost && !canGoOn };
}

function failed(error: PlatformError): PostgresFault {
  return { error, isConflict: false, isConnectionLost: false };
}

function bodyError(thrown: unknown, procedure: string): PlatformError {
  const state = sqlState(thrown);
  if (state === DISK_FULL) return storeError("STORE_DISK_FULL", { engine: "PostgreSQL" }, thrown);
  if (state === QUERY_CANCELED) return storeError("STORE_TIMEOUT", { procedure }, thrown);
  if (state === READ_ONLY_TRANSACTION) return storeError("STORE_READ_ONLY", { procedure }, thrown);
  if (state?.startsWith("23") === true)
    return storeError("STORE_CONSTRAINT", { procedure }, thrown);
  if (state === undefined || LOST_CLASSES.has(state.slice(0, 2))) return connectionError(thrown);
  return storeError("STORE_STATEMENT_FAILED", { procedure, problem: describe(thrown) }, thrown);
}

/** The error for a database that cannot be reached, or that refuses the connection. */
export function connectionError(thrown: unknown): PlatformError {
  if (PlatformError.is(thrown)) return thrown;
  const details = { engine: "PostgreSQL", problem: describe(thrown) };
  return storeError("STORE_UNAVAILABLE", details, thrown);
}

/**
 * Undefined for what did not come from the server: sockets, timeouts, the driver's own refusals.
 */
function sqlState(thrown: unknown): string | undefined {
  return thrown instanceof pg.DatabaseError ? thrown.code : undefined;
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.message === "" ? thrown.name : thrown.message;
}

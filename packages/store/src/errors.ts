import { defineReasons, type ReasonFactory } from "@skerry/base";

const REASONS = {
  STORE_BACKLOG_FULL: {
    code: "RESOURCE_EXHAUSTED",
    message: "The store has {calls} calls ({bytes} bytes) waiting, which is its limit.",
    hint: "Retry later with backoff; if it persists, the disk or the database is too slow.",
    retryable: true,
    audience: "user",
  },
  STORE_CLOSED: {
    code: "UNAVAILABLE",
    message: "The store is closed or closing.",
    hint: "Retry once the control role is up again.",
    retryable: true,
    audience: "user",
  },
  STORE_UNAVAILABLE: {
    code: "UNAVAILABLE",
    message: "The {engine} store cannot be used now: {problem}.",
    hint: "Nothing was written, so it is safe to retry. Check the disk or the database.",
    retryable: true,
    audience: "user",
  },
  STORE_OUTCOME_UNKNOWN: {
    code: "UNAVAILABLE",
    message:
      "The {engine} store was lost during a commit: {problem}. It may or may not have happened.",
    hint: "Read the state before trying again, or repeat with the same idempotency key.",
    retryable: false,
    audience: "user",
  },
  STORE_DISK_FULL: {
    code: "RESOURCE_EXHAUSTED",
    message: "The {engine} store has no space left, so nothing was written.",
    hint: "Free space on the disk that holds the store, then retry; no restart is needed.",
    retryable: true,
    audience: "user",
    httpStatus: 507,
  },
  STORE_CORRUPT: {
    code: "DATA_LOSS",
    message: "The {engine} store's files are damaged: {problem}.",
    hint: "Stop the platform and restore the store from a backup.",
    retryable: false,
    audience: "operator",
  },
  STORE_CONTENTION: {
    code: "ABORTED",
    message: "The transaction {procedure} lost against concurrent ones {attempts} times.",
    hint: "Nothing was written; retry with backoff.",
    retryable: true,
    audience: "user",
  },
  STORE_TIMEOUT: {
    code: "DEADLINE_EXCEEDED",
    message: "A statement of {procedure} ran longer than the store allows.",
    hint: "Nothing was written; retry later, or narrow what is asked for.",
    retryable: true,
    audience: "user",
  },
  STORE_CONSTRAINT: {
    code: "ALREADY_EXISTS",
    message: "The transaction {procedure} violates a constraint of the tables.",
    hint: "Look for a record with the same key; engines should use ON CONFLICT and say which one.",
    retryable: false,
    audience: "operator",
  },
  STORE_STATEMENT_FAILED: {
    code: "INTERNAL",
    message: "A statement of {procedure} failed: {problem}.",
    hint: "This is a fault in the platform; report it with the log line that carries the cause.",
    retryable: false,
    audience: "operator",
  },
  STORE_STATEMENT_REFUSED: {
    code: "INTERNAL",
    message: "A statement is outside the store's portable SQL: {problem}.",
    hint: "This is a fault in the platform; see the store's README for what is allowed.",
    retryable: false,
    audience: "operator",
  },
  STORE_READ_ONLY: {
    code: "INTERNAL",
    message: "The procedure {procedure} is declared as reading only, but tried to write.",
    hint: "This is a fault in the platform; take the procedure off its module's list of reads.",
    retryable: false,
    audience: "operator",
  },
  STORE_VALUE_REFUSED: {
    code: "INVALID_ARGUMENT",
    message: "The store cannot keep this value: {problem}.",
    hint: "Use text without NUL, whole numbers within ±(2^53 − 1), finite numbers, bytes or null.",
    retryable: false,
    audience: "user",
  },
  STORE_NOT_CLONEABLE: {
    code: "INTERNAL",
    message: "The {what} of {procedure} cannot be copied between threads.",
    hint: "This is a fault in the platform; procedures take and give plain values only.",
    retryable: false,
    audience: "operator",
  },
  STORE_PROCEDURE_FAILED: {
    code: "INTERNAL",
    message: "The procedure {procedure} failed in a way it did not expect; it was rolled back.",
    hint: "This is a fault in the platform; report it with the log line that carries the cause.",
    retryable: false,
    audience: "operator",
  },
  STORE_MODULE_INVALID: {
    code: "INTERNAL",
    message: "The store module {module} cannot be opened: {problem}.",
    hint: "This is a fault in the platform; correct the module.",
    retryable: false,
    audience: "operator",
  },
  STORE_FORMAT_NEWER: {
    code: "FAILED_PRECONDITION",
    message: "{what} has format {found}, but this release knows formats up to {known} only.",
    hint: "Start the release that wrote it, or a newer one; a store is never migrated backwards.",
    retryable: false,
    audience: "operator",
  },
  STORE_FORMAT_UNREADABLE: {
    code: "DATA_LOSS",
    message: "{file} is not a store manifest: {problem}.",
    hint: "Restore the file from a backup, or point the platform at the right directory.",
    retryable: false,
    audience: "operator",
  },
  STORE_IN_USE: {
    code: "FAILED_PRECONDITION",
    message: "The store in {directory} is open in another program.",
    hint: "Stop the other platform that uses this directory, or choose another directory.",
    retryable: true,
    audience: "operator",
  },
  STORE_ENGINE_TOO_OLD: {
    code: "FAILED_PRECONDITION",
    message: "{engine} {found} is too old; at least {needed} is needed.",
    hint: "Upgrade it: older versions can lose or damage what was acknowledged.",
    retryable: false,
    audience: "operator",
  },
  STORE_URL_REFUSED: {
    code: "INVALID_ARGUMENT",
    message: "The address of the PostgreSQL database is not a URL.",
    hint: "Write it as postgres://user:password@host:5432/database.",
    retryable: false,
    audience: "operator",
  },
  STORE_SETTING_REFUSED: {
    code: "FAILED_PRECONDITION",
    message:
      "PostgreSQL runs with {setting} = {found}, with which an acknowledged write can be lost.",
    hint: "Set {setting} to {needed} in the server's configuration.",
    retryable: false,
    audience: "operator",
  },
} as const;

/**
 * The store's only error constructor. Its reasons are the closed list of what a store can reject
 * with.
 */
export const storeError: ReasonFactory<typeof REASONS> = defineReasons(REASONS);

import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { postgresFault } from "./postgres-faults.ts";

const IN = { procedure: "a.b", readOnly: false } as const;

function serverError(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(`state ${code}`, 1, "error"), { code });
}

const STATES: readonly (readonly [state: string, inBody: string, inCommit: string])[] = [
  ["40001", "STORE_CONTENTION, again", "STORE_CONTENTION, again"],
  ["40P01", "STORE_CONTENTION, again", "STORE_CONTENTION, again"],
  ["0A000", "STORE_STATEMENT_FAILED, again, lost", "STORE_STATEMENT_FAILED, again, lost"],
  ["23505", "STORE_CONSTRAINT", "STORE_CONSTRAINT"],
  ["22003", "STORE_STATEMENT_FAILED", "STORE_STATEMENT_FAILED"],
  ["25006", "STORE_READ_ONLY", "STORE_READ_ONLY"],
  ["53100", "STORE_DISK_FULL", "STORE_DISK_FULL"],
  ["57014", "STORE_TIMEOUT", "STORE_OUTCOME_UNKNOWN, lost"],
  ["57P01", "STORE_UNAVAILABLE, lost", "STORE_OUTCOME_UNKNOWN, lost"],
  ["08006", "STORE_UNAVAILABLE, lost", "STORE_OUTCOME_UNKNOWN, lost"],
  ["XX000", "STORE_UNAVAILABLE, lost", "STORE_OUTCOME_UNKNOWN, lost"],
];

function summary(thrown: unknown, stage: "body" | "commit"): string {
  const { error, isConflict, isConnectionLost } = postgresFault(thrown, { ...IN, stage });
  const notes = [isConflict ? "again" : "", isConnectionLost ? "lost" : ""];
  return [error.reason, ...notes].filter((note) => note !== "").join(", ");
}

for (const [state, inBody, inCommit] of STATES) {
  test(`SQLSTATE ${state} means ${inBody} in the body and ${inCommit} in the commit`, () => {
    assert.equal(summary(serverError(state), "body"), inBody);
    assert.equal(summary(serverError(state), "commit"), inCommit);
  });
}

test("an error of the socket is not mistaken for one of the server", () => {
  const socketError = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  assert.equal(summary(socketError, "body"), "STORE_UNAVAILABLE, lost");
  assert.equal(summary(socketError, "commit"), "STORE_OUTCOME_UNKNOWN, lost");
});

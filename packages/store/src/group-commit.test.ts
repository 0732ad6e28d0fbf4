import assert from "node:assert/strict";
import { test } from "node:test";
import { storeModule as conformance } from "../test/conformance-module.ts";
import { GroupCommit, type CallOutcome, type GroupCall } from "./group-commit.ts";
import { translateMigration } from "./portable-sql.ts";
import { procedureOf } from "./procedure.ts";
import { openConnection, type Connection } from "./sqlite-connection.ts";

/** An error as node:sqlite throws it. */
function sqliteError(errcode: number): Error {
  return Object.assign(new Error(`fault ${errcode}`), { code: "ERR_SQLITE_ERROR", errcode });
}

const IO_ERROR_FSYNC = 1034;
const FULL = 13;

/**
 * A real database in memory with the conformance tables, and the parts of it that a test replaces.
 */
function open(overrides: (real: Connection) => Partial<Connection>): GroupCommit {
  const real = openConnection(":memory:");
  for (const { sql } of conformance.migrations) {
    for (const text of sql) real.control(translateMigration(text, "sqlite"));
  }
  const connection: Connection = {
    begin: (mode) => real.begin(mode),
    commit: () => real.commit(),
    rollback: () => real.rollback(),
    control: (sql) => real.control(sql),
    execute: (request, caller) => real.execute(request, caller),
    get isInTransaction() {
      return real.isInTransaction;
    },
    reopen: () => undefined,
    close: () => real.close(),
    ...overrides(real),
  };
  return new GroupCommit(connection);
}

function call(name: keyof (typeof conformance)["procedures"], args: unknown): GroupCall {
  return { procedure: procedureOf(conformance, name), args };
}

function summary(outcomes: readonly CallOutcome[]): readonly unknown[] {
  return outcomes.map((one) => (one.kind === "done" ? one.result : one.error.reason));
}

const add = (name: string): GroupCall => call("add", { name, by: 1 });
const NAMES = call("listNames", { limit: 9 });

test("one refused call leaves the other calls of its group committed", () => {
  const group = open(() => ({}));
  const calls = [add("a"), call("addThenRefuse", { name: "b" }), add("c"), NAMES];
  assert.deepEqual(summary(group.run(calls)), [1, "CONFORMANCE_REFUSED", 1, ["a", "c"]]);
});

test("control: without the savepoint's rollback the refused call's row would stay", () => {
  const group = open((real) => ({
    control: (sql) => (sql.startsWith("ROLLBACK TO") ? undefined : real.control(sql)),
  }));
  group.run([add("a"), call("addThenRefuse", { name: "b" })]);
  assert.deepEqual(summary(group.run([NAMES])), [["a", "b"]]);
});

test("a refused call that is alone leaves nothing, and the next group goes on", () => {
  const group = open(() => ({}));
  const refused = call("addThenRefuse", { name: "a" });
  assert.deepEqual(summary(group.run([refused])), ["CONFORMANCE_REFUSED"]);
  assert.deepEqual(summary(group.run([add("b")])), [1]);
  assert.deepEqual(summary(group.run([NAMES])), [["b"]]);
});

test("control: without the transaction's rollback its row would stay", () => {
  const group = open((real) => ({ rollback: () => real.commit() }));
  group.run([call("addThenRefuse", { name: "a" })]);
  assert.deepEqual(summary(group.run([NAMES])), [["a"]]);
});

test("when the commit fails on I/O no call succeeds and writers learn that it is open", () => {
  let faults = 1;
  let reopened = 0;
  const group = open((real) => ({
    commit() {
      if (faults-- > 0) throw sqliteError(IO_ERROR_FSYNC);
      real.commit();
    },
    reopen: () => void (reopened += 1),
  }));
  const outcomes = summary(group.run([add("a"), NAMES]));
  assert.deepEqual(outcomes, ["STORE_OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"]);
  assert.equal(reopened, 0);
  assert.deepEqual(summary(group.run([add("b"), NAMES])), [1, ["b"]]);
  assert.equal(reopened, 1, "the file is read anew after a failed flush");
});

test("a statement that fails on I/O fails its whole group before anything is answered", () => {
  let faults = 1;
  const group = open((real) => ({
    execute(request, caller) {
      if (request.params.includes("b") && faults-- > 0) throw sqliteError(IO_ERROR_FSYNC);
      return real.execute(request, caller);
    },
  }));
  const outcomes = summary(group.run([add("a"), add("b"), add("c")]));
  assert.deepEqual(outcomes, Array(3).fill("STORE_UNAVAILABLE"));
  assert.deepEqual(summary(group.run([NAMES])), [[]]);
});

test("a store that cannot be opened again answers so until it can", () => {
  let isMissing = true;
  const group = open(() => ({
    commit() {
      if (isMissing) throw sqliteError(IO_ERROR_FSYNC);
    },
    reopen() {
      if (isMissing) throw sqliteError(14);
    },
  }));
  assert.deepEqual(summary(group.run([NAMES])), ["STORE_UNAVAILABLE"]);
  assert.deepEqual(summary(group.run([add("a")])), ["STORE_UNAVAILABLE"]);
  isMissing = false;
  assert.deepEqual(summary(group.run([add("a")])), [1]);
});

test("out of space, only the calls that need space fail", () => {
  const group = open((real) => ({
    execute(request, caller) {
      if (request.params.includes("big")) throw sqliteError(FULL);
      return real.execute(request, caller);
    },
  }));
  const outcomes = group.run([add("a"), add("big"), NAMES]);
  assert.deepEqual(summary(outcomes), [1, "STORE_DISK_FULL", ["a"]]);
});

test("a group that only reads takes no write lock", () => {
  const modes: string[] = [];
  const group = open((real) => ({
    begin(mode) {
      modes.push(mode);
      real.begin(mode);
    },
  }));
  group.run([NAMES]);
  group.run([NAMES, add("a")]);
  assert.deepEqual(modes, ["read", "write"]);
});

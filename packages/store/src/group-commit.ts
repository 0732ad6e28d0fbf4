/**
 * Group commit: the calls that wait for one database share one transaction and one flush, each in a
 * savepoint of its own, and are answered after the COMMIT. This is why a durable call costs a
 * fraction of an fsync under load.
 *
 * Invariants: no answer before COMMIT returned; a call that fails undoes itself alone; when COMMIT
 * fails nobody is answered with success. Out of space: the calls run again one by one, so that
 * reads and small writes still pass. A broken connection (I/O error): everyone fails, and the file
 * is opened anew before the next group.
 */
import type { PlatformError } from "@skerry/base";
import { storeError } from "./errors.ts";
import type { TxReply, TxRequest } from "./port.ts";
import { procedureError, tx, type RunnableProcedure } from "./procedure.ts";
import type { Connection } from "./sqlite-connection.ts";
import { sqliteFault, type SqliteFault } from "./sqlite-faults.ts";

export interface GroupCall {
  readonly procedure: RunnableProcedure;
  readonly args: unknown;
}

export type CallOutcome =
  | { readonly kind: "done"; readonly result: unknown }
  | { readonly kind: "failed"; readonly error: PlatformError };

interface GroupFault extends SqliteFault {
  readonly isInCommit?: boolean;
}

/** Thrown within this module only: the whole group's transaction is lost. */
class GroupLost extends Error {
  readonly fault: GroupFault;
  constructor(fault: GroupFault) {
    super(fault.error.message);
    this.fault = fault;
  }
}

/** Runs groups on one connection, and opens it anew after a fault. */
export class GroupCommit {
  readonly #connection: Connection;
  #isBroken = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The outcome of each call, in order, decided after the commit. Total. */
  run(calls: readonly GroupCall[]): readonly CallOutcome[] {
    try {
      if (this.#isBroken) this.#heal();
      return this.#attempt(calls);
    } catch (thrown) {
      const fault: GroupFault = thrown instanceof GroupLost ? thrown.fault : this.#faultOf(thrown);
      this.#abandon(fault);
      if (fault.scope === "full" && calls.length > 1)
        return calls.flatMap((call) => this.run([call]));
      return calls.map(({ procedure }) => ({ kind: "failed", error: errorFor(procedure, fault) }));
    }
  }

  #attempt(calls: readonly GroupCall[]): readonly CallOutcome[] {
    const writes = calls.some(({ procedure }) => !procedure.readOnly);
    this.#connection.begin(writes ? "write" : "read");
    const [only] = calls;
    if (calls.length === 1 && only !== undefined) return [this.#runAlone(only)];
    const outcomes = calls.map((call) => this.#runCall(call));
    this.#commit();
    return outcomes;
  }

  /** A commit that fails on I/O may still be found in the log when the file is next opened. */
  #commit(): void {
    try {
      this.#connection.commit();
    } catch (thrown) {
      throw new GroupLost({ ...this.#faultOf(thrown), isInCommit: true });
    }
  }

  #runCall({ procedure, args }: GroupCall): CallOutcome {
    if (!procedure.readOnly) this.#connection.control("SAVEPOINT call");
    try {
      const result = this.#drive(procedure, args);
      if (!procedure.readOnly) this.#connection.control("RELEASE call");
      return { kind: "done", result };
    } catch (thrown) {
      if (thrown instanceof GroupLost) throw thrown;
      if (!procedure.readOnly) this.#undoCall();
      return { kind: "failed", error: procedureError(procedure.label, thrown) };
    }
  }

  /** Its transaction undoes it: a savepoint would copy every page that it changes. */
  #runAlone({ procedure, args }: GroupCall): CallOutcome {
    let result: unknown;
    try {
      result = this.#drive(procedure, args);
    } catch (thrown) {
      if (thrown instanceof GroupLost) throw thrown;
      this.#connection.rollback();
      return { kind: "failed", error: procedureError(procedure.label, thrown) };
    }
    this.#commit();
    return { kind: "done", result };
  }

  #undoCall(): void {
    this.#connection.control("ROLLBACK TO call");
    this.#connection.control("RELEASE call");
  }

  #drive(procedure: RunnableProcedure, args: unknown): unknown {
    const generator = procedure.run(tx, args);
    let step = generator.next();
    while (step.done !== true) step = generator.next(this.#execute(step.value, procedure));
    return step.value;
  }

  /**
   * SQLite ends the transaction by itself after some errors; then every call of the group is
   * undone.
   */
  #execute(request: TxRequest, procedure: RunnableProcedure): TxReply {
    try {
      return this.#connection.execute(request, procedure);
    } catch (thrown) {
      const fault = sqliteFault(thrown, procedure.label);
      if (fault.scope !== "alone" || !this.#connection.isInTransaction) throw new GroupLost(fault);
      throw fault.error;
    }
  }

  #faultOf(thrown: unknown): SqliteFault {
    const fault = sqliteFault(thrown, "the commit");
    return fault.scope === "alone" ? { ...fault, scope: "broken" } : fault;
  }

  /** Leaves no transaction behind. What cannot even be rolled back is broken as well. */
  #abandon(fault: SqliteFault): void {
    this.#isBroken = this.#isBroken || fault.scope === "broken";
    try {
      this.#connection.rollback();
    } catch {
      // The connection is dropped before the next group, which undoes the transaction too.
      this.#isBroken = true;
    }
  }

  #heal(): void {
    this.#connection.reopen();
    this.#isBroken = false;
  }
}

function errorFor(procedure: RunnableProcedure, fault: GroupFault): PlatformError {
  const mayHaveHappened = fault.isInCommit === true && fault.scope === "broken";
  if (procedure.readOnly || !mayHaveHappened) return fault.error;
  const problem = fault.error.message;
  return storeError("STORE_OUTCOME_UNKNOWN", { engine: "SQLite", problem }, fault.error.cause);
}

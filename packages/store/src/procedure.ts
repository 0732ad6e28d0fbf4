/**
 * What both engines share in running a procedure: the `Tx` that yields, and what a thrown value
 * means.
 */
import { PlatformError } from "@skerry/base";
import { storeError } from "./errors.ts";
import type { Procedure, Row, SqlValue, StoreModule, Tx, TxRequest, TxStep } from "./port.ts";

type AnyProcedure = Procedure<unknown, unknown>;

/**
 * The one Tx. It has no state: the store that drives the generator knows which transaction it is
 * in.
 */
export const tx: Tx = {
  all: <T>(sql: string, params: readonly SqlValue[] = []) => rows<T>({ kind: "rows", sql, params }),
  get: <T>(sql: string, params: readonly SqlValue[] = []) =>
    firstRow<T>({ kind: "rows", sql, params }),
  run: (sql, params = []) => change({ kind: "change", sql, params }),
};

function* rows<T>(request: TxRequest): TxStep<readonly T[]> {
  return (yield request) as readonly Row[] as readonly T[];
}

function* firstRow<T>(request: TxRequest): TxStep<T | undefined> {
  return ((yield request) as readonly Row[])[0] as T | undefined;
}

function* change(request: TxRequest): TxStep<number> {
  return (yield request) as number;
}

/** On whose behalf a statement runs. */
export interface Caller {
  /** "module.procedure", for errors and logs. */
  readonly label: string;
  readonly readOnly: boolean;
}

/** A procedure by name, ready to run. */
export interface RunnableProcedure extends Caller {
  readonly run: AnyProcedure;
}

/** Looks a procedure up. Throws `STORE_MODULE_INVALID` for a name that the module does not have. */
export function procedureOf(module: StoreModule, name: string): RunnableProcedure {
  const label = `${module.name}.${name}`;
  if (!Object.hasOwn(module.procedures, name)) {
    throw storeError("STORE_MODULE_INVALID", {
      module: module.name,
      problem: `no procedure ${name}`,
    });
  }
  const run = module.procedures[name] as AnyProcedure;
  return { label, readOnly: module.reads?.includes(name) ?? false, run };
}

/** A procedure's own PlatformError as it is; anything else is a fault of the procedure. */
export function procedureError(label: string, thrown: unknown): PlatformError {
  if (PlatformError.is(thrown)) return thrown;
  return storeError("STORE_PROCEDURE_FAILED", { procedure: label }, thrown);
}

/** Throws `STORE_READ_ONLY` for a procedure that its module declares as reading only. */
export function assertMayWrite({ label, readOnly }: Caller): void {
  if (readOnly) throw storeError("STORE_READ_ONLY", { procedure: label });
}

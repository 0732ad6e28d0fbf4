/**
 * The control module with a fault at the very end of each transaction, when the arguments ask for
 * it: everything has been written by then and nothing may remain. The store's worker imports this
 * file in place of the real module.
 */
import { PlatformError } from "@skerry/base";
import type { Procedure, Procedures, Tx, TxStep } from "@skerry/store";
import { storeModule as real } from "../src/store-module.ts";

const FAULT = "failAtTheEnd";

/** Arguments that make the transaction fail after its last statement. */
export function withFault(args: object): object {
  return { ...args, [FAULT]: true };
}

function failing(run: Procedure<never, unknown>): Procedure<never, unknown> {
  return function* (tx: Tx, args: never): TxStep<unknown> {
    const result = yield* run(tx, args);
    const asked = args as Readonly<Record<string, unknown>> | null;
    if (asked?.[FAULT] !== true) return result;
    throw new PlatformError({
      ...{ code: "ABORTED", reason: "TEST_FAULT", retryable: false },
      ...{ message: "The test's fault.", hint: "" },
    });
  };
}

const procedures = Object.fromEntries(
  Object.entries(real.procedures as Procedures).map(([name, run]) => [name, failing(run)]),
);

/** @public The store's worker imports it by URL. */
export const storeModule = { ...real, procedures };
export const failingModuleUrl = import.meta.url;

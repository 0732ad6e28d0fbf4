/**
 * The negative control: takes rows in without their positions in the same transaction, as a
 * collector would that keeps positions anywhere else.
 */
import type { Tx, TxStep } from "@skerry/store";
import { storeModule as real, type Collected, type Taken } from "../src/store-module.ts";

function* take(tx: Tx, collected: Collected): TxStep<Taken> {
  return yield* real.procedures.take(tx, { ...collected, steps: [] });
}

export const storeModule = { ...real, procedures: { ...real.procedures, take } };

/** What is simulated of the ledger. A mutant has the same shape. */
import type * as Ledger from "../../src/index.ts";

export type LedgerProcedures = Pick<
  typeof Ledger,
  | ("accept" | "beat" | "cancel" | "claim" | "endWaiting" | "forgetEnded" | "forgetKeys")
  | ("heldBy" | "lastAcceptedMs" | "listLanes" | "readBalance" | "release" | "seenHolders")
  | "settle"
>;

export type SimulatedLedger = LedgerProcedures & Pick<typeof Ledger, "createLedgerClock">;

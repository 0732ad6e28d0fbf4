/** One accepted invocation as it truly is, and the promises that the ledger makes of all. */
import type { RequestId } from "@skerry/base";
import type { AttemptOutcome, LedgerEnd } from "@skerry/contracts";
import type { NewInvocation } from "../../src/index.ts";

/** A promise that the ledger makes; see README.md of this folder's package. */
export type Invariant =
  | "conservation"
  | "books balance"
  | "ends once"
  | "bounded attempts"
  | "order per key"
  | "one at a time per key"
  | "one invocation per idempotency key"
  | "no stale settle"
  | "nothing due is passed over"
  | "nothing runs early or late"
  | "what was accepted is what runs"
  | "each end is told once"
  | "no procedure fails"
  | "ends when faults stop";

export class Broken extends Error {
  readonly invariant: Invariant;
  constructor(invariant: Invariant, what: string) {
    super(`${invariant}: ${what}`);
    this.invariant = invariant;
  }
}

export function demand(holds: boolean, invariant: Invariant, what: string): void {
  if (!holds) throw new Broken(invariant, what);
}

export interface AttemptFact {
  readonly attempt: number;
  readonly holder: string;
  readonly requestId: RequestId;
  outcome: AttemptOutcome | undefined;
}

/** One accepted invocation. */
export interface Fact {
  readonly item: NewInvocation;
  readonly attempts: AttemptFact[];
  dueMs: number;
  counted: number;
  end: LedgerEnd | undefined;
  endedMs: number;
  isUnwanted: boolean;
}

/** The attempt that somebody holds. */
export function running({ attempts }: Fact): AttemptFact | undefined {
  const last = attempts.at(-1);
  return last?.outcome === undefined ? last : undefined;
}

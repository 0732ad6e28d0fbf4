/** The ledger as sources of events see it. Whoever dispatches implements it. */
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import type { AcceptResult, LedgerEvent, LedgerSource } from "@skerry/contracts";

/** One invocation that a source wants written down. */
export interface SourcedInvocation {
  /** Also its name for ever: told twice, it is written once. */
  readonly id: RequestId;
  readonly functionId: FunctionId;
  readonly source: LedgerSource;
  /** Which timer or trigger it came from. */
  readonly sourceId: string;
  /** Wall milliseconds at which it was asked for. */
  readonly atMs: number;
  readonly orderingKey?: string;
  /** The same key of a function with the same digest names one invocation while it is in force. */
  readonly idempotency?: { readonly key: string; readonly digest: string };
  readonly event: LedgerEvent;
  readonly payload: Uint8Array;
}

export interface Ledger {
  /** Writes invocations down; one result each, in order, after the commit. Never rejects. */
  accept(items: readonly SourcedInvocation[]): Promise<readonly AcceptResult[]>;
  /** Something of the function that a source wrote itself waits from `dueMs` (wall) on. */
  wake(functionId: FunctionId, dueMs: number): void;
  /** Numbers for what a source writes itself; see `createSequence` of invocations. */
  nextSeq(): number;
  /**
   * For how long one that a source writes itself is to be held back, by the limits of its function
   * and account; undefined lets it in now, and counts it.
   */
  holdBackMs(functionId: FunctionId, source: LedgerSource): number | undefined;
  /**
   * How old an invocation of a function may become that is accepted now, by the wall; longer while
   * the ledger's own time is ahead of that.
   */
  maxAgeOf(functionId: FunctionId): number;
  /**
   * What is called so now; undefined when there is no such function. Rejects with the store's
   * reasons.
   */
  functionOf(accountId: AccountId, app: string, name: string): Promise<FunctionId | undefined>;
}

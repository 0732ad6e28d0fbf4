/** What the API needs of the ledger of accepted invocations. The composition root supplies it. */
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import type {
  AcceptAnswer,
  AcceptedInvocation,
  AcceptedInvocationDetails,
  FunctionLane,
  InvocationMoment,
} from "@skerry/api-schema";
import type { ActionFacts, LedgerSource, LedgerState } from "@skerry/contracts";

/** Accepted invocations that somebody may see and touch. */
export interface LedgerScope {
  readonly accountId: AccountId;
  /** Of these apps; null for all. */
  readonly apps: readonly string[] | null;
}

export interface LedgerFilter extends LedgerScope {
  readonly functionId?: FunctionId | undefined;
  readonly state?: LedgerState | undefined;
  readonly source?: LedgerSource | undefined;
  /** Written down from the first time, inclusive, to the second, exclusive; wall milliseconds. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

export interface LedgerName extends LedgerScope {
  /** Of any of its attempts. */
  readonly id: RequestId;
}

/**
 * The ledger of accepted invocations. What is not within the scope is as if it were not there:
 * undefined.
 */
export interface Ledger {
  /** Newest first. A cursor that was never given out is `INPUT_INVALID`. */
  list(
    args: LedgerFilter & {
      readonly sourceId?: string | undefined;
      readonly idempotencyKey?: string | undefined;
      readonly requestId?: string | undefined;
      readonly cursor?: string | undefined;
      readonly limit: number;
    },
  ): Promise<{
    readonly items: readonly AcceptedInvocation[];
    readonly nextCursor: string | null;
  }>;
  get(name: LedgerName): Promise<AcceptedInvocationDetails | undefined>;
  /** How many of an account have not ended. */
  openOf(accountId: AccountId): number;
  /** How a function stands. */
  lane(functionId: FunctionId): FunctionLane;
  payload(name: LedgerName): Promise<Uint8Array | undefined>;
  /** Also undefined when there is no result. */
  result(name: LedgerName): Promise<Uint8Array | undefined>;
  /** Resolves when it is on disk. Rejects with why it was not accepted. */
  accept(args: {
    readonly functionId: FunctionId;
    /** JSON text. */
    readonly event: string;
    /** JSON when absent. */
    readonly contentType?: string | undefined;
    /** Not before this wall time; at once when absent. */
    readonly dueMs?: number | undefined;
    readonly orderingKey?: string | undefined;
    readonly idempotencyKey?: string | undefined;
    /** The action that somebody runs by hand. */
    readonly action?: ActionFacts | undefined;
  }): Promise<AcceptAnswer>;
  /** How it stands, and every change of it, to its end or until the signal aborts. */
  follow(name: LedgerName, signal: AbortSignal): AsyncIterable<InvocationMoment>;
  /** `cancelled` is false when it had ended; `stopping` while it has not ended yet. */
  cancel(
    name: LedgerName,
  ): Promise<{ readonly cancelled: boolean; readonly stopping: boolean } | undefined>;
  /**
   * Accepts its event once more; the same `once` again accepts none. Rejects with why it was not
   * accepted.
   */
  replay(
    name: LedgerName & {
      readonly once?: string | undefined;
      /** Version that runs it; undefined: as it was accepted. */
      readonly qualifier?: string | undefined;
    },
  ): Promise<AcceptAnswer | undefined>;
}

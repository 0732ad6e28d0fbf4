/**
 * What the control plane needs from rooms that it does not name. The composition root supplies all
 * of it.
 */
import type { FunctionId, RequestId } from "@skerry/base";
import type {
  FunctionTally,
  InvocationResource,
  LogLineResource,
  RoleFigures,
} from "@skerry/contracts";

export interface LogSelection {
  readonly functionId: FunctionId;
  /** Only lines of this request. */
  readonly requestId?: RequestId;
  /** Only lines after this cursor, as a line before it carried it. */
  readonly after?: string;
}

/** Reads function logs. A cursor that was never given out is `INPUT_INVALID`. */
export interface LogQueries {
  /** Oldest first: the first `limit` of them, or the last with `tail`. */
  list(
    args: LogSelection & { readonly limit: number; readonly tail: boolean },
  ): Promise<readonly LogLineResource[]>;
  /**
   * What is there already and then every new line, until `signal` aborts; it then ends without an
   * error.
   */
  follow(args: LogSelection & { readonly signal: AbortSignal }): AsyncIterable<LogLineResource>;
}

export interface InvocationPage {
  readonly items: readonly InvocationResource[];
  readonly nextCursor: string | null;
}

/** Reads invocation records. A cursor that was never given out is `INPUT_INVALID`. */
export interface InvocationQueries {
  /** Newest first. */
  list(args: {
    readonly functionId: FunctionId;
    readonly cursor?: string;
    readonly limit: number;
  }): Promise<InvocationPage>;
  /** Undefined when there is none, or when it is another function's. */
  get(args: {
    readonly functionId: FunctionId;
    readonly requestId: RequestId;
  }): Promise<InvocationResource | undefined>;
}

/** What the page of metrics is made of, beside what control knows itself. */
export interface MetricQueries {
  /** Sums over the invocation records that were taken in. */
  tallies(): Promise<readonly FunctionTally[]>;
  /** This process as it sees itself. */
  figures(): RoleFigures;
}

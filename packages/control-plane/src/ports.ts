/**
 * What the control plane needs from rooms that it does not name. The composition root supplies all
 * of it.
 */
import type { FunctionId, GatewayApiId, RequestId, RevisionId } from "@skerry/base";
import type {
  CallResource,
  FunctionTraffic,
  InvocationResource,
  LogFilter,
  LogLineResource,
  TraceResource,
} from "@skerry/api-schema";
import type { FunctionTally, Prices, RevisionFigures, RoleFigures } from "@skerry/contracts";
import type { UsageSum } from "@skerry/invocations";
import type { RevisionQueries } from "@skerry/release-api";
import type { KeyWrapper, MasterKeys } from "@skerry/secrets";

/** The master keys of secrets, and their rotation. */
export type SecretKeys = KeyWrapper &
  Pick<MasterKeys, "beginRotation" | "currentId" | "endRotation" | "isRotating">;

export interface LogSelection {
  /** Whose log it is: a function's, or the access log of a gateway API. */
  readonly functionId: FunctionId | GatewayApiId;
  /** Only lines of this request, those of its API's access log and of its function among them. */
  readonly requestId?: RequestId;
  /** Only lines after this cursor, as a line before it carried it. */
  readonly after?: string;
  /** Only lines that it wants. */
  readonly filter?: LogFilter;
}

/** Reads function logs. A cursor that was never given out is `INPUT_INVALID`. */
export interface LogQueries {
  /** Oldest first: the first `limit` of them, or the last with `tail`. */
  list(
    args: LogSelection & {
      readonly limit: number;
      readonly tail: boolean;
      readonly signal: AbortSignal;
    },
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
  /** One invocation as spans; undefined as above. */
  trace(args: {
    readonly functionId: FunctionId;
    readonly requestId: RequestId;
  }): Promise<TraceResource | undefined>;
}

/** What the page of metrics is made of, beside what control knows itself. */
export interface MetricQueries extends RevisionQueries {
  /** Sums over the invocation records that were taken in. */
  tallies(): Promise<readonly FunctionTally[]>;
  /** The same of revisions; those that never had an invocation are left out. */
  revisionTotals(revisionIds: readonly RevisionId[]): Promise<readonly RevisionFigures[]>;
  /**
   * What was used on the days from `fromDay` to `toDay`, counted since 1970, at most `limit` rows;
   * with `isFresh` up to what was recorded by now.
   */
  usage(args: {
    readonly fromDay: number;
    readonly toDay: number;
    readonly byDay: boolean;
    readonly limit: number;
    readonly isFresh: boolean;
  }): Promise<readonly UsageSum[]>;
  /** Bytes that kept log lines and records take. */
  sizes(): Promise<{ readonly lines: number; readonly records: number }>;
  /** This process as it sees itself. */
  figures(): RoleFigures;
}

/** Traffic of one function, without its name. */
export interface TrafficCount extends Omit<FunctionTraffic, "app" | "function"> {
  readonly functionId: FunctionId;
}

/** Sums up the newest invocation records. */
export interface TrafficQueries {
  /**
   * Functions that were called within the last `windowMs`; a shorter window when there were more
   * records than are looked at.
   */
  traffic(args: { readonly windowMs: number }): Promise<{
    readonly windowMs: number;
    readonly functions: readonly TrafficCount[];
  }>;
  /** Calls of a function that began at `sinceMs` or later, wall clock, as far as taken in. */
  since(args: {
    readonly functionId: FunctionId;
    readonly sinceMs: number;
  }): Promise<{ readonly calls: number; readonly billedMs: number }>;
}

/** Calls functions through the gateway, as a client would. Who asks must have been allowed to. */
export interface FunctionCaller {
  /** Rejects when the gateway does not answer at all. */
  call(args: {
    readonly app: string;
    readonly fn: string;
    /** JSON text. */
    readonly event: string;
    readonly signal: AbortSignal;
  }): Promise<CallResource>;
}

/** The start page as it was built: files by path, or why there are none. */
export type PageFiles =
  | {
      readonly kind: "built";
      readonly files: ReadonlyMap<string, { readonly type: string; readonly bytes: Uint8Array }>;
    }
  | { readonly kind: "absent"; readonly why: string };

/** What the handlers of the start page's operations need beside those of the others. */
export interface PageDeps {
  readonly caller: FunctionCaller;
  readonly traffic: TrafficQueries;
  readonly prices: Prices;
}

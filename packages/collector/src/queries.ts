/** Reads logs and records back in the words of the API. */
import type { FunctionId, GatewayApiId, RequestId, RevisionId } from "@skerry/base";
import type {
  InvocationResource,
  LogFilter,
  LogLineResource,
  TraceResource,
} from "@skerry/api-schema";
import {
  type FunctionTally,
  invalid,
  type RevisionFigures,
  type WindowFigures,
} from "@skerry/contracts";
import {
  type FiguresWindow,
  renderTrace,
  type RecordRow,
  type UsageSum,
} from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { lineFromRow, linesFromRecord, type LogFound, type LogSearch } from "./log-search.ts";
import { storeModule } from "./store-module.ts";

export interface LogRequest {
  /** Whose log it is: a function's, or the access log of a gateway API. */
  readonly functionId: FunctionId | GatewayApiId;
  readonly requestId?: RequestId;
  readonly after?: string;
  /** Only lines that it wants; all when absent. */
  readonly filter?: LogFilter | undefined;
}

export interface RecordRequest {
  readonly functionId: FunctionId;
  readonly requestId: RequestId;
}

interface SearchRequest extends LogRequest {
  readonly filter: LogFilter;
  readonly limit: number;
  readonly tail?: boolean;
  readonly signal?: AbortSignal;
}

const PAGE = 500;

export interface QueryDeps {
  readonly store: Pick<Store, "call">;
  /** Takes in what is there now: who asks for the newest waits for it. */
  readonly catchUp: () => Promise<void>;
}

export class TelemetryQueries {
  readonly #store: Pick<Store, "call">;
  readonly #catchUp: () => Promise<void>;
  readonly #waiters = new Set<() => void>();

  constructor(deps: QueryDeps) {
    this.#store = deps.store;
    this.#catchUp = deps.catchUp;
  }

  /** Wakes those who follow. */
  taken(): void {
    for (const wake of this.#waiters) wake();
  }

  /**
   * Log lines, oldest first, with START, END and REPORT rendered in between: the first `limit`
   * behind `after`, or the last with `tail`.
   */
  async list(
    args: LogRequest & {
      readonly limit: number;
      readonly tail?: boolean;
      readonly signal?: AbortSignal;
    },
  ): Promise<readonly LogLineResource[]> {
    if (args.filter !== undefined) {
      await this.#catchUp();
      return await this.#search({ ...args, filter: args.filter });
    }
    const page = args.tail === true ? [] : await this.#page(args);
    if (page.length === args.limit) return page;
    await this.#catchUp();
    return await this.#page(args);
  }

  /** In as many reads as it takes, until the signal aborts. */
  async #search(args: SearchRequest): Promise<readonly LogLineResource[]> {
    const { limit, tail = false, signal } = args;
    const found: LogLineResource[] = [];
    let [after, before] = [seqOf(args.after), Number.MAX_SAFE_INTEGER];
    for (;;) {
      signal?.throwIfAborted();
      const left = { after, before, tail, limit: limit - found.length };
      const page = await this.#find(args, left);
      found.push(...page.lines);
      if (page.isEnd || found.length >= limit) return tail ? found.reverse() : found;
      if (tail) before = page.at;
      else after = page.at;
    }
  }

  #find(
    { functionId, requestId, filter }: SearchRequest,
    where: Pick<LogSearch, "after" | "before" | "tail" | "limit">,
  ): Promise<LogFound> {
    const search = { functionId, requestId, filter, ...where };
    return this.#store.call(storeModule, "searchLog", search);
  }

  async #page(
    args: LogRequest & { readonly limit: number; readonly tail?: boolean },
  ): Promise<readonly LogLineResource[]> {
    const after = seqOf(args.after);
    const { functionId, requestId, limit, tail = false } = args;
    const selection = { functionId, requestId, after, limit, tail };
    const { lines, records } = await this.#store.call(storeModule, "readLog", selection);
    const found = [
      ...lines.map((row) => lineFromRow(row)),
      ...records.flatMap((record) => linesFromRecord(record)),
    ]
      .filter(({ cursor }) => Number(cursor) > after)
      .toSorted((a, b) => Number(a.cursor) - Number(b.cursor));
    return tail ? found.slice(-limit) : found.slice(0, limit);
  }

  /** What is there and then every new line until the signal aborts. */
  async *follow(
    args: LogRequest & { readonly signal: AbortSignal },
  ): AsyncGenerator<LogLineResource, void, void> {
    const { signal, ...request } = args;
    let { after } = request;
    const news = this.#news(signal);
    try {
      while (!signal.aborted) {
        news.clear();
        const from = after === undefined ? {} : { after };
        const page = await this.#next({ ...request, ...from });
        yield* page.lines;
        after = page.after ?? after;
        if (page.isEnd) await news.wait();
      }
    } finally {
      news.close();
    }
  }

  /** The next lines of a follow, and where it goes on. */
  async #next(request: LogRequest): Promise<{
    readonly lines: readonly LogLineResource[];
    readonly after: string | undefined;
    readonly isEnd: boolean;
  }> {
    const { filter } = request;
    if (filter === undefined) {
      const lines = await this.#page({ ...request, limit: PAGE });
      return { lines, after: lines.at(-1)?.cursor, isEnd: lines.length < PAGE };
    }
    const after = seqOf(request.after);
    const where = { after, before: Number.MAX_SAFE_INTEGER, tail: false, limit: PAGE };
    const { lines, at, isEnd } = await this.#find({ ...request, filter, limit: PAGE }, where);
    return { lines, after: String(at), isEnd };
  }

  /** A page of records, newest first. */
  async records(args: {
    readonly functionId: FunctionId;
    readonly cursor?: string;
    readonly limit: number;
  }): Promise<{
    readonly items: readonly InvocationResource[];
    readonly nextCursor: string | null;
  }> {
    const { functionId, cursor, limit } = args;
    if (cursor === undefined) await this.#catchUp();
    const before = cursor === undefined ? undefined : seqOf(cursor);
    const rows = await this.#store.call(storeModule, "readRecords", { functionId, before, limit });
    const last = rows.at(-1);
    return {
      items: rows.map(recordResource),
      nextCursor: rows.length < limit || last === undefined ? null : String(last.seq),
    };
  }

  /** One record, if it is the function's. */
  async record(args: RecordRequest): Promise<InvocationResource | undefined> {
    const row = await this.#row(args);
    return row === undefined ? undefined : recordResource(row);
  }

  /** One invocation as spans, if it is the function's. */
  async trace(args: RecordRequest): Promise<TraceResource | undefined> {
    const row = await this.#row(args);
    if (row === undefined) return undefined;
    const trace = await this.#store.call(storeModule, "readTrace", args.requestId);
    return traceResourceOf(row, trace);
  }

  async #row({ functionId, requestId }: RecordRequest): Promise<RecordRow | undefined> {
    let row = await this.#store.call(storeModule, "readRecord", requestId);
    if (row === undefined) {
      await this.#catchUp();
      row = await this.#store.call(storeModule, "readRecord", requestId);
    }
    return row?.function_id === functionId ? row : undefined;
  }

  /** Sums over everything that was taken in, by function. */
  tallies(): Promise<readonly FunctionTally[]> {
    return this.#store.call(storeModule, "tallies", null);
  }

  /**
   * How each of the revisions did: over what ended in the seconds that begin in `[sinceMs,
   * untilMs)`, up to what was recorded by now. Nothing is known of what ended more than a week ago,
   * and of what ended more than an hour ago only by whole minutes.
   */
  async versionFigures(
    args: FiguresWindow & { readonly revisionIds: readonly RevisionId[] },
  ): Promise<readonly WindowFigures[]> {
    const { revisionIds, ...window } = args;
    await this.#catchUp();
    const found: WindowFigures[] = [];
    // Each by a read of its own, so that others get their turn.
    for (const revisionId of revisionIds) {
      found.push(await this.#store.call(storeModule, "revisionFigures", { revisionId, ...window }));
    }
    return found;
  }

  /** What was taken in of each of the revisions that ever had an invocation. */
  revisionTotals(revisionIds: readonly RevisionId[]): Promise<readonly RevisionFigures[]> {
    return this.#store.call(storeModule, "revisionTotals", revisionIds);
  }

  /** Sums of days, up to what was recorded by now. */
  async usage(args: {
    readonly fromDay: number;
    readonly toDay: number;
    readonly byDay: boolean;
    readonly limit: number;
    readonly isFresh: boolean;
  }): Promise<readonly UsageSum[]> {
    const { isFresh, ...selection } = args;
    if (isFresh) await this.#catchUp();
    return await this.#store.call(storeModule, "readUsage", selection);
  }

  /** Bytes that lines and records take. */
  sizes(): Promise<{ readonly lines: number; readonly records: number }> {
    return this.#store.call(storeModule, "readSizes", null);
  }

  /** Tells one follower whether something was taken in since `clear`, or its signal aborted. */
  #news(signal: AbortSignal): News {
    let isNew = signal.aborted;
    let onNew = (): void => undefined;
    const wake = (): void => {
      isNew = true;
      onNew();
    };
    this.#waiters.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    return {
      clear: () => {
        isNew = signal.aborted;
      },
      wait: () =>
        new Promise<void>((resolve) => {
          onNew = resolve;
          if (isNew) resolve();
        }),
      close: () => {
        this.#waiters.delete(wake);
        signal.removeEventListener("abort", wake);
      },
    };
  }
}

interface News {
  clear(): void;
  wait(): Promise<void>;
  close(): void;
}

function seqOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const seq = /^\d{1,15}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (Number.isNaN(seq)) throw invalid("cursor", ["it was not given out by this API"]);
  return seq;
}

function traceResourceOf(row: RecordRow, trace: Parameters<typeof renderTrace>[1]): TraceResource {
  const { traceId, sampled, spans } = renderTrace(row, trace);
  return {
    ...{ requestId: row.request_id, traceId, sampled },
    outcome: row.outcome as TraceResource["outcome"],
    spans: spans.map(({ spanId, parentSpanId = null, name, startMs, endMs }) => ({
      ...{ spanId, parentSpanId, name },
      startedAt: new Date(startMs).toISOString(),
      durationMs: Math.round((endMs - startMs) * 1_000) / 1_000,
    })),
  };
}

function recordResource(row: RecordRow): InvocationResource {
  return {
    requestId: row.request_id,
    revisionId: row.revision_id,
    instanceId: row.instance_id,
    outcome: row.outcome as InvocationResource["outcome"],
    status: row.status,
    startedAt: new Date(row.start_ms).toISOString(),
    coldReason: row.cold_reason as InvocationResource["coldReason"],
    startKind: row.start_kind as InvocationResource["startKind"],
    stagesMs: {
      queue: row.queue_us / 1_000,
      place: row.place_us / 1_000,
      boot: row.boot_us / 1_000,
      code: row.code_us / 1_000,
      init: row.init_us / 1_000,
      handler: row.handler_us / 1_000,
    },
    billedMs: row.billed_us / 1_000,
    memoryMb: row.memory_mb,
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
    site: row.site,
    zone: row.zone,
    set: row.placement_set,
  };
}

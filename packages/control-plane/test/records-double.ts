/** The rooms that keep logs and invocation records, as control sees them. */
import {
  type InvocationResource,
  type LogLineResource,
  matchesLog,
  type TraceResource,
} from "@skerry/api-schema";
import type { RevisionId } from "@skerry/base";
import {
  emptyHistogram,
  type FunctionTally,
  type RevisionFigures,
  type RoleFigures,
  type WindowFigures,
} from "@skerry/contracts";
import type { UsageSum } from "@skerry/invocations";
import type { InvocationQueries, LogQueries, LogSelection, MetricQueries } from "../src/ports.ts";

export class LogsDouble implements LogQueries {
  readonly lines: LogLineResource[] = [];
  /** Selections of follows that are open. */
  readonly following = new Set<LogSelection>();
  readonly ended: LogSelection[] = [];
  readonly #listeners = new Set<() => void>();

  list(
    args: LogSelection & { readonly limit: number; readonly tail: boolean },
  ): Promise<readonly LogLineResource[]> {
    const { limit, tail } = args;
    const selected = this.#select(args);
    return Promise.resolve(tail ? selected.slice(-limit) : selected.slice(0, limit));
  }

  async *follow(
    args: LogSelection & { readonly signal: AbortSignal },
  ): AsyncIterable<LogLineResource> {
    let { after } = args;
    this.following.add(args);
    this.#changed();
    try {
      while (!args.signal.aborted) {
        const lines = this.#select({ ...args, ...(after === undefined ? {} : { after }) });
        yield* lines;
        after = lines.at(-1)?.cursor ?? after;
        await this.#next(args.signal);
      }
    } finally {
      this.following.delete(args);
      this.ended.push(args);
      this.#changed();
    }
  }

  write(text: string, requestId: string | null = null, revisionId: string | null = null): void {
    const cursor = String(this.lines.length + 1).padStart(8, "0");
    this.lines.push({
      ...{ at: new Date(0).toISOString(), level: "info", stream: "console", requestId },
      ...{ instanceId: null, revisionId, text, cursor },
    });
    this.#changed();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#listeners.add(resolve);
      });
    }
  }

  #select(args: LogSelection): readonly LogLineResource[] {
    return this.lines.filter(
      (line) =>
        (args.after === undefined || line.cursor > args.after) &&
        (args.requestId === undefined || line.requestId === args.requestId) &&
        (args.filter === undefined || matchesLog(line, args.filter)),
    );
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#listeners.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #changed(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

export class InvocationsDouble implements InvocationQueries {
  readonly records: InvocationResource[] = [];

  list(args: { readonly cursor?: string; readonly limit: number }): Promise<{
    readonly items: readonly InvocationResource[];
    readonly nextCursor: string | null;
  }> {
    const start = Number(args.cursor ?? 0);
    const items = this.records.slice(start, start + args.limit);
    const end = start + items.length;
    return Promise.resolve({ items, nextCursor: end < this.records.length ? String(end) : null });
  }

  trace(args: { readonly requestId: string }): Promise<TraceResource | undefined> {
    const found = this.records.find(({ requestId }) => requestId === args.requestId);
    if (found === undefined) return Promise.resolve(undefined);
    const { requestId, outcome } = found;
    return Promise.resolve({ requestId, traceId: "", sampled: false, outcome, spans: [] });
  }

  get(args: { readonly requestId: string }): Promise<InvocationResource | undefined> {
    return Promise.resolve(this.records.find(({ requestId }) => requestId === args.requestId));
  }
}

export class MetricsDouble implements MetricQueries {
  readonly counted: FunctionTally[] = [];

  tallies(): Promise<readonly FunctionTally[]> {
    return Promise.resolve(this.counted);
  }

  readonly countedByRevision: RevisionFigures[] = [];

  revisionTotals(revisionIds: readonly RevisionId[]): Promise<readonly RevisionFigures[]> {
    const isAsked = ({ revisionId }: RevisionFigures): boolean => revisionIds.includes(revisionId);
    return Promise.resolve(this.countedByRevision.filter(isAsked));
  }

  async versionFigures(args: {
    readonly revisionIds: readonly RevisionId[];
  }): Promise<readonly WindowFigures[]> {
    const found = await this.revisionTotals(args.revisionIds);
    return found.map((one) => ({ ...one, cold: emptyHistogram() }));
  }

  readonly used: UsageSum[] = [];
  bytes = { lines: 0, records: 0 };

  usage(args: { readonly fromDay: number; readonly toDay: number }): Promise<readonly UsageSum[]> {
    const { fromDay, toDay } = args;
    const isIn = ({ day }: UsageSum): boolean => day !== null && day >= fromDay && day <= toDay;
    return Promise.resolve(this.used.filter(isIn));
  }

  sizes(): Promise<{ readonly lines: number; readonly records: number }> {
    return Promise.resolve(this.bytes);
  }

  figures(): RoleFigures {
    const loopLag = emptyHistogram();
    return { loopLag, residentBytes: 1 << 20, heapUsedBytes: 1 << 19, cpuMs: 5, values: [] };
  }
}

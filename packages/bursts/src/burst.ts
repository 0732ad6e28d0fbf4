/**
 * A burst: many callers at once, each calling one after another, watched until the function's
 * instances rest again. The calls leave this process as any client's would. One at a time, because
 * it is load that the platform makes for itself.
 */
import { delay, PlatformError, type Clock, type FunctionId } from "@skerry/base";
import type { BurstLine, CallResource } from "@skerry/api-schema";
import type { InstanceView } from "@skerry/contracts";
import { fail } from "./errors.ts";

/** What a burst works with: who calls, and who tells what became of it. */
export interface BurstDeps {
  readonly agents: {
    nodes(): Promise<readonly { readonly instances: readonly InstanceView[] }[]>;
  };
  /** Calls as a client would. Rejects when it got no answer at all. */
  readonly caller: {
    call(args: {
      readonly app: string;
      readonly fn: string;
      /** JSON text. */
      readonly event: string;
      readonly signal: AbortSignal;
    }): Promise<Pick<CallResource, "status" | "errorReason">>;
  };
  readonly traffic: {
    /** Calls of a function that began at `sinceMs` or later, wall clock, as far as recorded. */
    since(args: {
      readonly functionId: FunctionId;
      readonly sinceMs: number;
    }): Promise<{ readonly calls: number; readonly billedMs: number }>;
  };
  readonly clock: Clock;
  readonly limits: {
    /** Between two looks. */
    readonly burstLookMs: number;
    /** How long instances are watched coming to rest. */
    readonly burstRestMs: number;
  };
}

/** What is called, how often, and until when. */
export interface BurstRequest {
  readonly app: string;
  readonly fn: string;
  readonly functionId: FunctionId;
  readonly memoryMb: number;
  readonly event: string;
  readonly callers: number;
  readonly callsEach: number;
  readonly signal: AbortSignal;
}

interface Progress {
  readonly tookMs: number[];
  errors: number;
  isDone: boolean;
}

interface Look {
  readonly seen: Omit<BurstLine, "phase">;
  /** Every call that was answered has its record. */
  readonly areRecordsIn: boolean;
}

/** What the last line waits for beside instances that rest. */
const RECORDS_WITHIN_MS = 3_000;

/** At most one at a time. */
export class Bursts {
  readonly #deps: BurstDeps;
  #isBusy = false;

  constructor(deps: BurstDeps) {
    this.#deps = deps;
  }

  /**
   * Starts a burst and tells how it goes until it has settled or the signal aborts. Throws
   * BURST_UNDER_WAY.
   */
  start(request: BurstRequest): AsyncIterable<BurstLine> {
    if (this.#isBusy) throw fail("BURST_UNDER_WAY", { retryAfterMs: 1_000 });
    const { signal } = request;
    const place = { isTaken: false };
    this.#isBusy = !signal.aborted;
    // Lines that nobody begins to read never come to their end: the place is given back here.
    const onLeft = (): void => {
      if (!place.isTaken) this.#isBusy = false;
    };
    signal.addEventListener("abort", onLeft, { once: true });
    return this.#watch(request, place);
  }

  async *#watch(
    request: BurstRequest,
    place: { isTaken: boolean },
  ): AsyncGenerator<BurstLine, void, void> {
    if (request.signal.aborted) return;
    place.isTaken = true;
    const { clock, limits } = this.#deps;
    const stop = new AbortController();
    const signal = AbortSignal.any([request.signal, stop.signal]);
    const progress: Progress = { tookMs: [], errors: 0, isDone: false };
    const look = this.#looker({ ...request, signal }, progress);
    const callers = Array.from({ length: request.callers }, () =>
      this.#callRepeatedly({ ...request, signal }, progress),
    );
    const calling = Promise.all(callers).then(() => (progress.isDone = true));
    try {
      let restByMs = Infinity;
      let phase: BurstLine["phase"] = "calling";
      while (phase !== "settled" && !signal.aborted) {
        if (progress.isDone)
          restByMs = Math.min(restByMs, clock.monotonicMs() + limits.burstRestMs);
        const line = await look();
        phase = phaseOf(line, { isDone: progress.isDone, isLate: clock.monotonicMs() > restByMs });
        yield { ...line.seen, phase };
        if (phase !== "settled") await pause(clock, limits.burstLookMs, signal);
      }
    } finally {
      stop.abort();
      await calling;
      this.#isBusy = false;
    }
  }

  async #callRepeatedly(request: BurstRequest, progress: Progress): Promise<void> {
    const { caller, clock } = this.#deps;
    const { app, fn, event, callsEach, signal } = request;
    for (let i = 0; i < callsEach && !signal.aborted; i += 1) {
      const startMs = clock.monotonicMs();
      const isOk = await caller.call({ app, fn, event, signal }).then(
        ({ status, errorReason }) => status < 500 && errorReason === null,
        () => false,
      );
      if (signal.aborted) return;
      progress.tookMs.push(clock.monotonicMs() - startMs);
      if (!isOk) progress.errors += 1;
    }
  }

  /** Looks at what there is now. Records come in late; the last look waits for them a while. */
  #looker({ functionId, memoryMb }: BurstRequest, progress: Progress): () => Promise<Look> {
    const { agents, clock, traffic } = this.#deps;
    const sinceMs = clock.wallMs();
    const startMs = clock.monotonicMs();
    let doneMs: number | undefined;
    return async () => {
      const { isDone } = progress;
      const nodes = await agents.nodes();
      const { billedMs, calls } = await traffic.since({ functionId, sinceMs });
      if (isDone) doneMs ??= clock.monotonicMs();
      const waitedMs = doneMs === undefined ? 0 : clock.monotonicMs() - doneMs;
      const own = nodes.flatMap(({ instances }) => instances).filter(isOf(functionId));
      const sorted = progress.tookMs.toSorted((a, b) => a - b);
      const seen = {
        atMs: Math.round(clock.monotonicMs() - startMs),
        ...{ calls: sorted.length, errors: progress.errors, billedMs, memoryMb },
        ...{ p50Ms: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95) },
        instances: countStates(own),
      };
      return { seen, areRecordsIn: calls >= sorted.length || waitedMs > RECORDS_WITHIN_MS };
    };
  }
}

const isOf =
  (functionId: FunctionId) =>
  (view: InstanceView): boolean =>
    view.functionId === functionId;

function phaseOf(
  { seen, areRecordsIn }: Look,
  { isDone, isLate }: { readonly isDone: boolean; readonly isLate: boolean },
): BurstLine["phase"] {
  if (!isDone) return "calling";
  const { starting, ready } = seen.instances;
  return (starting + ready === 0 && areRecordsIn) || isLate ? "settled" : "resting";
}

function countStates(views: readonly InstanceView[]): BurstLine["instances"] {
  const count = (state: InstanceView["state"]): number =>
    views.filter((view) => view.state === state).length;
  return { starting: count("starting"), ready: count("ready"), resting: count("resting") };
}

/** The value that `share` of the sorted ones do not exceed; null without any. */
function quantile(sorted: readonly number[], share: number): number | null {
  const at = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
  return sorted[Math.max(0, at)] ?? null;
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(clock, ms, signal);
  } catch (error) {
    if (!signal.aborted) throw PlatformError.from(error);
  }
}

/**
 * Gives memory of an idle instance back. V8 collects when it must, and a process that is frozen
 * must nothing: without this a resting instance would keep the litter of its last requests for as
 * long as it rests. A collection that gives pages back costs more than its own time: V8 forgets
 * shapes of which no object lives at the moment, and with them what it has compiled for them. So
 * only the first one, when hardly anything is hot, comes before the first rest; later ones wait for
 * a rest that lasts, in which the agent lets the instance run for a moment.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "@skerry/base";

/** Idle for so long for the first time; its gateway lets it rest after a second. */
const FIRST_AFTER_MS = 600;
/** Idle for so long later on, rests included. */
export const TIDY_AFTER_MS = 10_000;
/**
 * A timer that is later than this was held up by a rest: a request may wait to be read, and is
 * first.
 */
const LATE_MS = 200;
/** Less is not worth a collection. */
const GROWN_BYTES_MIN = 2 << 20;
/** A collection takes about a millisecond for each megabyte in use, and a request may come. */
const USED_BYTES_MAX = 64 << 20;

export interface TidyDeps {
  readonly clock: Clock;
  /** True while a request is under way. */
  readonly isBusy: () => boolean;
  readonly heap?: () => HeapSizes;
  readonly collect?: () => void;
}

export interface HeapSizes {
  readonly usedBytes: number;
  /** What of it the machine has given pages for. */
  readonly physicalBytes: number;
}

/** Collects after work that left litter, when nothing has come for a while. */
export class Tidy {
  readonly #deps: Required<TidyDeps>;
  #workedMs = 0;
  #afterMs = FIRST_AFTER_MS;
  #isWaiting = false;
  #tidyBytes: number;

  constructor(deps: TidyDeps) {
    this.#deps = { heap: heapSizes, collect: collectGarbage, ...deps };
    this.#tidyBytes = this.#deps.heap().physicalBytes;
  }

  /** Something was asked of the instance. Costs a reading of the clock. */
  noteWork(): void {
    this.#workedMs = this.#deps.clock.monotonicMs();
    if (!this.#isWaiting) this.#wait(this.#afterMs);
  }

  #wait(ms: number): void {
    this.#isWaiting = true;
    const dueMs = this.#deps.clock.monotonicMs() + ms;
    this.#deps.clock.schedule(ms, () => this.#look(dueMs), { background: true });
  }

  #look(dueMs: number): void {
    this.#isWaiting = false;
    const nowMs = this.#deps.clock.monotonicMs();
    if (this.#deps.isBusy()) this.#workedMs = nowMs;
    const leftMs = this.#workedMs + this.#afterMs - nowMs;
    if (leftMs > 0) return this.#wait(leftMs);
    if (nowMs - dueMs > LATE_MS) return this.#wait(LATE_MS);
    this.#afterMs = TIDY_AFTER_MS;
    const { usedBytes, physicalBytes } = this.#deps.heap();
    if (usedBytes > USED_BYTES_MAX || physicalBytes - this.#tidyBytes < GROWN_BYTES_MIN) return;
    this.#deps.collect();
    this.#tidyBytes = this.#deps.heap().physicalBytes;
  }
}

function heapSizes(): HeapSizes {
  const { used_heap_size, total_physical_size } = getHeapStatistics();
  return { usedBytes: used_heap_size, physicalBytes: total_physical_size };
}

/**
 * All that can go goes. V8's collector comes from a context of its own: user code finds no `gc`.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as NodeJS.GCFunction;
  setFlagsFromString("--no-expose-gc");
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

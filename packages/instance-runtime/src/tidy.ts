/**
 * Gives memory back before an instance rests. V8 collects when it must, and a process that is
 * frozen must nothing: without this a resting instance would keep the litter of its last requests
 * for as long as it rests.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "@skerry/base";

/** Idle for so long; its gateway lets it rest after a second. */
const TIDY_AFTER_MS = 600;
/**
 * A timer that is later than this was held up by a rest: a request waits to be read, and is first.
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

/** Collects once after work that left litter, when nothing has come for a while. */
export class Tidy {
  readonly #deps: Required<TidyDeps>;
  #workedMs = 0;
  #isWaiting = false;
  #tidyBytes: number;

  constructor(deps: TidyDeps) {
    this.#deps = { heap: heapSizes, collect: collectGarbage, ...deps };
    this.#tidyBytes = this.#deps.heap().physicalBytes;
  }

  /** Something was asked of the instance. Costs a reading of the clock. */
  noteWork(): void {
    this.#workedMs = this.#deps.clock.monotonicMs();
    if (!this.#isWaiting) this.#wait(TIDY_AFTER_MS);
  }

  #wait(ms: number): void {
    this.#isWaiting = true;
    const dueMs = this.#deps.clock.monotonicMs() + ms;
    this.#deps.clock.schedule(ms, () => this.#look(dueMs), { background: true });
  }

  #look(dueMs: number): void {
    this.#isWaiting = false;
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - dueMs > LATE_MS || this.#deps.isBusy()) this.#workedMs = nowMs;
    const idleMs = nowMs - this.#workedMs;
    if (idleMs < TIDY_AFTER_MS) return this.#wait(TIDY_AFTER_MS - idleMs);
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

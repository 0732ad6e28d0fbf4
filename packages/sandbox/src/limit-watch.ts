/**
 * Limits by looking: what is left where the kernel enforces none for a whole tree. Every watched
 * sandbox is measured on one shared look at `/proc`; one that is over its limit is killed.
 */
import type { Cancel, Clock } from "@skerry/base";
import { readProcessTable, type ProcessRow } from "./process-table.ts";
import type { RunningSandbox } from "./running-sandbox.ts";

const LOOK_EVERY_MS = 250;
/** How old a process table may be to answer `usage()`. */
const TABLE_AGE_MS_MAX = 50;

/** The limits that looking must enforce for one sandbox; undefined means the kernel does. */
export interface WatchedLimits {
  readonly memoryBytes: number | undefined;
  readonly processesMax: number | undefined;
}

export class LimitWatch {
  readonly #clock: Clock;
  readonly #watched = new Map<RunningSandbox, WatchedLimits>();
  #cancel: Cancel | undefined;
  #table: { readonly atMs: number; readonly rows: readonly ProcessRow[] } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All processes, at most a moment old. */
  recentTable(): readonly ProcessRow[] {
    const nowMs = this.#clock.monotonicMs();
    if (this.#table === undefined || nowMs - this.#table.atMs > TABLE_AGE_MS_MAX) {
      this.#table = { atMs: nowMs, rows: readProcessTable() };
    }
    return this.#table.rows;
  }

  add(sandbox: RunningSandbox, limits: WatchedLimits): void {
    if (limits.memoryBytes === undefined && limits.processesMax === undefined) return;
    this.#watched.set(sandbox, limits);
    this.#schedule();
  }

  remove(sandbox: RunningSandbox): void {
    this.#watched.delete(sandbox);
    if (this.#watched.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    this.#cancel ??= this.#clock.schedule(LOOK_EVERY_MS, () => this.#look(), { background: true });
  }

  #look(): void {
    this.#cancel = undefined;
    for (const [sandbox, limits] of this.#watched) {
      const over = decideOver(sandbox.usage(), limits);
      if (over !== null) void sandbox.killFor(over);
    }
    if (this.#watched.size > 0) this.#schedule();
  }
}

/** Which limit is passed, memory first. */
export function decideOver(
  usage: { readonly memoryBytes: number; readonly processes: number },
  limits: WatchedLimits,
): "memory" | "processes" | null {
  if (limits.memoryBytes !== undefined && usage.memoryBytes > limits.memoryBytes) return "memory";
  if (limits.processesMax !== undefined && usage.processes > limits.processesMax)
    return "processes";
  return null;
}

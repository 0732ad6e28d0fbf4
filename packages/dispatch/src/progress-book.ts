/**
 * How far running invocations are, as their gateways tell: the latest of each is in memory for
 * whoever looks, and is written down every second at most, with all others that changed. Memory is
 * bounded in bytes (`progress-memory.ts`); what has ended leaves it once it is written. What is not
 * written when control dies, or when there is no room, is lost: a report says where something
 * stands, and another comes.
 */
import type { RequestId } from "@skerry/base";
import { LIMITS, type ProgressPiece } from "@skerry/contracts";
import type { Reported } from "@skerry/invocations";
import type { ConfigView } from "./config-view.ts";
import type { AttemptName, Dispatcher } from "./dispatcher.ts";
import type { DispatchDeps } from "./ports.ts";
import { ProgressMemory, type Kept } from "./progress-memory.ts";
import { storeModule } from "./store-module.ts";

/** Between two writes. */
const WRITE_EVERY_MS = 1_000;
/** Of one transaction. */
const ITEMS_MAX = 500;

export interface ProgressDeps extends Pick<DispatchDeps, "store" | "clock" | "log"> {
  readonly dispatcher: Pick<Dispatcher, "attemptOf">;
  readonly config: Pick<ConfigView, "functionById">;
}

/** Waits for a change of one invocation. */
export interface ProgressWatch {
  /** Resolves with the next change that is known here, or when `stop` is called. */
  readonly changed: Promise<void>;
  stop(): void;
}

export class ProgressBook {
  readonly #deps: ProgressDeps;
  readonly #latest = new ProgressMemory();
  readonly #unwritten = new Set<RequestId>();
  readonly #watchers = new Map<RequestId, Set<() => void>>();
  #isWriteDue = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: ProgressDeps) {
    this.#deps = deps;
  }

  /** What a gateway says of attempts; of those that it does not hold nothing is believed. */
  take(
    holder: string,
    told: readonly { readonly head: ProgressPiece; readonly bytes: Uint8Array }[],
  ): void {
    for (const { head, bytes } of told) {
      const { id, n: attempt, at: atMs } = head;
      const out = this.#deps.dispatcher.attemptOf({ id, attempt });
      const value = Buffer.from(bytes).toString();
      const isLarge = bytes.length > 4 * LIMITS.progressBytesMax;
      if (out?.holder !== holder || isLarge || !isJson(value)) continue;
      const { functionId } = out;
      const accountId = this.#deps.config.functionById(functionId)?.accountId;
      const gone = this.#latest.put(id, { attempt, atMs, value }, { functionId, accountId });
      this.#unwritten.add(id);
      for (const one of gone) this.#unwritten.delete(one);
      this.changed([id]);
    }
    if (this.#unwritten.size > 0) this.#writeSoon();
  }

  /** These attempts are over: what they reported is read from the store once it is there. */
  freed(names: readonly AttemptName[]): void {
    if (this.#latest.size === 0) return;
    for (const { id, attempt } of names) {
      const kept = this.#latest.get(id as RequestId);
      if (kept?.attempt !== attempt) continue;
      kept.isOver = true;
      this.#forgetOver(id as RequestId, kept);
    }
  }

  /** The later of what is known here and what was written. */
  latestOf(id: RequestId, written: Reported | null): Reported | null {
    const own = this.#latest.get(id);
    if (own === undefined || (written !== null && written.attempt > own.attempt)) return written;
    return written !== null && written.attempt === own.attempt && written.atMs > own.atMs
      ? written
      : own;
  }

  /** Something about these is not as it was. */
  changed(ids: readonly RequestId[]): void {
    for (const id of ids) for (const wake of this.#watchers.get(id) ?? []) wake();
  }

  watch(id: RequestId): ProgressWatch {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers.add(resolve));
    const stop = (): void => {
      watchers.delete(resolve);
      if (watchers.size === 0 && this.#watchers.get(id) === watchers) this.#watchers.delete(id);
      resolve();
    };
    return { changed: promise, stop };
  }

  /** Writes what is left, and resolves when nothing uses the store any more. Never rejects. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#write();
  }

  #forgetOver(id: RequestId, { isOver, isWritten }: Kept): void {
    if (isOver && isWritten) this.#latest.delete(id);
  }

  #writeSoon(): void {
    if (this.#isWriteDue) return;
    this.#isWriteDue = true;
    const write = (): void => {
      this.#writing = this.#write().then(() => {
        this.#isWriteDue = false;
        if (this.#unwritten.size > 0) this.#writeSoon();
      });
    };
    this.#deps.clock.schedule(WRITE_EVERY_MS, write, { background: true });
  }

  async #write(): Promise<void> {
    while (this.#unwritten.size > 0) {
      const ids = [...this.#unwritten].slice(0, ITEMS_MAX);
      const written = new Map<RequestId, Kept>();
      for (const id of ids) {
        const kept = this.#latest.get(id);
        this.#unwritten.delete(id);
        if (kept !== undefined) written.set(id, kept);
      }
      const items = [...written].map(([id, { attempt, atMs, value }]) => ({
        ...{ id, attempt, atMs, value },
      }));
      try {
        await this.#deps.store.call(storeModule, "noteProgress", { items });
      } catch (error) {
        this.#deps.log.debug("how far invocations are was not written down", { error });
        for (const id of written.keys())
          if (this.#latest.get(id) !== undefined) this.#unwritten.add(id);
        return;
      }
      for (const [id, kept] of written) {
        kept.isWritten = true;
        // Another may have come meanwhile, which is still to be written.
        if (this.#latest.get(id) === kept) this.#forgetOver(id, kept);
      }
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

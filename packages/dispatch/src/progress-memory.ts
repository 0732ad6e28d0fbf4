/**
 * The latest report of each invocation that runs, within a bound of bytes, and within parts of it
 * for one function and one account: whoever reports much from many jobs pushes out its own oldest
 * reports, and never another's.
 */
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import type { Reported } from "@skerry/invocations";
import { DISPATCH_LIMITS } from "./limits.ts";

/** Whose report it is; a function that was removed meanwhile has no account. */
export interface ReportOwner {
  readonly functionId: FunctionId;
  readonly accountId: AccountId | undefined;
}

export interface Kept extends Reported {
  readonly owner: ReportOwner;
  readonly bytes: number;
  isWritten: boolean;
  /** Its attempt is over: it may go once it is written. */
  isOver: boolean;
}

interface Part {
  bytes: number;
  /** That which was told longest ago stands first. */
  readonly ids: Set<RequestId>;
}

/** What one takes beside its text: its name, its places in the maps. */
const OVERHEAD_BYTES = 512;
const WHOLE = "";

export class ProgressMemory {
  readonly #kept = new Map<RequestId, Kept>();
  /** Of all, of each function and of each account. */
  readonly #parts = new Map<string, Part>();

  get size(): number {
    return this.#kept.size;
  }

  get(id: RequestId): Kept | undefined {
    return this.#kept.get(id);
  }

  /** Keeps it instead of what was there; returns those that had to go for it. */
  put(id: RequestId, reported: Reported, owner: ReportOwner): readonly RequestId[] {
    this.delete(id);
    // A string has two bytes a character at most.
    const bytes = OVERHEAD_BYTES + 2 * reported.value.length;
    const kept = { ...reported, owner, bytes, isWritten: false, isOver: false };
    this.#kept.set(id, kept);
    for (const name of partsOf(owner)) {
      const part = this.#parts.get(name) ?? { bytes: 0, ids: new Set() };
      part.bytes += bytes;
      part.ids.add(id);
      this.#parts.set(name, part);
    }
    const { progressBytesMax, progressFunctionShare, progressAccountShare } = DISPATCH_LIMITS;
    const gone = [...this.#shrink(owner.functionId, progressFunctionShare * progressBytesMax)];
    if (owner.accountId !== undefined)
      gone.push(...this.#shrink(owner.accountId, progressAccountShare * progressBytesMax));
    gone.push(...this.#shrink(WHOLE, progressBytesMax));
    return gone;
  }

  delete(id: RequestId): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    for (const name of partsOf(kept.owner)) {
      const part = this.#parts.get(name);
      if (part === undefined) continue;
      part.bytes -= kept.bytes;
      part.ids.delete(id);
      if (part.ids.size === 0) this.#parts.delete(name);
    }
  }

  #shrink(name: string, bytesMax: number): readonly RequestId[] {
    const part = this.#parts.get(name);
    const gone: RequestId[] = [];
    for (const id of part?.ids ?? []) {
      if (part === undefined || part.bytes <= bytesMax) break;
      this.delete(id);
      gone.push(id);
    }
    return gone;
  }
}

function partsOf({ functionId, accountId }: ReportOwner): readonly string[] {
  return accountId === undefined ? [WHOLE, functionId] : [WHOLE, functionId, accountId];
}

/**
 * From which number on events of each share may stay for all of them to fit into a size: while they
 * do not, the oldest of whose are most go, so that nobody pushes out those of others who take less.
 * It is known by spans of neighbours, the newest of which are summed up: whatever others have
 * forgotten meanwhile, and whoever else counts on the same database, each comes to the same bounds,
 * to a span.
 */
import type { EventShare, MeasuredEvents } from "@skerry/triggers";

/** Events of a share that follow one another. */
interface Span {
  /** The number of the last of them. */
  readonly to: number;
  readonly bytes: number;
}

interface Kept extends EventShare {
  /** The oldest first. */
  readonly spans: Span[];
  bytes: number;
  /** The last event that there is no room for; 0 while there is for all. */
  upTo: number;
}

/** Events of a share that are to go: all up to a number. */
export interface Cut extends EventShare {
  readonly upTo: number;
}

/** As little as this is made one with its neighbour, so that spans are few. */
const SPAN_BYTES_MIN = 256 << 10;

export class SizeBound {
  readonly #bytesMax: number;
  readonly #shares = new Map<string, Kept>();
  #bytes = 0;
  #measuredTo = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Of shares that have had too much. */
  get cuts(): readonly Cut[] {
    return [...this.#shares.values()].filter(({ upTo }) => upTo > 0);
  }

  /** The number after which the next measurement begins. */
  get measuredTo(): number {
    return this.#measuredTo;
  }

  /** What follows the last one. */
  add({ to, shares }: MeasuredEvents): void {
    this.#measuredTo = to;
    for (const { bytes, ...share } of shares) {
      const kept = this.#of(share);
      const last = kept.spans.at(-1);
      const isJoined = last !== undefined && last.bytes + bytes <= SPAN_BYTES_MIN;
      if (isJoined) kept.spans[kept.spans.length - 1] = { to, bytes: last.bytes + bytes };
      else kept.spans.push({ to, bytes });
      kept.bytes += bytes;
      this.#bytes += bytes;
    }
    while (this.#bytes > this.#bytesMax) {
      const most = this.#largest();
      if (most === undefined) break;
      most.upTo = this.#takeOldest(most);
    }
  }

  /** Everything up to this number has gone by its age. */
  aged(upTo: number): void {
    for (const [name, kept] of this.#shares) {
      while ((kept.spans[0]?.to ?? Infinity) <= upTo) this.#takeOldest(kept);
      if (kept.spans.length === 0 && kept.upTo <= upTo) this.#shares.delete(name);
    }
  }

  #of({ accountId, app }: EventShare): Kept {
    const name = `${accountId}/${app}`;
    const known = this.#shares.get(name);
    if (known !== undefined) return known;
    const kept = { accountId, app, spans: [], bytes: 0, upTo: 0 };
    this.#shares.set(name, kept);
    return kept;
  }

  /** Of those that take as much, whose oldest is the oldest. */
  #largest(): Kept | undefined {
    let most: Kept | undefined;
    for (const one of this.#shares.values()) {
      if (one.spans.length === 0) continue;
      const more = one.bytes - (most?.bytes ?? 0);
      const isOlder = more === 0 && (one.spans[0]?.to ?? 0) < (most?.spans[0]?.to ?? 0);
      if (most === undefined || more > 0 || isOlder) most = one;
    }
    return most;
  }

  /** Up to which number that is. */
  #takeOldest(kept: Kept): number {
    const { to = 0, bytes = 0 } = kept.spans.shift() ?? {};
    kept.bytes -= bytes;
    this.#bytes -= bytes;
    return to;
  }
}

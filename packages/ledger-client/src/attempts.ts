/**
 * The attempts that control has given to this gateway, each from its start until control has
 * written its end. An end is told again until it is acknowledged; after every new link control is
 * told first what is held here, and what it does not want any more is given up. So control's
 * restart loses no end, and an attempt that control has given to somebody else in the meantime is
 * not made twice for longer than it takes to say so.
 */
import { backoffMs, type Cancel, type RequestId } from "@skerry/base";
import {
  LEDGER_WIRE,
  type HoldingPiece,
  type RunPiece,
  type SettlePiece,
  type SettleResult,
} from "@skerry/contracts";
import type { Piece } from "@skerry/link";
import { exchange, fitting } from "./exchange.ts";
import type { AttemptEnd, AttemptListener, LedgerClientDeps, RunningAttempt } from "./ports.ts";
import { ProgressReports } from "./progress-reports.ts";
import { readAbandoned, readSettleResults } from "./words.ts";

/** What is told of one. */
type HeldName = Pick<RunPiece, "id" | "n" | "r">;

interface Held {
  readonly piece: HeldName;
  readonly from: number;
  running: RunningAttempt | undefined;
  /** Once it has ended. */
  end: Piece<SettlePiece> | undefined;
  /** Of one that was not given by control. */
  readonly own?: OwnAttempt;
}

interface Ended extends Held {
  end: Piece<SettlePiece>;
}

/** An attempt that a caller waits for. */
export interface OwnAttempt {
  /** Makes it and tells its end once, perhaps before it returns. */
  readonly run: (told: AttemptListener) => RunningAttempt | undefined;
  /** Called once: what control made of its end, or `stale` when it wants it no more. */
  readonly told: (result: SettleResult) => void;
  /** Nobody would make it again: it waits on here as a drain begins. */
  readonly isOnce?: boolean;
}

/** Calls on their way to control, which may be held here by now. */
export interface CallsUnderWay {
  readonly sent: readonly RequestId[];
  /** Control knows what is held: more may follow. */
  agreed(): void;
}

const RETRY = { delayMsMin: 20, delayMsMax: 1_000 };
const NOTHING = (): void => undefined;
const EMPTY = new Uint8Array(0);

export class Attempts {
  readonly #deps: LedgerClientDeps;
  readonly #resultBytesMax: number;
  readonly #calls: CallsUnderWay;
  readonly #held = new Map<string, Held>();
  /** Ended, and not on their way to control. */
  readonly #unsent = new Set<Ended>();
  readonly #progress: ProgressReports;
  /** Of the results that are kept. */
  #resultBytes = 0;
  /** Control knows what is held: ends may follow. */
  #isAgreed = false;
  /** Counts links: what belongs to an earlier one is over. */
  #links = 0;
  #isFlushDue = false;
  #attempt = 0;
  #cancelRetry: Cancel | undefined;
  #onEmpty: () => void = NOTHING;

  constructor(deps: LedgerClientDeps, resultBytesMax: number, calls: CallsUnderWay) {
    this.#deps = deps;
    this.#calls = calls;
    this.#resultBytesMax = resultBytesMax;
    this.#progress = new ProgressReports({
      clock: deps.clock,
      open: (...asked) => (this.#isAgreed ? deps.open(...asked) : undefined),
    });
  }

  /** Running, or ended and not acknowledged. */
  get size(): number {
    return this.#held.size;
  }

  /** Control knows what is held here. */
  get isAgreed(): boolean {
    return this.#isAgreed;
  }

  /** So many more may come. */
  hasRoomFor(count: number): boolean {
    return this.#held.size + count <= LEDGER_WIRE.heldMax;
  }

  /** Begins attempts; one that is held already is not begun again. */
  begin(pieces: readonly Piece<RunPiece>[]): void {
    for (const { head, bytes } of pieces) {
      const key = keyOf(head);
      if (this.#held.has(key)) continue;
      const from = this.#deps.clock.wallMs();
      const held: Held = { piece: head, from, running: undefined, end: undefined };
      this.#held.set(key, held);
      // Of its own, so that one that runs long does not keep the others' bytes.
      const payload = pieces.length === 1 ? bytes : new Uint8Array(bytes);
      held.running = this.#deps.run(head, payload, this.#listenerOf(held));
    }
  }

  /** These are to come to their end by themselves, and their end is told. */
  stop(pieces: readonly HoldingPiece[]): void {
    for (const piece of pieces) {
      const held = this.#held.get(keyOf(piece));
      if (held?.running === undefined || held.end !== undefined) continue;
      if (held.running.hasBegun) held.running.stop();
      else this.#giveUp(held);
    }
  }

  /** Begins one that control has written down as held here. */
  beginOwn(piece: HeldName, own: OwnAttempt): void {
    const from = this.#deps.clock.wallMs();
    const held: Held = { piece, from, running: undefined, end: undefined, own };
    this.#held.set(keyOf(piece), held);
    held.running = own.run(this.#listenerOf(held));
  }

  /** Control does not want these any more. */
  abandon(pieces: readonly HoldingPiece[]): void {
    for (const piece of pieces) {
      const held = this.#held.get(keyOf(piece));
      if (held === undefined) continue;
      this.#forget(held, "stale");
      if (held.end === undefined) held.running?.cancel();
    }
  }

  /** There is a new link: says what is held, before anything else. */
  linked(): void {
    this.lost();
    this.#attempt = 0;
    this.#tellHeld();
  }

  lost(): void {
    this.#isAgreed = false;
    this.#links += 1;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  /** Resolves when nothing is held any more. */
  async whenEmpty(): Promise<void> {
    if (this.#held.size === 0) return;
    await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  /** Ends as cancelled what still waits for its turn, so that control gives it to another. */
  giveBackWaiting(): void {
    for (const held of this.#held.values())
      if (held.running?.hasBegun === false && held.own?.isOnce !== true) this.#giveUp(held);
  }

  /** The same of all that has not ended. */
  giveUp(): void {
    for (const held of this.#held.values()) this.#giveUp(held);
  }

  #listenerOf(held: Held): AttemptListener {
    const { piece } = held;
    return {
      ended: (end) => this.#ended(held, end),
      reported: (json) => {
        const isHeld = this.#held.get(keyOf(piece)) === held;
        if (isHeld && held.end === undefined) this.#progress.add(piece, json);
      },
    };
  }

  #tellHeld(): void {
    const link = this.#links;
    const told = [...this.#held.values()];
    const names = told.map(({ piece: { id, n } }): HoldingPiece => ({ id, n }));
    // What of these is not held is asked for again anyway.
    names.push(...this.#calls.sent.map((id) => ({ id, n: 1 })));
    const pieces = names.map((head) => ({ head, bytes: EMPTY }));
    const isSent = exchange(this.#deps.open, { op: "holding", pieces }, (reply) => {
      if (link !== this.#links) return;
      const abandoned = readAbandoned(reply, names.length);
      if (abandoned === undefined) return this.#retryLater();
      this.abandon(abandoned.flatMap((at) => told[at]?.piece ?? []));
      this.#isAgreed = true;
      this.#attempt = 0;
      this.#flush();
      this.#calls.agreed();
    });
    if (!isSent) this.#retryLater();
  }

  #giveUp(held: Held): void {
    if (held.end !== undefined) return;
    this.#ended(held, { outcome: "cancelled" });
    held.running?.cancel();
  }

  #ended(held: Held, end: AttemptEnd): void {
    const isHeld = this.#held.get(keyOf(held.piece)) === held;
    if (!isHeld || held.end !== undefined) return;
    const { bytes = EMPTY } = end;
    const isCut = end.isCut === true || this.#resultBytes + bytes.length > this.#resultBytesMax;
    const kept = isCut ? EMPTY : bytes;
    this.#resultBytes += kept.length;
    const head = settlePieceOf(held, { ...end, isCut }, this.#deps.clock.wallMs());
    held.end = { head, bytes: kept };
    this.#unsent.add(held as Ended);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#deps.scheduleFlush(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#isAgreed) return;
    // The last report of one that has ended comes before its end.
    this.#progress.flush();
    const all = [...this.#unsent];
    for (let at = 0; at < all.length;) {
      const next = all.slice(at, at + LEDGER_WIRE.piecesMax);
      const batch = next.slice(0, fitting(next.map(({ end }) => end)));
      if (!this.#send(batch)) return this.#retryLater();
      for (const held of batch) this.#unsent.delete(held);
      at += batch.length;
    }
  }

  #send(batch: readonly Ended[]): boolean {
    const pieces = batch.map(({ end }) => end);
    return exchange(this.#deps.open, { op: "settle", pieces }, (reply) =>
      this.#acknowledged(batch, readSettleResults(reply, batch.length)),
    );
  }

  #acknowledged(batch: readonly Ended[], results: readonly SettleResult[] | undefined): void {
    if (results !== undefined) {
      this.#attempt = 0;
      for (const [i, held] of batch.entries()) this.#forget(held, results[i] ?? "stale");
      return;
    }
    for (const held of batch)
      if (this.#held.get(keyOf(held.piece)) === held) this.#unsent.add(held);
    this.#retryLater();
  }

  #forget(held: Held, result: SettleResult): void {
    const key = keyOf(held.piece);
    if (this.#held.get(key) !== held) return;
    this.#held.delete(key);
    this.#progress.forget(held.piece);
    this.#unsent.delete(held as Ended);
    this.#resultBytes -= held.end?.bytes.length ?? 0;
    held.own?.told(result);
    if (this.#held.size === 0) this.#onEmpty();
  }

  /** On this link; the next one begins anew. */
  #retryLater(): void {
    if (this.#cancelRetry !== undefined) return;
    const { clock, random } = this.#deps;
    const waitMs = backoffMs(this.#attempt, RETRY, random);
    this.#attempt += 1;
    const again = (): void => {
      this.#cancelRetry = undefined;
      if (this.#isAgreed) this.#flush();
      else this.#tellHeld();
    };
    this.#cancelRetry = clock.schedule(waitMs, again, { background: true });
  }
}

function keyOf({ id, n }: HoldingPiece): string {
  return `${id}/${n}`;
}

function settlePieceOf({ piece, from }: Held, end: AttemptEnd, to: number): SettlePiece {
  const { id, n, r } = piece;
  const { outcome: o, status: s, contentType: ct, error: e, headers: h } = end;
  return {
    ...{ id, n, r, o, from, to },
    ...(s === undefined ? {} : { s }),
    ...(ct === undefined ? {} : { ct }),
    ...(end.isCut === true ? { cut: true as const } : {}),
    ...(e === undefined ? {} : { e }),
    ...(h === undefined ? {} : { h }),
    ...(end.isWithdrawn === true ? { w: true as const } : {}),
  };
}

/**
 * Has invocations written down. What comes in one turn of the event loop leaves in one stream, and
 * is written in one commit. A stream without a proper answer is sent again with the same ids, which
 * control writes once however often they are told; so a lost link costs a caller time, and neither
 * loses nor doubles anything. What one caller asks for together stays in one stream. After `waitMs`
 * the caller is told the truth: that nothing was accepted when it never left, else that it is not
 * known.
 */
import { assert, type Cancel, type PlatformError } from "@skerry/base";
import { LEDGER_WIRE, type AcceptPiece, type AcceptResult } from "@skerry/contracts";
import type { Piece } from "@skerry/link";
import { failLedger } from "./errors.ts";
import { exchange, fittingGroups } from "./exchange.ts";
import type { LedgerClientDeps } from "./ports.ts";
import { SendTurns } from "./send-turns.ts";
import { readAcceptResults } from "./words.ts";

/** What one caller waits for. */
interface Waiting {
  readonly pieces: readonly Piece<AcceptPiece>[];
  readonly endMs: number;
  wasSent: boolean;
  resolve(results: readonly AcceptResult[]): void;
  reject(error: PlatformError): void;
}

const RETRY_AFTER_MS = 1_000;

export class Accepts {
  readonly #deps: LedgerClientDeps;
  readonly #waitMs: number;
  /** Not answered yet, the oldest first. */
  readonly #waiting = new Set<Waiting>();
  /** Of these, what is not under way. */
  #queue: Waiting[] = [];
  readonly #turns: SendTurns;
  #cancelExpiry: Cancel | undefined;

  constructor(deps: LedgerClientDeps, waitMs: number) {
    this.#deps = deps;
    this.#turns = new SendTurns(deps, () => this.#flush());
    this.#waitMs = waitMs;
  }

  /**
   * Resolves with one result each, in order, when they are on disk or refused: those that are not
   * refused are written in one commit. At most `LEDGER_WIRE.piecesMax`. Rejects with LEDGER_AWAY or
   * LEDGER_UNCONFIRMED.
   */
  accept(pieces: readonly Piece<AcceptPiece>[]): Promise<readonly AcceptResult[]> {
    assert(pieces.length <= LEDGER_WIRE.piecesMax, "more than one stream holds");
    return new Promise((resolve, reject) => {
      const endMs = this.#deps.clock.monotonicMs() + this.#waitMs;
      const waiting = { pieces, endMs, wasSent: false, resolve, reject };
      this.#waiting.add(waiting);
      this.#queue.push(waiting);
      this.#turns.soon();
      if (this.#cancelExpiry === undefined) this.#awaitExpiry(this.#waitMs);
    });
  }

  /** There is a new link. */
  linked(): void {
    this.#turns.heard();
    if (this.#queue.length > 0) this.#turns.soon();
  }

  /** Tells everybody who waits that nothing more will be known. */
  close(): void {
    this.#turns.close();
    this.#cancelExpiry?.();
    for (const waiting of this.#waiting) this.#giveUp(waiting);
    this.#queue = [];
  }

  #flush(): void {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, fittingGroups(this.#queue));
      if (this.#send(batch)) continue;
      this.#queue.unshift(...batch);
      return this.#turns.later();
    }
  }

  #send(batch: readonly Waiting[]): boolean {
    const [only] = batch;
    const all = batch.length === 1 ? only?.pieces : batch.flatMap(({ pieces }) => pieces);
    const pieces = all ?? [];
    const isSent = exchange(this.#deps.open, { op: "accept", pieces }, (reply) =>
      this.#answered(batch, readAcceptResults(reply, pieces.length)),
    );
    if (isSent) for (const waiting of batch) waiting.wasSent = true;
    return isSent;
  }

  #answered(batch: readonly Waiting[], results: readonly AcceptResult[] | undefined): void {
    if (results === undefined) {
      this.#queue.unshift(...batch.filter((waiting) => this.#waiting.has(waiting)));
      if (this.#queue.length > 0) this.#turns.later();
      return;
    }
    this.#turns.heard();
    let at = 0;
    for (const waiting of batch) {
      const own = results.slice(at, at + waiting.pieces.length);
      at += own.length;
      if (!this.#waiting.delete(waiting)) continue;
      waiting.resolve(own.map((result, i) => asTold(waiting.pieces[i], result)));
    }
  }

  /** All wait equally long: the order in which they came is the order in which they expire. */
  #awaitExpiry(waitMs: number): void {
    this.#cancelExpiry = this.#deps.clock.schedule(
      waitMs,
      () => {
        this.#cancelExpiry = undefined;
        const nowMs = this.#deps.clock.monotonicMs();
        for (const waiting of this.#waiting) {
          if (waiting.endMs > nowMs) return this.#awaitExpiry(waiting.endMs - nowMs);
          this.#giveUp(waiting);
        }
        this.#queue = this.#queue.filter((waiting) => this.#waiting.has(waiting));
      },
      { background: true },
    );
  }

  #giveUp(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    const reason = waiting.wasSent ? "LEDGER_UNCONFIRMED" : "LEDGER_AWAY";
    waiting.reject(failLedger(reason, { waitedMs: this.#waitMs, retryAfterMs: RETRY_AFTER_MS }));
  }
}

/** It was told twice by us, not by the caller. */
function asTold(piece: Piece<AcceptPiece> | undefined, result: AcceptResult): AcceptResult {
  const isOwn = result.ok && result.repeated && result.id === piece?.head.id;
  return isOwn ? { ...result, repeated: false } : result;
}

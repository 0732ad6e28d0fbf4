/**
 * Has calls with an idempotency key written down and held for this gateway, and asks for the
 * answers of those that somebody else makes or made. What comes in one turn of the event loop
 * leaves in one stream. A stream without a proper answer is sent again with the same ids: what was
 * held by it still is, unless this gateway was taken for lost meanwhile. From the moment that a
 * call leaves it is named among what is held here, so that a new link does not take it away.
 */
import { backoffMs, delay, type Cancel, type PlatformError, type RequestId } from "@skerry/base";
import type { AnswerPiece, AnswerReply, CallPiece, CallResult } from "@skerry/contracts";
import { failLedger } from "./errors.ts";
import { exchange, fitting } from "./exchange.ts";
import type { LedgerClientDeps } from "./ports.ts";
import { RETRY, SendTurns } from "./send-turns.ts";
import { readAnswerReply, readCallResults } from "./words.ts";

interface Waiting {
  readonly head: CallPiece;
  readonly bytes: Uint8Array;
  cancelTimer: Cancel;
  wasSent: boolean;
  /** Its answer may still come. */
  isUnderWay: boolean;
  resolve(result: CallResult): void;
  reject(error: PlatformError): void;
}

const RETRY_AFTER_MS = 1_000;
const EMPTY = new Uint8Array(0);

export interface CallsOptions {
  /** How long a call is tried for. */
  readonly waitMs: number;
  /** Control knows what is held here: calls may leave. */
  readonly isAgreed: () => boolean;
  /** It is held here, or may be, but its caller was told before that nothing is known. */
  readonly late: (head: CallPiece) => void;
}

export class Calls {
  readonly #deps: LedgerClientDeps;
  readonly #options: CallsOptions;
  /** Not answered yet, the oldest first. */
  readonly #waiting = new Map<RequestId, Waiting>();
  /** Of these, what is not under way. */
  #queue: Waiting[] = [];
  readonly #turns: SendTurns;

  constructor(deps: LedgerClientDeps, options: CallsOptions) {
    this.#deps = deps;
    this.#turns = new SendTurns(deps, () => this.#flush());
    this.#options = options;
  }

  /** Sent, and perhaps held here by now. */
  get sent(): readonly RequestId[] {
    return [...this.#waiting.values()].flatMap(({ head, wasSent }) => (wasSent ? [head.id] : []));
  }

  /** Resolves when it is on disk or refused. Rejects with LEDGER_AWAY or LEDGER_UNCONFIRMED. */
  async call(head: CallPiece, bytes: Uint8Array): Promise<CallResult> {
    return await new Promise((resolve, reject) => {
      const expire = (): void => this.#giveUp(waiting);
      const cancelTimer = this.#deps.clock.schedule(this.#options.waitMs, expire, {
        background: true,
      });
      const state = { wasSent: false, isUnderWay: false };
      const waiting: Waiting = { head, bytes, cancelTimer, ...state, resolve, reject };
      this.#waiting.set(head.id, waiting);
      this.#queue.push(waiting);
      this.#turns.soon();
    });
  }

  /**
   * How an invocation ended; undefined when it is open after `waitMs`, or nobody answered. Asked
   * again until then.
   */
  async answer(piece: AnswerPiece, waitMs: number): Promise<AnswerReply | undefined> {
    const { clock, random } = this.#deps;
    const endMs = clock.monotonicMs() + waitMs;
    for (let attempt = 0; ;) {
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) return undefined;
      const reply = await this.#askOnce(piece, leftMs);
      if (reply !== undefined && reply.state !== "open") return reply;
      attempt = reply === undefined ? attempt + 1 : 0;
      if (reply === undefined) await delay(clock, backoffMs(attempt, RETRY, random));
    }
  }

  /** Control knows what is held here, on a new link. */
  agreed(): void {
    this.#turns.heard();
    if (this.#queue.length > 0) this.#turns.soon();
  }

  /** Tells everybody who waits that nothing more will be known. */
  close(): void {
    this.#turns.close();
    for (const waiting of [...this.#waiting.values()]) this.#giveUp(waiting);
  }

  /** Undefined when nothing was heard. */
  async #askOnce(piece: AnswerPiece, waitMs: number): Promise<AnswerReply | undefined> {
    return await new Promise((resolve) => {
      const cancelTimer = this.#deps.clock.schedule(waitMs, () => resolve(undefined));
      const pieces = [{ head: piece, bytes: EMPTY }];
      const isSent = exchange(this.#deps.open, { op: "answer", pieces }, (reply) => {
        cancelTimer();
        resolve(readAnswerReply(reply));
      });
      if (isSent) return;
      cancelTimer();
      resolve(undefined);
    });
  }

  #flush(): void {
    this.#queue = this.#queue.filter(({ head }) => this.#waiting.has(head.id));
    // On a new link `agreed` goes on.
    while (this.#queue.length > 0 && this.#options.isAgreed()) {
      const batch = this.#queue.splice(0, fitting(this.#queue));
      if (this.#send(batch)) continue;
      this.#queue.unshift(...batch);
      return this.#turns.later();
    }
  }

  #send(batch: readonly Waiting[]): boolean {
    const isSent = exchange(this.#deps.open, { op: "call", pieces: batch }, (reply) =>
      this.#answered(batch, readCallResults(reply, batch.length)),
    );
    if (isSent) for (const waiting of batch) waiting.wasSent = waiting.isUnderWay = true;
    return isSent;
  }

  #answered(batch: readonly Waiting[], results: readonly CallResult[] | undefined): void {
    for (const waiting of batch) waiting.isUnderWay = false;
    if (results === undefined) {
      const isWaiting = ({ head }: Waiting): boolean => this.#waiting.has(head.id);
      for (const { head } of batch.filter((one) => !isWaiting(one))) this.#options.late(head);
      this.#queue.unshift(...batch.filter(isWaiting));
      if (this.#queue.length > 0) this.#turns.later();
      return;
    }
    this.#turns.heard();
    for (const [i, waiting] of batch.entries()) {
      const result = results[i];
      if (result === undefined) continue;
      if (this.#end(waiting)) waiting.resolve(result);
      else if (result.ok && result.held) this.#options.late(waiting.head);
    }
  }

  #giveUp(waiting: Waiting): void {
    if (!this.#end(waiting)) return;
    const reason = waiting.wasSent ? "LEDGER_UNCONFIRMED" : "LEDGER_AWAY";
    const details = { waitedMs: this.#options.waitMs, retryAfterMs: RETRY_AFTER_MS };
    waiting.reject(failLedger(reason, details));
    // Nobody asks any more whether it was written: it must not stay held by whoever never makes it.
    if (waiting.wasSent && !waiting.isUnderWay) this.#options.late(waiting.head);
  }

  /** False when it has ended before. */
  #end(waiting: Waiting): boolean {
    waiting.cancelTimer();
    return this.#waiting.delete(waiting.head.id);
  }
}

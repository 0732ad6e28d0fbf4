/**
 * Has messages of functions written into topics. What comes in one turn leaves in one stream.
 * Unlike an acceptance a message has no name: told twice it is there twice. So what never left is
 * tried until its time is over, and what left and got no answer is not sent again: whoever
 * publishes is told that it is not known. Under an idempotency key it may be sent again, and is.
 */
import type { Cancel, PlatformError } from "@skerry/base";
import { failReach, type PublishPiece, type PublishResult } from "@skerry/contracts";
import { exchange, fitting } from "./exchange.ts";
import type { LedgerClientDeps } from "./ports.ts";
import { SendTurns } from "./send-turns.ts";
import { readPublishResults } from "./words.ts";

interface Waiting {
  readonly head: PublishPiece;
  readonly bytes: Uint8Array;
  readonly waitMs: number;
  cancelTimer: Cancel;
  wasSent: boolean;
  isOver: boolean;
  resolve(result: PublishResult): void;
  reject(error: PlatformError): void;
}

/** So that the places of all their messages fit into one reply. */
const PIECES_MAX = 50;

export class Publishes {
  readonly #deps: LedgerClientDeps;
  /** What is not under way. */
  #queue: Waiting[] = [];
  readonly #sent = new Set<Waiting>();
  readonly #turns: SendTurns;

  constructor(deps: LedgerClientDeps) {
    this.#deps = deps;
    this.#turns = new SendTurns(deps, () => this.#flush());
  }

  /**
   * Resolves when all of it is on disk, or refused. Rejects with PUBLISH_AWAY, nothing having left,
   * or PUBLISH_UNCONFIRMED: at once when its answer was lost, but with a key when its time is over.
   */
  async publish(head: PublishPiece, bytes: Uint8Array, waitMs: number): Promise<PublishResult> {
    return await new Promise((resolve, reject) => {
      const state = { cancelTimer: () => undefined, wasSent: false, isOver: false };
      const waiting: Waiting = { head, bytes, waitMs, ...state, resolve, reject };
      const expire = (): void => this.#giveUp(waiting, "its time was over");
      waiting.cancelTimer = this.#deps.clock.schedule(waitMs, expire, { background: true });
      this.#queue.push(waiting);
      this.#turns.soon();
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
    for (const waiting of [...this.#queue, ...this.#sent]) {
      this.#giveUp(waiting, "this gateway is being stopped");
    }
  }

  #flush(): void {
    this.#queue = this.#queue.filter(({ isOver }) => !isOver);
    while (this.#queue.length > 0) {
      const count = Math.min(PIECES_MAX, fitting(this.#queue));
      if (!this.#send(this.#queue.slice(0, count))) return this.#turns.later();
      this.#queue.splice(0, count);
    }
  }

  #send(batch: readonly Waiting[]): boolean {
    const isSent = exchange(this.#deps.open, { op: "publish", pieces: batch }, (reply) =>
      this.#answered(batch, readPublishResults(reply, batch.length)),
    );
    if (!isSent) return false;
    this.#turns.heard();
    for (const waiting of batch) {
      waiting.wasSent = true;
      this.#sent.add(waiting);
    }
    return true;
  }

  #answered(batch: readonly Waiting[], results: readonly PublishResult[] | undefined): void {
    for (const [i, waiting] of batch.entries()) {
      const result = results?.[i];
      if (result !== undefined) {
        if (this.#end(waiting)) waiting.resolve(result);
      } else if (!waiting.isOver && hasKey(waiting.bytes)) {
        this.#sent.delete(waiting);
        this.#queue.push(waiting);
      } else {
        this.#giveUp(waiting, "the link to control was lost");
      }
    }
    if (this.#queue.length > 0) this.#turns.later();
  }

  #giveUp(waiting: Waiting, why: string): void {
    if (!this.#end(waiting)) return;
    const { head, waitMs: waitedMs, wasSent } = waiting;
    const details = { topic: head.t, waitedMs, why };
    waiting.reject(failReach(wasSent ? "PUBLISH_UNCONFIRMED" : "PUBLISH_AWAY", details));
  }

  /** False when it has ended before. */
  #end(waiting: Waiting): boolean {
    if (waiting.isOver) return false;
    waiting.isOver = true;
    waiting.cancelTimer();
    this.#sent.delete(waiting);
    return true;
  }
}

/** They are the function's words; only control reads them otherwise. */
function hasKey(bytes: Uint8Array): boolean {
  try {
    const said: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof (said as { idempotencyKey?: unknown } | null)?.idempotencyKey === "string";
  } catch {
    return false;
  }
}

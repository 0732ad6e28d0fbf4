/**
 * A gateway's side of the ledger (ADR 0039): has invocations written down by control, makes the
 * attempts that control gives it, and tells how they ended. It keeps no state on disk: what is
 * accepted and what is settled is on control's.
 */
import { assert, delay, type RequestId, type WireError } from "@skerry/base";
import {
  LEDGER_WIRE,
  type AcceptPiece,
  type AcceptResult,
  type AnswerPiece,
  type AnswerReply,
  type CallPiece,
  type CallResult,
  type PublishPiece,
  type PublishResult,
  type RunPiece,
  type RunsReply,
} from "@skerry/contracts";
import { IGNORING_STREAM, type OpenedStream, type Piece, type StreamHandler } from "@skerry/link";
import { Accepts } from "./accepts.ts";
import { Attempts, type OwnAttempt } from "./attempts.ts";
import { Calls } from "./calls.ts";
import { GatheringStream, type Taken } from "./gathering-stream.ts";
import { KeyLooks } from "./key-looks.ts";
import type { LedgerClientDeps, LedgerClientOptions } from "./ports.ts";
import { Publishes } from "./publishes.ts";
import { readHeld, readOp, readRuns } from "./words.ts";

const ACCEPT_WAIT_MS = 10_000;
const RESULT_BYTES_MAX = 256 << 20;
/** After a drain's deadline, for control to write down what was given up. */
const LAST_SETTLE_MS = 1_000;

export class LedgerClient {
  readonly #deps: LedgerClientDeps;
  readonly #accepts: Accepts;
  readonly #attempts: Attempts;
  readonly #publishes: Publishes;
  readonly #calls: Calls;
  readonly #looks = new KeyLooks();
  #isDraining = false;

  constructor(deps: LedgerClientDeps, options: LedgerClientOptions = {}) {
    const { acceptWaitMs = ACCEPT_WAIT_MS, resultBytesMax = RESULT_BYTES_MAX } = options;
    this.#deps = deps;
    this.#accepts = new Accepts(deps, acceptWaitMs);
    this.#publishes = new Publishes(deps);
    this.#calls = new Calls(deps, {
      waitMs: acceptWaitMs,
      isAgreed: () => this.#attempts.isAgreed,
      late: (call) => this.#withdraw(call),
    });
    this.#attempts = new Attempts(deps, resultBytesMax, this.#calls);
  }

  /** Attempts that run here, or whose end control has not written down yet. */
  get held(): number {
    return this.#attempts.size;
  }

  /**
   * Has an invocation written down: resolves when it is on disk, or refused. Rejects with
   * LEDGER_AWAY or LEDGER_UNCONFIRMED when nobody has answered in time. One that may not be let in
   * (`no`) is refused then, and when too many of its function ask.
   */
  async accept(head: AcceptPiece, bytes: Uint8Array): Promise<AcceptResult> {
    const [result] = await this.acceptAll([{ head, bytes }]);
    assert(result !== undefined, "one piece has one result");
    return result;
  }

  /**
   * The same of as many as one stream holds: one result each, in order. Those that are not refused
   * are written in one commit.
   */
  acceptAll(pieces: readonly Piece<AcceptPiece>[]): Promise<readonly AcceptResult[]> {
    const refusals = pieces.flatMap(({ head: { no } }) =>
      no === undefined ? [] : [refusedBy(no)],
    );
    const [first] = pieces;
    const ask = (): Promise<readonly AcceptResult[]> => this.#accepts.accept(pieces);
    if (first === undefined || refusals.length < pieces.length) return ask();
    return this.#looks.look(first.head.f, ask, () => refusals);
  }

  /**
   * Has messages written into a topic: resolves when all are on disk, or refused. Rejects with
   * PUBLISH_AWAY or PUBLISH_UNCONFIRMED when `waitMs` are over, or it cannot be known any more.
   */
  async publish(piece: PublishPiece, bytes: Uint8Array, waitMs: number): Promise<PublishResult> {
    return await this.#publishes.publish(piece, bytes, waitMs);
  }

  /** One more may be held. */
  get hasRoom(): boolean {
    return this.#attempts.hasRoomFor(1);
  }

  /**
   * Has a call with an idempotency key written down and held for this gateway: resolves when it is
   * on disk, or refused. One that is held must be begun at once. Rejects with LEDGER_AWAY or
   * LEDGER_UNCONFIRMED when nobody has answered in time. One that may not be let in (`no`) is never
   * held; it is refused then, and when too many of its function ask.
   */
  async call(piece: CallPiece, payload: Uint8Array): Promise<CallResult> {
    const { f, no } = piece;
    const ask = (): Promise<CallResult> => this.#calls.call(piece, payload);
    return await (no === undefined ? ask() : this.#looks.look(f, ask, () => refusedBy(no)));
  }

  /** Makes the first attempt of a call that is held here. */
  begin(id: RequestId, attempt: OwnAttempt): void {
    this.#attempts.beginOwn(firstOf(id), attempt);
  }

  /** How an invocation ended; undefined when that is not known after `waitMs`. */
  async answer(piece: AnswerPiece, waitMs: number): Promise<AnswerReply | undefined> {
    return await this.#calls.answer(piece, waitMs);
  }

  /** Takes a stream that control opened. Never throws. */
  take(opened: OpenedStream): StreamHandler {
    const op = readOp(opened.head);
    if (op !== "run" && op !== "stop" && op !== "abandon") {
      return refuse(opened, "this role does not serve that");
    }
    if (op === "run" && this.#isDraining) return refuse(opened, "this gateway is being stopped");
    const take = (body: Uint8Array): Taken =>
      op === "run" ? this.#begin(body) : this.#giveUp(op, body);
    return new GatheringStream(opened, { bytesMax: LEDGER_WIRE.bytesMax, take });
  }

  /** Control has said its hello on a new link. */
  linked(): void {
    this.#attempts.linked();
    this.#accepts.linked();
    this.#publishes.linked();
  }

  /** The link is gone, and its streams have failed. */
  lost(): void {
    this.#attempts.lost();
  }

  /**
   * Takes no more attempts, gives those back that have not begun, and waits for those that run. At
   * the deadline the others are given up and told as cancelled. Resolves when control has written
   * down the end of each, or a second after the deadline.
   */
  async drain({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#isDraining = true;
    this.#attempts.giveBackWaiting();
    if (await this.#isEmptyWithin(deadlineMs)) return;
    this.#attempts.giveUp();
    await this.#isEmptyWithin(LAST_SETTLE_MS);
  }

  /** Whoever still waits for an acceptance is told that it is not known. */
  close(): void {
    this.#isDraining = true;
    this.#attempts.lost();
    this.#accepts.close();
    this.#publishes.close();
    this.#calls.close();
  }

  #withdraw(call: CallPiece): void {
    this.#attempts.beginOwn(firstOf(call.id), {
      run: ({ ended }) => {
        ended({ outcome: "cancelled", isWithdrawn: true });
        return undefined;
      },
      told: () => undefined,
    });
  }

  async #isEmptyWithin(waitMs: number): Promise<boolean> {
    const given = new AbortController();
    const late = delay(this.#deps.clock, waitMs, given.signal).then(() => false);
    try {
      return await Promise.race([this.#attempts.whenEmpty().then(() => true), late]);
    } finally {
      late.catch(() => undefined);
      given.abort();
    }
  }

  #begin(body: Uint8Array): Taken {
    const told = readRuns(body);
    if (told === undefined) return { refusal: "attempts that cannot be read" };
    const { runs, unread } = told;
    if (this.#isDraining) return { refusal: "this gateway is being stopped" };
    if (!this.#attempts.hasRoomFor(runs.length)) {
      return { refusal: "this gateway holds as many as it may" };
    }
    this.#attempts.begin(runs);
    if (unread.length === 0) return {};
    this.#deps.log.warn("control gave attempts that cannot be read", { pieces: unread.length });
    const reply: RunsReply = { unread };
    return { reply };
  }

  #giveUp(op: "stop" | "abandon", body: Uint8Array): Taken {
    const pieces = readHeld(body);
    if (pieces === undefined) return { refusal: "attempts that cannot be read" };
    this.#attempts[op](pieces);
    return {};
  }
}

/** A first attempt has the invocation's own id as its request id. */
function firstOf(id: RequestId): Pick<RunPiece, "id" | "n" | "r"> {
  return { id, n: 1, r: id };
}

function refusedBy(error: WireError): Extract<AcceptResult, { ok: false }> {
  return { ok: false, error };
}

function refuse({ stream }: OpenedStream, why: string): StreamHandler {
  // Not while its frame is being dealt with.
  queueMicrotask(() => stream.cancel(why));
  return IGNORING_STREAM;
}

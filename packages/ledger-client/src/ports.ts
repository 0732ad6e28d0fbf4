/** What the gateway's side of the ledger needs from its gateway. */
import type { Clock, Log, Random, WireError } from "@skerry/base";
import type { AttemptOutcome, RunPiece } from "@skerry/contracts";
import type { LinkStream, OpenRequest, ScheduleFlush, StreamHandler } from "@skerry/link";

/** Opens a stream to control; undefined, and nothing was sent, while control is away. */
export type OpenStream = (
  head: string,
  request: OpenRequest,
  handler: StreamHandler,
) => LinkStream | undefined;

/** How an attempt ended. */
export interface AttemptEnd {
  readonly outcome: AttemptOutcome;
  /** Status of the answer, when there was one. */
  readonly status?: number;
  readonly contentType?: string;
  /** The result; absent when there is none. */
  readonly bytes?: Uint8Array;
  /** The result was larger than what is kept of one. */
  readonly isCut?: boolean;
  readonly error?: WireError;
  /** Headers of a call's answer, flat; kept with it. */
  readonly headers?: readonly string[];
  /** A call's first attempt that never began: it is over, and its key is free again. */
  readonly isWithdrawn?: boolean;
}

/** An attempt that has not ended. */
export interface RunningAttempt {
  /** False while it waits for its turn: given up then, nothing of it has happened. */
  readonly hasBegun: boolean;
  /** Asks one that has begun to come to its end, which is told. It is ended when it does not. */
  stop(): void;
  /** Gives it up: nobody hears of its end then. */
  cancel(): void;
}

/** Hears of an attempt. */
export interface AttemptListener {
  /** Called once. */
  ended(end: AttemptEnd): void;
  /** How far it is, as JSON; however often. */
  reported(json: string): void;
}

/**
 * Makes one attempt and tells its end, perhaps before it returns; undefined when it cannot even
 * wait for its turn.
 */
export type RunAttempt = (
  piece: RunPiece,
  payload: Uint8Array,
  told: AttemptListener,
) => RunningAttempt | undefined;

export interface LedgerClientDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Runs once at the end of the turn: what came in it leaves together. */
  readonly scheduleFlush: ScheduleFlush;
  readonly open: OpenStream;
  readonly run: RunAttempt;
}

export interface LedgerClientOptions {
  /** How long an acceptance is tried for; default 10 s. */
  readonly acceptWaitMs?: number;
  /** What is kept of results that control has not written down yet; default 256 MiB. */
  readonly resultBytesMax?: number;
}

/**
 * Where an answer goes that is made in this process: to a client, into a cache, or through one into
 * another. The side that answers calls exactly one of `whole`, `fail` and `begin`, and after
 * `begin` exactly one of `end` and `reset`.
 */
import type { PlatformError } from "@skerry/base";

export interface AnswerHead {
  readonly status: number;
  /** Flat list of names and values. */
  readonly headers: readonly string[];
}

export interface AnswerSink {
  /** Nothing would reach it any more; whoever answers may stop. */
  readonly isGone: boolean;
  /** Takes a whole answer. Never throws. */
  whole(head: AnswerHead, body: Uint8Array): void;
  /** Takes an error of the platform in place of an answer. Never throws. */
  fail(error: PlatformError): void;
  /** Begins an answer in parts; `length` when it is known. Throws when its head cannot be sent. */
  begin(head: AnswerHead, length: number | undefined): void;
  /** False: the next part waits for `drained`. Throws on more bytes than were announced. */
  write(part: Uint8Array): boolean;
  /** Resolves when it takes more; rejects when it is gone. */
  drained(): Promise<void>;
  /** The answer is whole. Never throws. */
  end(): void;
  /** Breaks off what was begun, so that nobody takes it for the whole. Never throws. */
  reset(): void;
}

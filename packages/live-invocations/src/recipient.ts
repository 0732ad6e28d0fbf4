/**
 * Where the answer of an invocation goes: to an HTTP client, or to the instance whose handler made
 * the call. The invocation decides what leaves and when; a recipient only knows how.
 */
import type { PlatformError } from "@skerry/base";
import type { ReplyHead } from "@skerry/contracts";
import type { Shown } from "./answer.ts";
import type { SwitchedConnection, SwitchedInit } from "./switched.ts";

export interface Recipient {
  /** Nothing would reach it any more. */
  readonly isGone: boolean;
  /** Sends a whole answer. Never throws. */
  sendWhole(answer: Shown & { readonly head: ReplyHead; readonly body: Uint8Array }): void;
  /** Sends an error of the platform. Never throws. */
  sendFailure(error: PlatformError, shown: Shown): void;
  /** Begins an answer in parts; throws when its head cannot be sent. */
  begin(head: ReplyHead, shown: Shown): void;
  /**
   * Answers 101 and joins the client's connection to the stream; undefined when the client did not
   * ask for it. Throws when the head cannot be sent or names another protocol.
   */
  switchProtocols?(
    head: ReplyHead,
    shown: Shown,
    side: Pick<SwitchedInit, "owner" | "stream">,
  ): SwitchedConnection | undefined;
  /** False: the next part waits for `drained`. Throws on more bytes than the head announced. */
  write(part: Uint8Array): boolean;
  /** Resolves when the recipient takes more; rejects when it is gone. */
  drained(): Promise<void>;
  /** Ends what `begin` or `switchProtocols` began, with a last part. Never throws. */
  end(last: Uint8Array): void;
  /** Breaks off what was begun, so that nobody takes it for the whole. Never throws. */
  reset(): void;
}

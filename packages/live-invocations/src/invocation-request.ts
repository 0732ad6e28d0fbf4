/** What is asked of a function, from outside or by the handler of another. */
import type { RequestId } from "@skerry/base";
import type { ActionFacts, InvocationFacts } from "@skerry/contracts";
import type { RequestTrace } from "@skerry/requests";
import type { AliasTally } from "./alias-tally.ts";

export interface InvocationRequest {
  readonly id: RequestId;
  /** HTTP method, or `EVENT`. */
  readonly method: string;
  readonly url: string;
  readonly authority: string;
  /** What the function may see, flat. */
  readonly headers: readonly string[];
  readonly arrivedMs: number;
  readonly startWallMs: number;
  /** The caller holds a key for this function and is shown the anatomy. */
  readonly showsAnatomy: boolean;
  /** Undefined unless the caller sent a trace. */
  readonly trace: RequestTrace | undefined;
  /** Protocol that the client asks to switch to. */
  readonly upgrade?: string | undefined;
  /** Set when the handler of another request calls. */
  readonly call?: CallFacts;
  /** Of the alias that it was called by, if it was. */
  readonly alias?: AliasTally | undefined;
  /** Base64 of JSON, checked. */
  readonly clientContext?: string | undefined;
  /** The accepted invocation that it is an attempt of. */
  readonly attempt?: InvocationFacts;
  /** The action that it is a run of. */
  readonly action?: ActionFacts | undefined;
  /** Of an attempt: its caller waits, and the function's own timeout bounds it. */
  readonly isCall?: boolean;
  /** Who follows how far that attempt is. */
  readonly side?: AttemptSide;
}

/** It is bounded by the timeout of attempts, not by that of calls. */
export function isLong({ attempt, isCall }: Pick<InvocationRequest, "attempt" | "isCall">) {
  return attempt !== undefined && isCall !== true;
}

/** What follows an attempt while its handler runs. */
export interface AttemptSide {
  /** It is sent to its instance. */
  begun(): void;
  /** Its handler has said how far it is; undefined when only that it is alive. */
  heard(value: unknown): void;
}

/** What a call has from the request whose handler makes it. */
export interface CallFacts {
  readonly parentId: RequestId;
  /** How many calls lie between it and a request from outside, itself included. */
  readonly depth: number;
  /** When its caller stops waiting, on the monotonic clock. */
  readonly deadlineMs: number;
}

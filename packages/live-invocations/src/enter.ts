/** The last step of every way in: a request whose body is there gets in line for its function. */
import type { PlatformError } from "@skerry/base";
import { failFunction, type FunctionEntry } from "@skerry/contracts";
import type { ComingBodies } from "./coming-bodies.ts";
import type { Invocation, InvocationOwner } from "./invocation.ts";
import type { Upload } from "./upload.ts";

/** A function, as its callers see it; the function's shell fits. */
export interface Callee extends InvocationOwner {
  readonly coming: ComingBodies;
  /**
   * Counts one more invocation as under way, until it has ended, or says why there may not be one
   * now.
   */
  admit(): PlatformError | undefined;
  /** Its turn comes when there is a slot. */
  arrive(invocation: Invocation): void;
}

/** A body that found no room may find some after this long. */
const BODY_RETRY_MS = 1_000;

/** Does nothing for a request that ended while its body was read. */
export function enter(callee: Callee, invocation: Invocation, body: Uint8Array | Upload): void {
  if (invocation.phase !== "reading") return;
  invocation.queued(body);
  callee.arrive(invocation);
}

/** What a caller is told whose request body would be one too many. */
export function noRoom({ app, name }: FunctionEntry): PlatformError {
  const why = "the gateway holds as many request bodies as it may";
  const details = { function: `${app}/${name}`, why, retryAfterMs: BODY_RETRY_MS };
  return failFunction("FUNCTION_THROTTLED", details);
}

/**
 * What a request is told that came to an instance and got no answer to pass on, and how that is
 * metered. What those are told that the router does not let in is in `rejection.ts`.
 */
import type { InstanceEnd } from "@skerry/instance-links";
import type { PlatformError } from "@skerry/base";
import {
  attemptTimeoutOf,
  failFunction,
  LIMITS,
  type FunctionEntry,
  type InstanceExit,
  type Outcome,
  type ReplyHead,
} from "@skerry/contracts";
import { isLong, type InvocationRequest } from "./invocation-request.ts";

/** How the request is metered, and what its caller is told instead of an answer. */
export interface Unanswered {
  readonly outcome: Outcome;
  readonly error: PlatformError;
}

type Said = Pick<NonNullable<ReplyHead["e"]>, "kind" | "message" | "name">;

/** The handler threw, or its runtime could not send what it returned. */
export function failedAs(entry: FunctionEntry, requestId: string, said: Said): Unanswered {
  if (said.kind === "too_large") return answeredTooMuch(entry);
  if (said.kind === "bad_response") return answeredBadly(entry, said.message);
  const thrown = { errorName: said.name ?? "Error", errorMessage: said.message, requestId };
  const error = failFunction("FUNCTION_FAILED", { function: nameOf(entry), ...thrown });
  return { outcome: "function_error", error };
}

/** The answer broke the rules; `why` is shown. */
export function answeredBadly(entry: FunctionEntry, why: string): Unanswered {
  const error = failFunction("FUNCTION_BAD_RESPONSE", { function: nameOf(entry), why });
  return { outcome: "bad_response", error };
}

/** The answer is larger than what is passed on whole. */
export function answeredTooMuch(entry: FunctionEntry): Unanswered {
  const details = { function: nameOf(entry), what: "answer", bytesMax: LIMITS.payloadBytesMax };
  return { outcome: "too_large", error: failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details) };
}

/** It could not even be sent. */
export function notSent(entry: FunctionEntry, cause: unknown): Unanswered {
  const why = (cause as Error).message;
  const error = failFunction("FUNCTION_UNAVAILABLE", { function: nameOf(entry), why }, cause);
  return { outcome: "unavailable", error };
}

/** No answer within the function's own timeout, or within that of an attempt. */
export function tookTooLong(
  entry: FunctionEntry,
  request: Pick<InvocationRequest, "id" | "attempt" | "isCall">,
): Unanswered {
  const { config } = entry.latest;
  const timeoutMs = isLong(request) ? attemptTimeoutOf(config) : config.timeoutMs;
  const details = { function: nameOf(entry), timeoutMs, requestId: request.id };
  return { outcome: "timeout", error: failFunction("FUNCTION_TIMEOUT", details) };
}

/** Its instance went down with the agent that kept it. */
export function wentWithAgent(entry: FunctionEntry): Unanswered {
  const error = failFunction("FUNCTION_INSTANCE_LOST", { function: nameOf(entry) });
  return { outcome: "unavailable", error };
}

/** A handler that has to report did not. */
export function saidNothing(entry: FunctionEntry, heartbeatMs: number): Unanswered {
  const details = { function: nameOf(entry), heartbeatMs };
  return { outcome: "timeout", error: failFunction("FUNCTION_HEARTBEAT_MISSED", details) };
}

/** Asked to come to its end, it did not in time. */
export function wasCancelled(entry: FunctionEntry, graceMs: number): Unanswered {
  const details = { function: nameOf(entry), graceMs };
  return { outcome: "cancelled", error: failFunction("FUNCTION_CANCELLED", details) };
}

/** Its instance ended before the answer did. */
export function diedWith(entry: FunctionEntry, end: InstanceEnd): Unanswered {
  const fn = nameOf(entry);
  const exit = end.kind === "cut" ? undefined : end.exit;
  if (exit?.stopped === true) {
    return { outcome: "unavailable", error: failFunction("FUNCTION_STOPPED", { function: fn }) };
  }
  if (exit?.outOfMemory === true) {
    const details = { function: fn, memoryMb: entry.latest.config.memoryMb };
    return { outcome: "out_of_memory", error: failFunction("FUNCTION_OUT_OF_MEMORY", details) };
  }
  const said = end.kind === "cut" ? end.why : describeExit(exit);
  const error = failFunction("FUNCTION_CRASHED", { function: fn, exit: said });
  return { outcome: "crashed", error };
}

function describeExit(exit: InstanceExit | undefined): string {
  if (typeof exit?.signal === "string") return `signal ${exit.signal}`;
  return typeof exit?.code === "number" ? `exit code ${exit.code}` : "its link ended";
}

function nameOf({ app, name }: FunctionEntry): string {
  return `${app}/${name}`;
}

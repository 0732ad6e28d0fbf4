/**
 * Calls an event handler: with an invocation's own event, or with an HTTP event for a call of the
 * function's URL.
 */
import { PlatformError } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Answer, AnswerFault, EventShapes } from "@skerry/event-shapes";
import type { Call } from "./call.ts";
import { ANSWER_TOO_LARGE, fail } from "./errors.ts";
import { answerFromResponse, isResponse } from "./fetch-call.ts";
import { InvocationContext, type InstanceFacts } from "./invocation-context.ts";
import type { Surroundings } from "./ports.ts";
import { isThenable } from "./thenable.ts";
import { describeError } from "./user-error.ts";

export interface EventDeps extends Surroundings {
  readonly facts: InstanceFacts;
  readonly shapes: EventShapes;
  readonly payloadBytesMax: number;
  /** Reports what the handler threw, in reply and log. */
  readonly threw: (call: Call, error: unknown) => void;
}

export type EventHandler = (event: unknown, context: unknown, callback?: unknown) => unknown;

/** Runs one request to its answer. Never rejects. */
export async function runEvent(call: Call, handler: EventHandler, deps: EventDeps): Promise<void> {
  const body = call.body.whole ?? (await collectBody(call));
  if (body === undefined) return;
  const { shapes } = deps;
  const invocation = call.head.m === "EVENT";
  let event: unknown;
  try {
    event = invocation ? shapes.eventOf(call.head, body) : shapes.httpEventOf(call.head, body);
  } catch (error) {
    refuse(call, fail("EVENT_NOT_JSON", { why: (error as Error).message }));
    return;
  }
  let result: unknown;
  try {
    result = handler(event, new InvocationContext(call, deps.facts));
    if (isThenable(result)) result = await result;
  } catch (error) {
    if (error === ANSWER_TOO_LARGE) tooLarge(call, deps);
    else deps.threw(call, error);
    return;
  }
  if (call.gone) return;
  const made = answerOf(result, invocation ? shapes.answerOfInvocation : shapes.answerFromResult);
  if (made === "response") await answerFromResponse(call, result, deps);
  else if ("fault" in made) badResponse(call, made, deps);
  else if ((made.body?.length ?? 0) > deps.payloadBytesMax) tooLarge(call, deps);
  else call.answer(made);
}

/**
 * Looking at a result may run user code, in getters and proxies; what that throws is a fault of the
 * result.
 */
function answerOf(
  result: unknown,
  make: EventShapes["answerFromResult"],
): Answer | AnswerFault | "response" {
  try {
    return isResponse(result) ? "response" : make(result);
  } catch (error) {
    return { fault: `it cannot be read (${describeError(error).message})` };
  }
}

async function collectBody(call: Call): Promise<Uint8Array | undefined> {
  try {
    return await call.body.collect(LIMITS.payloadBytesMax);
  } catch (error) {
    if (!call.gone) refuse(call, PlatformError.from(error));
    return undefined;
  }
}

/** The caller's mistake, not the function's: an ordinary answer with the error's wire form. */
function refuse(call: Call, error: PlatformError): void {
  const body = Buffer.from(JSON.stringify({ error: error.toWire() }));
  call.answer({ status: error.httpStatus, headers: ["content-type", "application/json"], body });
}

function badResponse(call: Call, { fault }: AnswerFault, { log }: EventDeps): void {
  log("error", `The answer cannot be sent: ${fault}`, call.id);
  call.failed({ kind: "bad_response", name: "BadResponse", message: fault });
}

function tooLarge(call: Call, { log, payloadBytesMax }: EventDeps): void {
  const message = `The answer is larger than ${payloadBytesMax} bytes.`;
  log("error", message, call.id);
  call.failed({ kind: "too_large", name: "AnswerTooLarge", message });
}

/** What handlers of events are given, and what is made of their results. */
import type { RequestHead } from "@skerry/contracts";
import type { Answer } from "./answer.ts";
import type { AnswerFault } from "./http-event.ts";

/** None of it is for one request: it is chosen once, when code is loaded. */
export interface EventShapes {
  /** Of an invocation. Throws for what is no JSON. */
  readonly eventOf: (head: RequestHead, body: Uint8Array) => unknown;
  readonly answerOfInvocation: (result: unknown) => Answer | AnswerFault;
  /** Of a call of the URL. */
  readonly httpEventOf: (head: RequestHead, body: Uint8Array) => unknown;
  readonly answerFromResult: (result: unknown) => Answer | AnswerFault;
}

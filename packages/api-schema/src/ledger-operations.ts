/** Operations on accepted invocations: rows of the one table like all others. */
import { qualifier } from "@skerry/contracts/schemas";
import { z } from "zod";
import {
  acceptAnswer,
  acceptedInvocation,
  acceptedInvocationDetails,
  acceptedInvocationsQuery,
  acceptRequest,
  cancelAnswer,
  functionLane,
  invocationMoment,
} from "./ledger-resources.ts";
import { pageOf } from "./resources.ts";

const LIST = "/v1/invocations";
const ONE = `${LIST}/{request}`;

const READ = { method: "GET", action: "invocations.read", status: 200, mutates: false } as const;
const CHANGE = { method: "POST", action: "invocations.write", mutates: true } as const;

/** Rows for `OPERATIONS`. */
export const LEDGER_OPERATIONS = {
  acceptInvocation: {
    method: "POST",
    path: "/v1/apps/{app}/functions/{fn}/invocations",
    action: "functions.invoke",
    summary: "Accept an event for a function, to be run later",
    about:
      "Accepted is on disk: it is run at least once, and comes to exactly one end. It has no audit " +
      "record, like a call; its own `idempotencyKey`, or the header `Idempotency-Key`, makes it " +
      "safe to send again.",
    body: acceptRequest,
    answer: acceptAnswer,
    status: 202,
    mutates: false,
    once: "unless keyed",
  },
  getFunctionLane: {
    ...READ,
    path: "/v1/apps/{app}/functions/{fn}/lane",
    summary: "How a function stands with what was accepted for it",
    answer: functionLane,
  },
  listAcceptedInvocations: {
    ...READ,
    path: LIST,
    summary: "Accepted invocations, newest first",
    about: "A page may be short although there is another: go on while `nextCursor` is not null.",
    query: acceptedInvocationsQuery,
    answer: pageOf(acceptedInvocation),
  },
  getAcceptedInvocation: {
    ...READ,
    path: ONE,
    summary: "One accepted invocation, with its attempts",
    about: "By its own id, or by the request id of any of its attempts.",
    answer: acceptedInvocationDetails,
  },
  followInvocation: {
    ...READ,
    path: `${ONE}/moments`,
    summary: "An accepted invocation as it goes, to its end",
    about:
      "The first line says how it stands, each other one what has changed: state, attempts, what " +
      "its handler reports. Ends when the invocation has, or when the platform restarts.",
    answer: "lines",
    line: invocationMoment,
  },
  getAcceptedPayload: {
    ...READ,
    path: `${ONE}/payload`,
    summary: "The event of an accepted invocation, as it came",
    answer: "bytes",
  },
  getAcceptedResult: {
    ...READ,
    path: `${ONE}/result`,
    summary: "What an accepted invocation answered",
    answer: "bytes",
  },
  cancelInvocation: {
    ...CHANGE,
    path: `${ONE}/cancellation`,
    summary: "End an open invocation",
    about:
      "What runs is asked to end by itself, and ended after the function's `cancelGraceMs`: it is " +
      "`stopping` until then. `cancelled` is false when it had ended before.",
    body: z.strictObject({}),
    answer: cancelAnswer,
    status: 200,
  },
  replayInvocation: {
    ...CHANGE,
    path: `${ONE}/replays`,
    summary: "Accept the event of an invocation once more, whatever became of it",
    body: z.strictObject({
      qualifier: qualifier
        .optional()
        .describe("Version that runs it; what it was accepted for when absent."),
    }),
    answer: acceptAnswer,
    status: 202,
  },
} as const;

export { AliasTally } from "./alias-tally.ts";
export { ComingBodies } from "./coming-bodies.ts";
export { billedUsOf } from "./anatomy.ts";
export { type Shown, responseHeadersOf, sendFailure, sendWhole } from "./answer.ts";
export { BodyBudget, BodyHold } from "./body-budget.ts";
export { DeadlineQueue } from "./deadlines.ts";
export { type Callee, enter, noRoom } from "./enter.ts";
export { GatheredBody } from "./gathered-body.ts";
export { HttpRecipient } from "./http-recipient.ts";
export { type Background, type Dependant, Invocation, type InvocationOwner } from "./invocation.ts";
export { InterimRecords, type InterimSink, type Ongoing } from "./interim-records.ts";
export {
  type AttemptSide,
  type CallFacts,
  type InvocationRequest,
  isLong,
} from "./invocation-request.ts";
export { type MeterSink, MeterTurn, type Metered, type Settled } from "./meter-turn.ts";
export { CLOSINGS, OpenConnections } from "./open-connections.ts";
export type { Recipient } from "./recipient.ts";
export { rejectionOf } from "./rejection.ts";
export type { Closing, SwitchedConnection, SwitchedInit } from "./switched.ts";
export { type Unanswered, saidNothing, wasCancelled } from "./unanswered.ts";
export { Upload } from "./upload.ts";

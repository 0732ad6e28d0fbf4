export {
  accept,
  acceptOne,
  type Accepted,
  type KeyedName,
  type NewInvocation,
} from "./ledger/accept.ts";
export {
  acceptPacked,
  packInvocations,
  unpackAnswers,
  type PackedAnswers,
  type PackedInvocations,
} from "./ledger/packed.ts";
export { Batches, type BatchesOptions } from "./ledger/batches.ts";
export {
  call,
  CALL_COLUMNS,
  findCalls,
  readAnswer,
  type AnswerOfInvocation,
  type Called,
  type NewCall,
} from "./ledger/calls.ts";
export { cancel, type Cancelled } from "./ledger/cancel.ts";
export {
  claim,
  listLanes,
  type ClaimArgs,
  type Claimed,
  type ClaimedRun,
  type Lane,
} from "./ledger/claim.ts";
export { badEndsAt, type BadEnd } from "./ledger/ended-at.ts";
export { derivedId } from "./ledger/derived-id.ts";
export {
  DELIVERY_LANES,
  DELIVERY_TABLES,
  topicOfLane,
  type Destinations,
  type DestinationsByFunction,
  type ResolvedDestination,
} from "./ledger/destinations.ts";
export { failInvocations } from "./errors.ts";
export { endWaiting } from "./ledger/end-waiting.ts";
export {
  findKnown,
  getInvocation,
  listInvocations,
  readEnds,
  readPayload,
  readResult,
  type AttemptRecord,
  type DeliveryRecord,
  type EndOfInvocation,
  type LedgerDetails,
  type LedgerRecord,
} from "./ledger/read.ts";
export {
  forgetEnded,
  forgetKeys,
  forgetNoneOpen,
  measureEnded,
  type EndPosition,
  type Forgotten,
} from "./ledger/retention.ts";
export { noteProgress, PROGRESS_TABLES, type Reported } from "./ledger/progress.ts";
export { beat, seenHolders, type SeenHolder } from "./ledger/holders.ts";
export { createLedgerClock, type LedgerClock } from "./ledger/ledger-clock.ts";
export {
  createSequence,
  lastAcceptedMs,
  SEQUENCE_PER_MS,
  type Sequence,
} from "./ledger/sequence.ts";
export {
  heldBy,
  listStopping,
  release,
  settle,
  type AttemptEnd,
  type HeldAttempt,
  type Settled,
} from "./ledger/settle.ts";
export {
  addOpen,
  addSums,
  type OpenCount,
  readBalance,
  readOpen,
  readSums,
  slotOf,
  type LedgerBalance,
  type LedgerSums,
  type SumName,
} from "./ledger/sums.ts";
export {
  claimWebhooks,
  freeWebhooks,
  giveUpOld,
  listWebhooks,
  nameLanes,
  nextDeliveryMs,
  settleWebhook,
  settleWebhooks,
  type CalledWebhook,
  type ClaimedDelivery,
} from "./ledger/webhooks.ts";
export { keepKey, readKey } from "./ledger/keys.ts";
export {
  ATTEMPT_INDEXES,
  KEY_ANSWERS,
  LEDGER_TABLES,
  OPEN_TABLES,
  QUEUE_REBUILT,
} from "./ledger/tables.ts";
export { parseMeterSpool, type MeterBatch, type SpooledRecord } from "./meter-spool.ts";
export {
  RECORD_ACTION_COLUMNS,
  RECORD_COLUMNS,
  RECORD_INDEXES,
  RECORD_TABLES,
  recordValues,
  selectRecord,
  selectRecords,
  selectRecordsAfter,
  type NumberedRecord,
  type RecordRow,
  type RecordSelection,
} from "./records.ts";
export { endOf, reportLines, startText, type ReportLine } from "./report-lines.ts";
export {
  addToRevisionSums,
  expireRevisionSums,
  FIGURES_KEPT_MS,
  type FiguresWindow,
  REVISION_COLD_TABLES,
  REVISION_SUM_TABLES,
  REVISION_TOTAL_TABLES,
  selectRevisionFigures,
  selectRevisionTotals,
} from "./revision-sums.ts";
export {
  addRecords,
  addTallies,
  addToTallies,
  emptyTally,
  expireTallies,
  selectTallies,
  TALLY_TABLES,
} from "./tallies.ts";
export { selectTraffic, selectUseSince, type TrafficSum } from "./traffic.ts";
export { amountsOf, dayText, usageItems, type NamedSum } from "./usage-report.ts";
export {
  addToUsage,
  dayOf,
  expireUsage,
  selectUsage,
  USAGE_TABLES,
  type UsageSum,
} from "./usage.ts";
export {
  expireTraces,
  renderTrace,
  selectTrace,
  TRACE_COLUMNS,
  TRACE_TABLES,
  traceValues,
  type InvocationTrace,
  type Span,
  type TraceRow,
} from "./traces.ts";
export {
  counted,
  decideStep,
  ended,
  handledOf,
  newRedrive,
  nextWork,
  REDRIVE_STEPS,
  type Redrivable,
  type Redrive,
  type Verdict,
} from "./redrives/decide.ts";
export {
  countedLetters,
  lettersAtOnce,
  newLetterRedrive,
  tookLetters,
} from "./redrives/letters.ts";
export { REDRIVE_PROCEDURES, REDRIVE_READS } from "./redrives/procedures.ts";
export { redrivenId } from "./redrives/redrivable.ts";
export {
  asQualified,
  beginStep,
  endStep,
  type AcceptedAnew,
  type DuePlace,
  type DueRedrives,
} from "./redrives/redrives.ts";
export {
  REDRIVE_DUE_COLUMNS,
  REDRIVE_TABLES,
  type RedriveLetters,
  type RedriveRecord,
  type RedriveSelection,
} from "./redrives/tables.ts";

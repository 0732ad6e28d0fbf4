export { parseMeterSpool, type MeterBatch } from "./meter-spool.ts";
export {
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
  addRecords,
  addTallies,
  addToTallies,
  emptyTally,
  expireTallies,
  selectTallies,
  TALLY_TABLES,
} from "./tallies.ts";
export { selectTraffic, selectUseSince, type TrafficSum } from "./traffic.ts";
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

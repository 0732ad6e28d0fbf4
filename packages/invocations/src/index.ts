export { parseMeterSpool, type MeterBatch } from "./meter-spool.ts";
export {
  expireRecords,
  insertRecords,
  recordTables,
  selectRecord,
  selectRecords,
  selectRecordsAfter,
  type RecordRow,
  type RecordSelection,
} from "./records.ts";
export { reportLines, type ReportLine } from "./report-lines.ts";

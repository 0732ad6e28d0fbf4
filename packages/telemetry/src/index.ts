export {
  expireLogLines,
  insertLogLines,
  LOG_LINE_TABLES,
  parseSpooledLines,
  selectLogLines,
  type LogLineRow,
  type LogSelection,
  type NumberedLine,
} from "./log-lines.ts";
export {
  listSpools,
  nextPosition,
  readSpool,
  trimSpool,
  writerAlive,
  type SpoolBatch,
  type SpoolPosition,
} from "./spool-reader.ts";
export { openSpoolWriter, type SpoolWriter, type SpoolWriterOptions } from "./spool-writer.ts";

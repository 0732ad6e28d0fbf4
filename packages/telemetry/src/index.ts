export {
  expireLogLines,
  insertLogLines,
  logLinesTables,
  parseSpooledLines,
  selectLogLines,
  type LogLineRow,
  type LogSelection,
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

export {
  EXPOSITION_CONTENT_TYPE,
  renderExposition,
  type HistogramSample,
  type Labels,
  type MetricFamily,
  type Sample,
} from "./exposition.ts";
export {
  lineWallMs,
  LOG_LINE_COLUMNS,
  LOG_LINE_TABLES,
  logLineValues,
  parseSpooledLines,
  selectLogLines,
  type LogLineRow,
  type LogSelection,
  type NumberedLine,
} from "./log-lines.ts";
export {
  encodeLogs,
  encodeSpans,
  type OtlpAttributes,
  type OtlpLogLine,
  type OtlpOrigin,
  type OtlpSpan,
} from "./otlp.ts";
export {
  listSpools,
  nextPosition,
  READ_BYTES_MAX,
  readSpool,
  trimSpool,
  type SpoolBatch,
  type SpoolPosition,
} from "./spool-reader.ts";
export { openSpoolWriter, type SpoolWriter, type SpoolWriterOptions } from "./spool-writer.ts";

/** Cuts the bytes of a gateway's meter spool into records, and the traces of some of them. */
import {
  decodeMeterRecord,
  decodeTraceEntry,
  METER_RECORD_BYTES,
  type MeterRecord,
  type TraceEntry,
} from "@skerry/contracts";

export interface MeterBatch {
  readonly records: readonly MeterRecord[];
  readonly traces: readonly TraceEntry[];
  /** Bytes of whole records; a torn tail is left for later. */
  readonly taken: number;
  /** Records that could not be read; they are counted and skipped. */
  readonly damaged: number;
}

export function parseMeterSpool(bytes: Uint8Array): MeterBatch {
  const records: MeterRecord[] = [];
  const traces: TraceEntry[] = [];
  let damaged = 0;
  let at = 0;
  for (; at + METER_RECORD_BYTES <= bytes.length; at += METER_RECORD_BYTES) {
    const record = decodeMeterRecord(bytes, at);
    const trace = record === undefined ? decodeTraceEntry(bytes, at) : undefined;
    if (record !== undefined) records.push(record);
    else if (trace !== undefined) traces.push(trace);
    else damaged += 1;
  }
  return { records, traces, taken: at, damaged };
}

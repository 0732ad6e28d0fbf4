/** Cuts the bytes of a gateway's meter spool into records, and the traces of some of them. */
import {
  decodeActionEntry,
  decodeInterimRecord,
  decodeMeterRecord,
  decodeTraceEntry,
  METER_RECORD_BYTES,
  type ActionMeterEntry,
  type MeterRecord,
  type TraceEntry,
} from "@skerry/contracts";

/** A record; of a run of an action, with what stood in front of it. */
export type SpooledRecord = MeterRecord & { readonly action?: ActionMeterEntry };

export interface MeterBatch {
  readonly records: readonly SpooledRecord[];
  /** What stood of calls that went on, in the order in which it was left. */
  readonly interims: readonly SpooledRecord[];
  readonly traces: readonly TraceEntry[];
  /** Bytes of whole records; a torn tail is left for later. */
  readonly taken: number;
  /** Records that could not be read; they are counted and skipped. */
  readonly damaged: number;
}

export function parseMeterSpool(bytes: Uint8Array): MeterBatch {
  const records: SpooledRecord[] = [];
  const interims: SpooledRecord[] = [];
  let action: ActionMeterEntry | undefined;
  const traces: TraceEntry[] = [];
  let damaged = 0;
  let at = 0;
  for (; at + METER_RECORD_BYTES <= bytes.length; at += METER_RECORD_BYTES) {
    const final = decodeMeterRecord(bytes, at);
    const record = final ?? decodeInterimRecord(bytes, at);
    const trace = record === undefined ? decodeTraceEntry(bytes, at) : undefined;
    const before = action;
    action = record === undefined ? decodeActionEntry(bytes, at) : undefined;
    if (record !== undefined) {
      const kind = final === undefined ? interims : records;
      kind.push(before === undefined ? record : { ...record, action: before });
    } else if (trace !== undefined) traces.push(trace);
    else if (action === undefined) damaged += 1;
  }
  return { records, interims, traces, taken: at, damaged };
}

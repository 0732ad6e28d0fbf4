/** Cuts the bytes of a gateway's meter spool into records. */
import { decodeMeterRecord, METER_RECORD_BYTES, type MeterRecord } from "@skerry/contracts";

export interface MeterBatch {
  readonly records: readonly MeterRecord[];
  /** Bytes of whole records; a torn tail is left for later. */
  readonly taken: number;
  /** Records that could not be read; they are counted and skipped. */
  readonly damaged: number;
}

export function parseMeterSpool(bytes: Uint8Array): MeterBatch {
  const records: MeterRecord[] = [];
  let damaged = 0;
  let at = 0;
  for (; at + METER_RECORD_BYTES <= bytes.length; at += METER_RECORD_BYTES) {
    const record = decodeMeterRecord(bytes, at);
    if (record === undefined) damaged += 1;
    else records.push(record);
  }
  return { records, taken: at, damaged };
}

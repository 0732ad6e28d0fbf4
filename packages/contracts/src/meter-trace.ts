/**
 * What a sampled request leaves in the meter spool in front of its record: the trace that it
 * belongs to. Of the same size as a record and told from one by its format byte, so that spools
 * stay a row of equal pieces and older releases pass it over. 120 bytes:
 *
 *   0 u8 format · 1 u8 flags · 8 f64 start wall ms · 16 request id · 32 trace id, 16 bytes each
 *   48 parent span id, 8 bytes · 116 u32 check, as a record has it; the rest is zero
 */
import {
  requestIdFromBytes,
  requestIdToBytes,
  type RequestId,
  type TraceContext,
} from "@skerry/base";
import { CHECK_AT, checkOf, METER_RECORD_BYTES } from "./metering.ts";

export const TRACE_ENTRY_FORMAT = 2;

export interface TraceEntry extends TraceContext {
  readonly requestId: RequestId;
  readonly startWallMs: number;
}

/** Writes one entry at `at`; the target must have METER_RECORD_BYTES left there. */
export function encodeTraceEntry(view: DataView, at: number, entry: TraceEntry): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, METER_RECORD_BYTES);
  bytes.fill(0);
  bytes[0] = TRACE_ENTRY_FORMAT;
  bytes[1] = entry.flags;
  view.setFloat64(at + 8, entry.startWallMs, true);
  bytes.set(requestIdToBytes(entry.requestId), 16);
  bytes.set(bytesOf(entry.traceId), 32);
  bytes.set(bytesOf(entry.parentId), 48);
  view.setUint32(at + CHECK_AT, checkOf(bytes), true);
}

/** Reads one entry; undefined when it is torn, damaged or something else. */
export function decodeTraceEntry(bytes: Uint8Array, at: number): TraceEntry | undefined {
  if (bytes.length - at < METER_RECORD_BYTES) return undefined;
  const part = bytes.subarray(at, at + METER_RECORD_BYTES);
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  if (part[0] !== TRACE_ENTRY_FORMAT || view.getUint32(CHECK_AT, true) !== checkOf(part)) {
    return undefined;
  }
  return {
    flags: part[1] as number,
    startWallMs: view.getFloat64(8, true),
    requestId: requestIdFromBytes(part.subarray(16, 32)),
    traceId: hexOf(part.subarray(32, 48)),
    parentId: hexOf(part.subarray(48, 56)),
  };
}

function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

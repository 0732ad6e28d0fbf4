/**
 * What a gateway leaves of a call that goes on: a switched connection or an answer in parts, whose
 * record comes at its end only. It is that record as it would be had the gateway come to its end
 * just then, and it is the call's record if the gateway did. Of the same size and form as a record,
 * with a bit set in its format, so that nobody takes it for the call's record too early and older
 * releases pass it over.
 */
import {
  CHECK_AT,
  checkOf,
  decodeMeterRecord,
  encodeMeterRecord,
  INTERIM_FORMAT_BIT,
  METER_RECORD_BYTES,
  type MeterIds,
  type MeterRecord,
} from "./metering.ts";

/**
 * How often each call that goes on leaves one, and for how long it has gone on at the first: a
 * gateway that is killed loses as much of its time. A connection costs 12 bytes a second so, and a
 * call of a few seconds nothing.
 */
export const INTERIM_EVERY_MS = 10_000;

/**
 * How often, but for the first, while nobody reads what is left: a connection costs 0.4 bytes a
 * second then.
 */
export const INTERIM_BEHIND_EVERY_MS = 300_000;

/** Writes one at `at`; the target must have METER_RECORD_BYTES left there. */
export function encodeInterimRecord(
  view: DataView,
  at: number,
  source: { readonly record: MeterRecord; readonly ids: MeterIds },
): void {
  encodeMeterRecord(view, at, source);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, METER_RECORD_BYTES);
  bytes[0] = view.getUint8(at) | INTERIM_FORMAT_BIT;
  view.setUint32(at + CHECK_AT, checkOf(bytes), true);
}

/** Reads one; undefined when it is torn, damaged or something else, such as a call's record. */
export function decodeInterimRecord(bytes: Uint8Array, at: number): MeterRecord | undefined {
  if (bytes.length - at < METER_RECORD_BYTES) return undefined;
  const format = bytes[at] ?? 0;
  if ((format & INTERIM_FORMAT_BIT) === 0) return undefined;
  const part = Uint8Array.from(bytes.subarray(at, at + METER_RECORD_BYTES));
  const view = new DataView(part.buffer);
  if (view.getUint32(CHECK_AT, true) !== checkOf(part)) return undefined;
  part[0] = format & ~INTERIM_FORMAT_BIT;
  view.setUint32(CHECK_AT, checkOf(part), true);
  return decodeMeterRecord(part, 0);
}

/**
 * What a run of an action leaves in the meter spool, right in front of its record: which drive of
 * which action it came by, and which execution it is. Of the same size as a record, so that older
 * releases pass it over. 120 bytes:
 *
 *   0 u8 format · 1 u8 index of the drive · 2 u8 bytes of the text · 16 execution id, 16 bytes
 *   32 `APP/NAME` in ASCII, 81 bytes at most · 116 u32 check, as a record has it; the rest is zero
 */
import { requestIdFromBytes, requestIdToBytes, type RequestId } from "@skerry/base";
import { DRIVES, type Drive } from "./actions.ts";
import { CHECK_AT, checkOf, METER_RECORD_BYTES } from "./metering.ts";

const ACTION_ENTRY_FORMAT = 4;
const EXECUTION_AT = 16;
const TEXT_AT = 32;

export interface ActionMeterEntry {
  readonly executionId: RequestId;
  /** `APP/NAME:DRIVE`. */
  readonly triggerId: string;
  readonly drive: Drive;
}

/** Writes one entry at `at`; the target must have METER_RECORD_BYTES left there. */
export function encodeActionEntry(view: DataView, at: number, entry: ActionMeterEntry): void {
  const { triggerId, drive, executionId } = entry;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, METER_RECORD_BYTES);
  const text = asciiBytes(triggerId.slice(0, -drive.length - 1));
  bytes.fill(0);
  bytes[0] = ACTION_ENTRY_FORMAT;
  bytes[1] = DRIVES.indexOf(drive);
  bytes[2] = Math.min(text.length, CHECK_AT - TEXT_AT);
  bytes.set(requestIdToBytes(executionId), EXECUTION_AT);
  bytes.set(text.subarray(0, CHECK_AT - TEXT_AT), TEXT_AT);
  view.setUint32(at + CHECK_AT, checkOf(bytes), true);
}

/** True for the first byte of an entry, sound or not: what follows it is its record. */
export function isActionEntry(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === ACTION_ENTRY_FORMAT;
}

/** Reads one entry; undefined when it is torn, damaged or something else. */
export function decodeActionEntry(bytes: Uint8Array, at: number): ActionMeterEntry | undefined {
  if (bytes.length - at < METER_RECORD_BYTES) return undefined;
  const part = bytes.subarray(at, at + METER_RECORD_BYTES);
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  const drive = DRIVES[part[1] ?? 0];
  if (part[0] !== ACTION_ENTRY_FORMAT || drive === undefined) return undefined;
  if (view.getUint32(CHECK_AT, true) !== checkOf(part)) return undefined;
  const text = String.fromCharCode(...part.subarray(TEXT_AT, TEXT_AT + (part[2] ?? 0)));
  const executionId = requestIdFromBytes(part.subarray(EXECUTION_AT, TEXT_AT));
  return { drive, triggerId: `${text}:${drive}`, executionId };
}

/** Names of apps and actions are ASCII. */
function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

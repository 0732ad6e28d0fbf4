/**
 * The metering record: one fixed-size record per invocation, appended by the gateway before the
 * response leaves. START, END and REPORT lines, bills and the cold-start anatomy are all read from
 * it. Integers are little-endian. Durations are whole microseconds in format 1, which hold 71
 * minutes; a record of anything that took longer is of format 3, where they are milliseconds. 120
 * bytes:
 *
 *   0 u8 format · 1 u8 outcome · 2 u8 cold reason · 3 u8 start kind · 4 u16 status
 *   6 u16 memory MiB · 8 f64 start wall ms
 *   16 request id · 32 function id · 48 revision id · 64 instance id, 16 bytes each, zero if none
 *   80 u32 queue · 84 place · 88 boot · 92 code · 96 init · 100 handler
 *   104 u32 bytes in · 108 bytes out · 112 u32 billed µs · 116 u32 check (FNV-1a of bytes 0–115)
 */
import {
  idFromBytes,
  idToBytes,
  requestIdFromBytes,
  requestIdToBytes,
  type FunctionId,
  type InstanceId,
  type RequestId,
  type RevisionId,
} from "@skerry/base";

export const METER_FORMAT = 1;
/** With durations in milliseconds. 2 is a trace, which stands among records (`meter-trace.ts`). */
const LONG_FORMAT = 3;
/** Set beside a record's format in one that will be replaced (`meter-interim.ts`). */
export const INTERIM_FORMAT_BIT = 0x80;
export const METER_RECORD_BYTES = 120;
/** Where the check of a piece lies. */
export const CHECK_AT = 116;
const U32_MAX = 0xffffffff;

/** How an invocation ended. Append only: the index is stored. */
export const OUTCOMES = [
  "ok",
  "function_error",
  "timeout",
  "out_of_memory",
  "crashed",
  "init_failed",
  "bad_response",
  "throttled",
  "too_large",
  "cancelled",
  "unavailable",
  // Its gateway was killed and left no more than an interim record.
  "gateway_lost",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Why an invocation had to wait for an instance to start. Append only. */
export const COLD_REASONS = [
  "warm",
  "first_instance",
  "all_slots_busy",
  "new_revision",
  "instance_lost",
] as const;
export type ColdReason = (typeof COLD_REASONS)[number];

/**
 * What the request's instance came from; `none` after a start in vain. `background` is no request:
 * work that one left for after its answer, recorded by itself. Append only.
 */
export const START_KINDS = ["warm", "resumed", "blank", "fresh", "none", "background"] as const;
export type StartKind = (typeof START_KINDS)[number];

export interface MeterRecord {
  readonly requestId: RequestId;
  readonly functionId: FunctionId;
  readonly revisionId: RevisionId;
  readonly instanceId: InstanceId | undefined;
  readonly outcome: Outcome;
  readonly coldReason: ColdReason;
  readonly startKind: StartKind;
  readonly status: number;
  readonly memoryMb: number;
  readonly startWallMs: number;
  readonly queueUs: number;
  readonly placeUs: number;
  readonly bootUs: number;
  readonly codeUs: number;
  readonly initUs: number;
  readonly handlerUs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly billedUs: number;
}

type Stages = "queueUs" | "placeUs" | "bootUs" | "codeUs" | "initUs" | "handlerUs";

/** What its caller waited for in all, from the wait for a slot to the end of the handler. */
export function tookUsOf(record: Pick<MeterRecord, Stages>): number {
  const { queueUs, placeUs, bootUs, codeUs, initUs, handlerUs } = record;
  return queueUs + placeUs + bootUs + codeUs + initUs + handlerUs;
}

/** The 16-byte forms of the ids that repeat from record to record, cached by their owner. */
export interface MeterIds {
  readonly functionId: Uint8Array;
  readonly revisionId: Uint8Array;
  readonly instanceId: Uint8Array | undefined;
}

export function meterIdsOf(
  record: Pick<MeterRecord, "functionId" | "revisionId" | "instanceId">,
): MeterIds {
  return {
    functionId: idToBytes(record.functionId),
    revisionId: idToBytes(record.revisionId),
    instanceId: record.instanceId === undefined ? undefined : idToBytes(record.instanceId),
  };
}

/** Writes one record at `at`; the target must have METER_RECORD_BYTES left there. */
export function encodeMeterRecord(
  view: DataView,
  at: number,
  source: { readonly record: MeterRecord; readonly ids: MeterIds },
): void {
  const { record, ids } = source;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, METER_RECORD_BYTES);
  const unitUs = isLong(record) ? 1_000 : 1;
  bytes[0] = unitUs === 1 ? METER_FORMAT : LONG_FORMAT;
  bytes[1] = OUTCOMES.indexOf(record.outcome);
  bytes[2] = COLD_REASONS.indexOf(record.coldReason);
  bytes[3] = START_KINDS.indexOf(record.startKind);
  view.setUint16(at + 4, record.status, true);
  view.setUint16(at + 6, Math.min(record.memoryMb, 0xffff), true);
  view.setFloat64(at + 8, record.startWallMs, true);
  bytes.set(requestIdToBytes(record.requestId), 16);
  bytes.set(ids.functionId, 32);
  bytes.set(ids.revisionId, 48);
  if (ids.instanceId === undefined) bytes.fill(0, 64, 80);
  else bytes.set(ids.instanceId, 64);
  view.setUint32(at + 80, saturate(record.queueUs / unitUs), true);
  view.setUint32(at + 84, saturate(record.placeUs / unitUs), true);
  view.setUint32(at + 88, saturate(record.bootUs / unitUs), true);
  view.setUint32(at + 92, saturate(record.codeUs / unitUs), true);
  view.setUint32(at + 96, saturate(record.initUs / unitUs), true);
  view.setUint32(at + 100, saturate(record.handlerUs / unitUs), true);
  view.setUint32(at + 104, saturate(record.bytesIn), true);
  view.setUint32(at + 108, saturate(record.bytesOut), true);
  view.setUint32(at + 112, saturate(record.billedUs / unitUs), true);
  view.setUint32(at + CHECK_AT, checkOf(bytes), true);
}

/** Reads one record; undefined when it is torn, damaged or of another format. */
export function decodeMeterRecord(bytes: Uint8Array, at: number): MeterRecord | undefined {
  if (bytes.length - at < METER_RECORD_BYTES) return undefined;
  const part = bytes.subarray(at, at + METER_RECORD_BYTES);
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  const unitUs = unitUsOf(part[0]);
  if (unitUs === undefined || view.getUint32(CHECK_AT, true) !== checkOf(part)) return undefined;
  const outcome = OUTCOMES[part[1] as number];
  const coldReason = COLD_REASONS[part[2] as number];
  const startKind = START_KINDS[part[3] as number];
  if (outcome === undefined || coldReason === undefined || startKind === undefined)
    return undefined;
  const instance = part.subarray(64, 80);
  return {
    outcome,
    coldReason,
    startKind,
    status: view.getUint16(4, true),
    memoryMb: view.getUint16(6, true),
    startWallMs: view.getFloat64(8, true),
    requestId: requestIdFromBytes(part.subarray(16, 32)),
    functionId: idFromBytes("fn", part.subarray(32, 48)),
    revisionId: idFromBytes("rev", part.subarray(48, 64)),
    instanceId: instance.every((byte) => byte === 0) ? undefined : idFromBytes("inst", instance),
    queueUs: view.getUint32(80, true) * unitUs,
    placeUs: view.getUint32(84, true) * unitUs,
    bootUs: view.getUint32(88, true) * unitUs,
    codeUs: view.getUint32(92, true) * unitUs,
    initUs: view.getUint32(96, true) * unitUs,
    handlerUs: view.getUint32(100, true) * unitUs,
    bytesIn: view.getUint32(104, true),
    bytesOut: view.getUint32(108, true),
    billedUs: view.getUint32(112, true) * unitUs,
  };
}

/**
 * When the invocation of the record at `at` was answered, wall milliseconds, without reading the
 * rest. Says nothing about whether the record is sound.
 */
export function meterEndWallMs(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, METER_RECORD_BYTES);
  let tookUs = 0;
  for (let stageAt = 80; stageAt <= 100; stageAt += 4) tookUs += view.getUint32(stageAt, true);
  const unitUs = unitUsOf(view.getUint8(0) & ~INTERIM_FORMAT_BIT) ?? 1;
  return view.getFloat64(8, true) + (tookUs * unitUs) / 1_000;
}

/** Something took longer than microseconds can say: a job that ran for hours, or its wait. */
function isLong({ handlerUs, queueUs, billedUs }: MeterRecord): boolean {
  return handlerUs > U32_MAX || queueUs > U32_MAX || billedUs > U32_MAX;
}

/** Undefined for a format that is not known. */
function unitUsOf(format: number | undefined): number | undefined {
  if (format === METER_FORMAT) return 1;
  return format === LONG_FORMAT ? 1_000 : undefined;
}

function saturate(value: number): number {
  return value >= U32_MAX ? U32_MAX : value > 0 ? Math.round(value) : 0;
}

/** FNV-1a of what lies before the check. */
export function checkOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < CHECK_AT; i += 1) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash >>> 0;
}

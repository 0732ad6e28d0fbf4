/**
 * How messages lie in a chunk: one after the other, each with its length, so that a reader steps to
 * the n-th without looking into the others. A record does not name its offset: it is made before
 * its place is known.
 *
 * Layout, little-endian: u32 length of what follows; u8 version (1); u8 flags (1 key, 2 time, 4
 * content type); f64 time; u16 + key; u16 + content type; u16 headers, each u16 + name, u16 +
 * value; the value. Fields that a flag leaves out are not there.
 */
import { assert } from "@skerry/base";

/** What a publisher says of a message. */
export interface TopicMessage {
  /** Messages of one key keep their order; null for those that have none to keep. */
  readonly key: string | null;
  readonly contentType: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** When it happened, by the publisher's word; null when it does not matter. */
  readonly timeMs: number | null;
  readonly value: Uint8Array;
}

/** Messages on their way into a topic. Cheap to hand to another thread. */
export interface EncodedMessages {
  readonly records: Uint8Array;
  /** Where each record ends in `records`. */
  readonly ends: Uint32Array;
  /** Of each key; of a message without one whatever spreads those. */
  readonly hashes: Uint32Array;
}

const VERSION = 1;
const HAS_KEY = 1;
const HAS_TIME = 2;
const HAS_TYPE = 4;
const LENGTH_BYTES = 4;
const TEXT_BYTES_MAX = 0xffff;

/** The bytes that a message takes, without its length. */
export function recordBytes(message: TopicMessage): number {
  const { key, contentType, headers, timeMs, value } = message;
  let bytes = 2 + 2 + value.byteLength;
  if (key !== null) bytes += 2 + Buffer.byteLength(key);
  if (timeMs !== null) bytes += 8;
  if (contentType !== null) bytes += 2 + Buffer.byteLength(contentType);
  for (const [name, text] of headers)
    bytes += 4 + Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
}

/**
 * The messages, in order, ready to append. Keys, types and headers must be within the limits of
 * contracts, which the caller has checked. Each text is at most 65,535 bytes.
 */
export function encodeMessages(
  messages: readonly TopicMessage[],
  hashOf: (message: TopicMessage, index: number) => number,
): EncodedMessages {
  const ends = new Uint32Array(messages.length);
  const hashes = new Uint32Array(messages.length);
  let total = 0;
  for (const [i, message] of messages.entries()) {
    total += LENGTH_BYTES + recordBytes(message);
    ends[i] = total;
    hashes[i] = hashOf(message, i);
  }
  const records = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const [i, message] of messages.entries()) {
    writeRecord(records, at, message);
    at = ends[i] ?? at;
  }
  return { records, ends, hashes };
}

function writeRecord(out: Buffer, start: number, message: TopicMessage): void {
  const { key, contentType, headers, timeMs, value } = message;
  const flags =
    (key === null ? 0 : HAS_KEY) |
    (timeMs === null ? 0 : HAS_TIME) |
    (contentType === null ? 0 : HAS_TYPE);
  let at = start + LENGTH_BYTES;
  at = out.writeUInt8(VERSION, at);
  at = out.writeUInt8(flags, at);
  if (timeMs !== null) at = out.writeDoubleLE(timeMs, at);
  if (key !== null) at = writeText(out, at, key);
  if (contentType !== null) at = writeText(out, at, contentType);
  at = out.writeUInt16LE(headers.length, at);
  for (const [name, text] of headers) at = writeText(out, writeText(out, at, name), text);
  out.set(value, at);
  out.writeUInt32LE(at + value.byteLength - start - LENGTH_BYTES, start);
}

function writeText(out: Buffer, at: number, text: string): number {
  const bytes = out.write(text, at + 2, "utf8");
  assert(bytes <= TEXT_BYTES_MAX, "a text of a message is longer than its limit");
  out.writeUInt16LE(bytes, at);
  return at + 2 + bytes;
}

/** The records of a chunk, each with its length before it. */
export function* recordsOf(body: Uint8Array): Generator<Uint8Array, void> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  while (at < body.byteLength) {
    const next = at + LENGTH_BYTES + view.getUint32(at, true);
    yield body.subarray(at, next);
    at = next;
  }
}

/** The message in a record, as `recordsOf` gives it. Its value is a view of the record. */
export function decodeRecord(record: Uint8Array): TopicMessage {
  const from = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  let at = LENGTH_BYTES;
  assert(from.readUInt8(at) === VERSION, "a message's record is of another version");
  const flags = from.readUInt8(at + 1);
  at += 2;
  const text = (): string => {
    const bytes = from.readUInt16LE(at);
    at += 2 + bytes;
    return from.toString("utf8", at - bytes, at);
  };
  let timeMs: number | null = null;
  if ((flags & HAS_TIME) !== 0) {
    timeMs = from.readDoubleLE(at);
    at += 8;
  }
  const key = (flags & HAS_KEY) === 0 ? null : text();
  const contentType = (flags & HAS_TYPE) === 0 ? null : text();
  const headers: [string, string][] = [];
  const count = from.readUInt16LE(at);
  at += 2;
  for (let i = 0; i < count; i += 1) headers.push([text(), text()]);
  return { key, contentType, headers, timeMs, value: from.subarray(at) };
}

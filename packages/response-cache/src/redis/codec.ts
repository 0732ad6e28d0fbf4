/** Kept answers as values of Redis: a version, the length of a JSON text, the text, the body. */
import type { Kept } from "../kept-answer.ts";

/** Values of another version are misses: platforms of two versions may share a Redis. */
const VERSION = 1;
const HEAD_BYTES = 5;

export function encodeKept(kept: Kept): Buffer {
  const body = kept.kind === "vary" ? new Uint8Array() : kept.body;
  const text = JSON.stringify({ ...kept, body: undefined, memo: undefined });
  const length = Buffer.byteLength(text);
  const value = Buffer.allocUnsafeSlow(HEAD_BYTES + length + body.length);
  value.writeUInt8(VERSION, 0);
  value.writeUInt32BE(length, 1);
  value.write(text, HEAD_BYTES);
  value.set(body, HEAD_BYTES + length);
  return value;
}

/** Undefined for what this version has not written. */
export function decodeKept(value: Buffer): Kept | undefined {
  if (value.length < HEAD_BYTES || value.readUInt8(0) !== VERSION) return undefined;
  const end = HEAD_BYTES + value.readUInt32BE(1);
  if (end > value.length) return undefined;
  try {
    const kept = JSON.parse(value.toString("utf8", HEAD_BYTES, end)) as Kept;
    if (kept.kind === "vary") return kept;
    const body = value.subarray(end);
    if (kept.kind === "coded") return { ...kept, body };
    const { etag, lastModified } = kept;
    return { ...kept, etag, lastModified, body };
  } catch {
    return undefined;
  }
}

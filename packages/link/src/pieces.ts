/**
 * A body of many messages: each is a JSON head and bytes, led by the lengths of both as 32-bit
 * big-endian numbers. What a peer wrote is checked against bounds before it is believed.
 */
import type { TextPort } from "./ports.ts";

export interface Piece<Head> {
  readonly head: Head;
  readonly bytes: Uint8Array;
}

export interface PieceBounds {
  readonly piecesMax: number;
  readonly headBytesMax: number;
}

const LENGTHS_BYTES = 8;

/** Puts pieces together; the heads must be JSON values. */
export function encodePieces(pieces: readonly Piece<object>[], text: TextPort): Uint8Array {
  const heads = pieces.map(({ head }) => JSON.stringify(head));
  const bytesMax = pieces.reduce(
    (sum, { bytes }, i) => sum + LENGTHS_BYTES + 3 * (heads[i]?.length ?? 0) + bytes.length,
    0,
  );
  const out = new Uint8Array(bytesMax);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [i, { bytes }] of pieces.entries()) {
    const headBytes = text.write(out, heads[i] ?? "", at + LENGTHS_BYTES);
    view.setUint32(at, headBytes);
    view.setUint32(at + 4, bytes.length);
    at += LENGTHS_BYTES + headBytes;
    out.set(bytes, at);
    at += bytes.length;
  }
  return out.subarray(0, at);
}

/** A piece whose head is not believed yet: undefined when it is too long or no JSON object. */
export type ToldPiece = Piece<Readonly<Record<string, unknown>> | undefined>;

/**
 * Takes a whole body apart; undefined when it is cut short, out of bounds, or a head is no JSON
 * object. The bytes of the pieces are views of `body`.
 */
export function decodePieces(
  body: Uint8Array,
  bounds: PieceBounds & { readonly text: TextPort },
): readonly Piece<Readonly<Record<string, unknown>>>[] | undefined {
  const pieces = decodeEachPiece(body, bounds);
  if (pieces?.some(({ head }) => head === undefined) !== false) return undefined;
  return pieces as readonly Piece<Readonly<Record<string, unknown>>>[];
}

/**
 * The same where one bad head shall not spoil the others; undefined when the body is cut short or
 * holds too many, since nothing in it has a place then.
 */
export function decodeEachPiece(
  body: Uint8Array,
  { piecesMax, headBytesMax, text }: PieceBounds & { readonly text: TextPort },
): readonly ToldPiece[] | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const pieces: ToldPiece[] = [];
  let at = 0;
  while (at < body.length) {
    if (pieces.length === piecesMax || body.length - at < LENGTHS_BYTES) return undefined;
    const headAt = at + LENGTHS_BYTES;
    const headEnd = headAt + view.getUint32(at);
    const bytesEnd = headEnd + view.getUint32(at + 4);
    if (bytesEnd > body.length) return undefined;
    const isShort = headEnd - headAt <= headBytesMax;
    const head = isShort ? parseObject(text.read(body, headAt, headEnd)) : undefined;
    pieces.push({ head, bytes: body.subarray(headEnd, bytesEnd) });
    at = bytesEnd;
  }
  return pieces;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@skerry/base";
import { decodeEachPiece, decodePieces, encodePieces as encode, type Piece } from "./pieces.ts";
import { bufferText } from "./socket-pipe.ts";

const text = bufferText(Buffer);
const encodePieces = (pieces: readonly Piece<object>[]): Uint8Array => encode(pieces, text);
const BOUNDS = { piecesMax: 10, headBytesMax: 100, text };
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const PIECES = [
  { head: { id: "ä" }, bytes: bytes(1, 2, 3) },
  { head: {}, bytes: bytes() },
  { head: { n: 1 }, bytes: bytes(255) },
];

test("pieces are read as they were written, from the middle of a buffer too", () => {
  const encoded = encodePieces(PIECES);
  const amid = new Uint8Array(encoded.length + 5);
  amid.set(encoded, 5);
  const read = decodePieces(amid.subarray(5), BOUNDS);
  assert.deepEqual(
    read?.map(({ head, bytes: payload }) => ({ head, bytes: Uint8Array.from(payload) })),
    PIECES,
  );
  assert.deepEqual(decodePieces(bytes(), BOUNDS), []);
});

test("a body that is cut short anywhere is refused", () => {
  const encoded = encodePieces(PIECES);
  const whole = new Set([0]);
  for (const n of [1, 2, 3]) whole.add(encodePieces(PIECES.slice(0, n)).length);
  for (let length = 0; length < encoded.length; length += 1) {
    const read = decodePieces(encoded.subarray(0, length), BOUNDS);
    assert.equal(read !== undefined, whole.has(length), `${length} bytes`);
  }
});

test("too many pieces, a head that is too long or no object are refused", () => {
  const many = Array.from({ length: 11 }, () => ({ head: {}, bytes: bytes() }));
  assert.equal(decodePieces(encodePieces(many.slice(1)), BOUNDS)?.length, 10);
  assert.equal(decodePieces(encodePieces(many), BOUNDS), undefined);
  const long = { head: { text: "x".repeat(100) }, bytes: bytes() };
  assert.equal(decodePieces(encodePieces([long]), BOUNDS), undefined);
  for (const head of [[], "text", null]) {
    const odd = { head: head as object, bytes: bytes() };
    assert.equal(decodePieces(encodePieces([odd]), BOUNDS), undefined);
  }
});

test("read each by itself, a bad head spoils its own piece only", () => {
  const [first, , last] = PIECES;
  const odd = { head: [] as object, bytes: bytes(7) };
  const long = { head: { text: "x".repeat(100) }, bytes: bytes(8) };
  const told = [first, odd, long, last].flatMap((piece) => piece ?? []);
  const encoded = encodePieces(told);
  assert.deepEqual(
    decodeEachPiece(encoded, BOUNDS)?.map(({ head, bytes: of }) => [head, ...of]),
    [
      [first?.head, 1, 2, 3],
      [undefined, 7],
      [undefined, 8],
      [last?.head, 255],
    ],
  );
  assert.equal(decodePieces(encoded, BOUNDS), undefined);
  assert.equal(decodeEachPiece(encoded.subarray(1), BOUNDS), undefined);
});

test("whatever comes, a reader neither throws nor reads beyond the end", () => {
  const random = seededRandom(11);
  for (let round = 0; round < 20_000; round += 1) {
    const noise = random.bytes(Math.floor(random.float() * 40));
    if (random.float() < 0.8) noise.fill(0, 0, 3).fill(0, 4, 7);
    for (const { bytes: payload } of decodePieces(noise, BOUNDS) ?? []) {
      assert.ok(payload.length <= noise.length);
    }
  }
});

/** A PNG to be resized, and the size that one says it has (https://www.w3.org/TR/png-3/). */
import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const BYTES_PER_PIXEL = 3;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Colours that run from corner to corner. */
export function makePng({ width, height }: Size): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // Eight bits of red, green and blue.
  head.set([8, 2], 8);
  const rows = Buffer.alloc(height * (1 + width * BYTES_PER_PIXEL));
  for (let y = 0, at = 0; y < height; y += 1) {
    // Each row begins with the name of its filter: none.
    at += 1;
    for (let x = 0; x < width; x += 1, at += BYTES_PER_PIXEL) {
      rows.set([(255 * x) / width, (255 * y) / height, 128], at);
    }
  }
  const chunks = [chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND")];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

export function sizeOfPng(png: Buffer): Size {
  assert.deepEqual(png.subarray(0, 8), SIGNATURE, `no PNG: ${png.subarray(0, 200).toString()}`);
  assert.equal(png.toString("latin1", 12, 16), "IHDR");
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}

function chunk(type: string, content: Buffer = Buffer.alloc(0)): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(content.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}

/** Frames as bytes, also such as no link would write. */
import { FrameType, writeU32 } from "../src/frames.ts";

/** The twelve bytes in front of a payload. */
export function frameHeader(
  type: number,
  parts: { readonly bytes: number; readonly flags: number; readonly stream: number },
): Uint8Array {
  const { bytes, flags, stream } = parts;
  const out = new Uint8Array(12);
  writeU32(out, 0, bytes);
  out[4] = type;
  out[5] = flags;
  writeU32(out, 8, stream);
  return out;
}

export function frame(
  type: number,
  parts: { readonly flags?: number; readonly stream?: number; readonly payload?: Uint8Array } = {},
): Buffer {
  const { flags = 0, stream = 0, payload = new Uint8Array(0) } = parts;
  return Buffer.concat([frameHeader(type, { bytes: payload.length, flags, stream }), payload]);
}

export function hello(min: number, max: number): Buffer {
  return Buffer.from(JSON.stringify({ linkVersionMin: min, linkVersionMax: max }));
}

export function helloFrame(): Buffer {
  return frame(FrameType.HELLO, { payload: hello(1, 1) });
}

export function openFrame(
  id: number,
  parts: { readonly flags?: number; readonly headBytes?: number } = {},
): Buffer {
  const payload = new Uint8Array(9);
  writeU32(payload, 4, parts.headBytes ?? 1);
  payload[8] = 120;
  return frame(FrameType.OPEN, { flags: parts.flags ?? 0, stream: id, payload });
}

export function replyFrame(id: number): Buffer {
  return frame(FrameType.REPLY, { stream: id, payload: new Uint8Array(4) });
}

/** A WebSocket's client, frame by frame: what no conforming client would send. For tests only. */

export interface FrameParts {
  readonly opcode: number;
  readonly payload?: Uint8Array | string;
  readonly isLast?: boolean;
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** Spelled in this many bytes, whatever is needed. */
  readonly lengthBytes?: 0 | 2 | 8;
}

const MASK = [0x37, 0xfa, 0x21, 0x3d];

export function clientFrame(parts: FrameParts): Buffer {
  const { opcode, isLast = true, reserved = 0, isMasked = true } = parts;
  const payload = Buffer.from(parts.payload ?? "");
  const { length } = payload;
  const lengthBytes = parts.lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (isMasked ? 0x80 : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  const masked = payload.map((byte, at) => byte ^ (MASK[at & 3] as number));
  return Buffer.concat([head, Buffer.from(MASK), masked]);
}

export const text = (payload: string | Uint8Array): Buffer => clientFrame({ opcode: 1, payload });
export const binary = (payload: Uint8Array): Buffer => clientFrame({ opcode: 2, payload });
export const ping = (payload: string | Uint8Array = ""): Buffer =>
  clientFrame({ opcode: 9, payload });

export function close(code?: number, reason: string | Uint8Array = ""): Buffer {
  if (code === undefined) return clientFrame({ opcode: 8 });
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
  return clientFrame({ opcode: 8, payload });
}

export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Takes the whole frames that stand at the beginning; the server's are never masked. */
export function serverFrames(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = (bytes[at + 1] as number) & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (at + 2 + extra > bytes.length) break;
    const long = extra === 2 ? bytes.readUInt16BE(at + 2) : 0;
    const length = extra === 0 ? short : extra === 2 ? long : Number(bytes.readBigUInt64BE(at + 2));
    const start = at + 2 + extra;
    if (start + length > bytes.length) break;
    const payload = bytes.subarray(start, start + length);
    frames.push({ opcode: (bytes[at] as number) & 0x0f, payload });
    at = start + length;
  }
  return frames;
}

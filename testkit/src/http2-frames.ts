/** A client of HTTP/2 that sends whatever bytes it is told to (RFC 9113, RFC 7541). */
import type { TLSSocket } from "node:tls";
import { until } from "./until.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const GOAWAY = 7;
const END_STREAM = 1;
const END_HEADERS = 4;
const HEAD_BYTES = 9;
/** Of the static table of HPACK: the statuses that tests look for. */
const STATUS_OF: Readonly<Record<number, number>> = { 0x88: 200, 0x8c: 400, 0x8e: 500 };

function build(type: number, of: { flags: number; stream: number }, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = of.flags;
  head.writeUInt32BE(of.stream, 5);
  return Buffer.concat([head, payload]);
}

export const frame = {
  opening: (): Buffer =>
    Buffer.concat([
      Buffer.from(PREFACE),
      build(SETTINGS, { flags: 0, stream: 0 }, Buffer.alloc(0)),
    ]),
  headers: (stream: number, block: Buffer, isEnd: boolean): Buffer =>
    build(HEADERS, { flags: END_HEADERS | (isEnd ? END_STREAM : 0), stream }, block),
  data: (stream: number, text: string, isEnd = true): Buffer =>
    build(DATA, { flags: isEnd ? END_STREAM : 0, stream }, Buffer.from(text)),
};

/** Flat names and values of up to 126 bytes, as literals never indexed, in plain octets. */
export function headerBlock(lines: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    parts.push(Buffer.from([0x10]), octets(lines[i] ?? ""), octets(lines[i + 1] ?? ""));
  }
  return Buffer.concat(parts);
}

function octets(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

export interface FramesClient {
  send(bytes: Buffer): void;
  /** `status N`, `reset CODE` or `goaway CODE`, whichever comes first for the stream. */
  untilEnded(stream: number): Promise<string>;
  close(): void;
}

/** Speaks HTTP/2 over a connection that has agreed to it. */
export function openFrames(socket: TLSSocket): FramesClient {
  const seen = new Map<number, string>();
  let kept = Buffer.alloc(0);
  let ended: string | undefined;
  socket.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    while (kept.length >= HEAD_BYTES && kept.length >= HEAD_BYTES + kept.readUIntBE(0, 3)) {
      const length = kept.readUIntBE(0, 3);
      const payload = kept.subarray(HEAD_BYTES, HEAD_BYTES + length);
      const stream = kept.readUInt32BE(5);
      const said = sayOf(kept[3] ?? 0, payload);
      if (kept[3] === GOAWAY) ended ??= said;
      else if (said !== undefined && !seen.has(stream)) seen.set(stream, said);
      kept = kept.subarray(HEAD_BYTES + length);
    }
  });
  socket.on("close", () => (ended ??= "goaway without a word"));
  socket.write(frame.opening());
  return {
    send: (bytes) => void socket.write(bytes),
    untilEnded: async (stream) => {
      const look = (): boolean => seen.has(stream) || ended !== undefined;
      await until("the stream ends", look, { everyMs: 1 });
      return seen.get(stream) ?? ended ?? "";
    },
    close: () => void socket.destroy(),
  };
}

function sayOf(type: number, payload: Buffer): string | undefined {
  if (type === RST_STREAM) return `reset ${payload.readUInt32BE(0)}`;
  if (type === GOAWAY) return `goaway ${payload.readUInt32BE(4)}`;
  return type === HEADERS ? `status ${STATUS_OF[payload[0] ?? 0] ?? "unknown"}` : undefined;
}

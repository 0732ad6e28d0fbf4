/**
 * The least that a hop between two processes needs: `u32 bytes · u32 id · text`, joined per turn.
 */
import type { Socket } from "node:net";

export type SendFrame = (id: number, text: Buffer) => void;

/** Reads the frames of a socket and returns the sender for the other direction. */
export function joinFrames(socket: Socket, onFrame: (id: number, text: Buffer) => void): SendFrame {
  let rest: Buffer = Buffer.alloc(0);
  let out: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 8) {
      const end = at + 8 + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      onFrame(bytes.readUInt32LE(at + 4), bytes.subarray(at + 8, end));
      at = end;
    }
    rest = bytes.subarray(at);
  });
  const flush = (): void => {
    socket.write(Buffer.concat(out));
    out = [];
  };
  return (id, text) => {
    const header = Buffer.alloc(8);
    header.writeUInt32LE(text.length, 0);
    header.writeUInt32LE(id, 4);
    if (out.push(header, text) === 2) setImmediate(flush);
  };
}

/** Doubles for tests of this package: two pipes joined in memory, and the host's text routines. */
import type { BytePipe, PipeListener } from "../src/ports.ts";
import { bufferText, type BufferHost } from "../src/socket-pipe.ts";

declare const Buffer: BufferHost;

export const text = bufferText(Buffer);

export interface MemoryPipe extends BytePipe {
  /** Everything written so far, in pieces. */
  readonly written: Uint8Array[];
  readonly destroyed: boolean;
  /** Delivers bytes to this pipe's own reader, as a peer would. */
  inject(bytes: Uint8Array): void;
  /** While true, writes are kept and answered with false. */
  congest(on: boolean): void;
  /** Lets go of what was kept; the next write is kept again. */
  drain(): void;
}

/** Two ends; what one writes the other reads, cut into pieces of at most `pieceBytes`. */
export function joinedPipes(pieceBytes = Infinity): [MemoryPipe, MemoryPipe] {
  const a = memoryPipe(pieceBytes);
  const b = memoryPipe(pieceBytes);
  a.join(b);
  b.join(a);
  return [a, b];
}

type Joinable = MemoryPipe & { join(other: Joinable): void };

function memoryPipe(pieceBytes: number): Joinable {
  const written: Uint8Array[] = [];
  const kept: Uint8Array[] = [];
  let listener: PipeListener | undefined;
  let peer: Joinable | undefined;
  let destroyed = false;
  let congested = false;
  const deliver = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      peer?.inject(bytes.slice(at, Math.min(bytes.length, at + pieceBytes)));
    }
  };
  return {
    written,
    get destroyed() {
      return destroyed;
    },
    join: (other) => (peer = other),
    inject: (bytes) => {
      if (!destroyed) listener?.onBytes(bytes);
    },
    congest(on) {
      congested = on;
      if (!on) this.drain();
    },
    drain() {
      for (const bytes of kept.splice(0)) deliver(bytes);
      listener?.onDrain();
    },
    write(bytes) {
      if (destroyed) return true;
      written.push(bytes.slice());
      if (congested) {
        kept.push(bytes.slice());
        return false;
      }
      deliver(bytes);
      return true;
    },
    start: (next) => (listener = next),
    pause: () => undefined,
    resume: () => undefined,
    destroy() {
      if (destroyed) return;
      destroyed = true;
      listener?.onClosed();
      peer?.destroy();
    },
  };
}

/**
 * Fits a Node-like socket and Buffer to the link's ports without importing Node: both are described
 * by the few members that are used, so that this package still loads anywhere.
 */
import type { BytePipe, PipeListener, TextPort } from "./ports.ts";

/** The members of `net.Socket` that a link uses. */
export interface SocketLike {
  write(bytes: Uint8Array, done?: () => void): boolean;
  /** Bytes that were written and have not left this process. */
  readonly writableLength: number;
  cork(): unknown;
  uncork(): unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
  readonly destroyed: boolean;
}

export interface SocketPipe extends BytePipe {
  /** Resolves when what was written has left this process, or never will. */
  written(): Promise<void>;
  /** Lets go of the socket, which stays open: for handing it to another process. */
  detach(): void;
}

/** Wraps a socket that nobody else reads. */
export function socketPipe(socket: SocketLike): SocketPipe {
  let listener: PipeListener | undefined;
  let failure: unknown;
  const onData = (bytes: unknown): void => listener?.onBytes(bytes as Uint8Array);
  const onDrain = (): void => listener?.onDrain();
  const onError = (error: unknown): void => {
    failure = error;
  };
  const onEnd = (): void => void socket.destroy();
  const onClose = (): void => listener?.onClosed(failure);
  return {
    write: (bytes) => socket.destroyed || socket.write(bytes),
    cork: () => void socket.cork(),
    uncork: () => void socket.uncork(),
    start(next) {
      listener = next;
      socket.on("error", onError);
      socket.on("end", onEnd);
      socket.on("close", onClose);
      socket.on("drain", onDrain);
      socket.on("data", onData);
      // A socket that an earlier pipe let go of was paused, and stays so whoever listens.
      socket.resume();
      startReading(socket);
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
    written: async () => {
      if (socket.writableLength === 0) return;
      // Nothing, behind everything.
      await new Promise<void>((resolve) => void socket.write(new Uint8Array(0), () => resolve()));
    },
    detach() {
      listener = undefined;
      socket.pause();
      stopReading(socket);
      socket.off("data", onData);
      socket.off("drain", onDrain);
      socket.off("end", onEnd);
      socket.off("close", onClose);
    },
  };
}

interface Handle {
  reading?: boolean;
  readStart?(): unknown;
  readStop?(): unknown;
}

interface Handled {
  readonly _handle?: Handle | null;
  readonly connecting?: boolean;
}

/**
 * Leaves what arrives from now on in the kernel, for the process that gets the socket. A paused
 * socket still reads into its own buffer, and one that is being sent to another process throws away
 * what it reads until that process has it. Node has no public call for it, hence the handle. A pipe
 * that starts on the socket later reads again.
 */
export function stopReading(socket: object): void {
  const { _handle: handle } = socket as Handled;
  if (handle?.readStop === undefined) return;
  handle.reading = false;
  handle.readStop();
}

/** Undoes `stopReading`: a stream that was stopped below its own level never asks to read again. */
function startReading(socket: object): void {
  const { _handle: handle, connecting } = socket as Handled;
  if (handle?.readStart === undefined || handle.reading !== false || connecting === true) return;
  handle.reading = true;
  handle.readStart();
}

interface BufferLike {
  write(text: string, offset: number): number;
  toString(encoding: "utf8", start: number, end: number): string;
}

/** The members of Node's `Buffer` constructor that `bufferText` uses. */
export interface BufferHost {
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): BufferLike;
}

/**
 * UTF-8 by Node's Buffer. Views are cached for the slab in use, which every frame of many turns
 * shares.
 */
export function bufferText(host: BufferHost): TextPort {
  const viewOf = (bytes: Uint8Array): BufferLike =>
    host.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let slab: Uint8Array | undefined;
  let slabView: BufferLike | undefined;
  return {
    write(target, text, offset) {
      if (target !== slab || slabView === undefined) {
        slab = target;
        slabView = viewOf(target);
      }
      return slabView.write(text, offset);
    },
    read(source, start, end) {
      const view = "readUInt8" in source ? (source as unknown as BufferLike) : viewOf(source);
      return view.toString("utf8", start, end);
    },
  };
}

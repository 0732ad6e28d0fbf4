/**
 * A connection that goes on reading when nothing more can be sent on it. A server may answer before
 * it has the whole body of a request, and close: what is still on its way to it then fails, and its
 * answer stands in the kernel all the same. What is wrong with the connection is told once all that
 * came on it has been read.
 */
import { Socket, type SocketConstructorOpts } from "node:net";

type Done = (error?: Error | null) => void;

class PatientSocket extends Socket {
  #brokenBy: Error | undefined;
  /** Nothing more comes from the kernel. */
  #isOver = false;

  override _write(chunk: Uint8Array, encoding: BufferEncoding, done: Done): void {
    super._write(chunk, encoding, this.#forgiving(done));
  }

  override _writev(chunks: Parameters<NonNullable<Socket["_writev"]>>[0], done: Done): void {
    super._writev?.(chunks, this.#forgiving(done));
  }

  /** The kernel tells a reset once: who wrote has heard of it, and it reads like an end then. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null || this.#brokenBy === undefined) return super.push(chunk, encoding);
    this.#breakOnceRead(this.#brokenBy);
    return false;
  }

  override destroy(error?: Error): this {
    // Whoever else ends a connection has no use for what is left on it.
    const isHeardByReading = isReset(error) && (error as NodeJS.ErrnoException).syscall === "read";
    if (!isHeardByReading || error === undefined) return super.destroy(error);
    this.#breakOnceRead(error);
    return this;
  }

  override read(bytesMax?: number): unknown {
    const chunk: unknown = super.read(bytesMax);
    if (this.#isOver && this.#brokenBy !== undefined) this.#breakOnceRead(this.#brokenBy);
    return chunk;
  }

  #breakOnceRead(error: Error): void {
    this.#brokenBy = error;
    this.#isOver = true;
    if (this.readableLength === 0) super.destroy(error);
  }

  #forgiving(done: Done): Done {
    return (error) => {
      if (!isReset(error) || this.readableEnded) return done(error);
      this.#brokenBy ??= error ?? undefined;
      done();
    };
  }
}

export function connectPatiently(port: number, options?: SocketConstructorOpts): Socket {
  return new PatientSocket(options).connect(port, "127.0.0.1");
}

/** The other side has closed the connection, or was gone before. */
export function isReset(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
  return code === "ECONNRESET" || code === "EPIPE";
}

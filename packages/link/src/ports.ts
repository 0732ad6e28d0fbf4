/**
 * What a link needs from its surroundings. Nothing here is Node's, so a link also runs in a browser
 * or a simulation.
 */

/** An ordered, reliable byte pipe: a socketpair, a TCP or TLS socket, or a double in a test. */
export interface BytePipe {
  /** Queues bytes; the array must not be changed afterwards. False asks to wait for `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** From `cork` to `uncork` writes are kept back and leave together, where a pipe can do that. */
  cork?(): void;
  uncork?(): void;
  /** Called once by the link, before anything else. */
  start(listener: PipeListener): void;
  /** Stops and resumes the delivery of `onBytes`. */
  pause(): void;
  resume(): void;
  /** Ends the pipe at once; `onClosed` follows. Safe to call twice. */
  destroy(): void;
}

export interface PipeListener {
  onBytes(bytes: Uint8Array): void;
  onDrain(): void;
  onClosed(cause?: unknown): void;
}

/**
 * UTF-8 conversion. Injected, because a host's own routines are several times faster than the
 * portable ones.
 */
export interface TextPort {
  /**
   * Writes `text` at `offset`; the caller has made room for `3 * text.length` bytes. Returns bytes
   * written.
   */
  write(target: Uint8Array, text: string, offset: number): number;
  read(source: Uint8Array, start: number, end: number): string;
}

/** Runs `flush` once at the end of the current turn of the event loop. */
export type ScheduleFlush = (flush: () => void) => void;

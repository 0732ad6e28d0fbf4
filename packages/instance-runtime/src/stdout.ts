/**
 * Puts log entries and the raw output of user code on the process's stdout, in order and without
 * ever blocking.
 */
import { writeSync } from "node:fs";
import type { Clock } from "@skerry/base";
import { LogLines, type TryWrite } from "./log-lines.ts";

const STDOUT_FD = 1;
const PAUSE_MS = 1;

interface RawWritable {
  _write(
    chunk: Uint8Array | string,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void;
  _writev: null;
}

/**
 * Takes stdout over. Opening Node's stream first has the effect that matters: it makes a pipe
 * non-blocking. The stream itself stays usable; what is written to it passes through the same queue
 * as the log entries.
 */
export function stdoutLines(
  host: NodeJS.Process,
  clock: Clock,
  scheduleFlush: (flush: () => void) => void,
): LogLines {
  const stdout = host.stdout as unknown as RawWritable;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const pause = (): void => void Atomics.wait(sleeper, 0, 0, PAUSE_MS);
  const lines = new LogLines({ tryWrite: writeToStdout, clock, scheduleFlush, pause });
  stdout._write = (chunk, encoding, done) => {
    lines.raw(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk, done);
  };
  stdout._writev = null;
  return lines;
}

/**
 * A full pipe takes nothing; a pipe whose reader is gone takes everything, since nobody will miss
 * it.
 */
const writeToStdout: TryWrite = (bytes) => {
  try {
    return writeSync(STDOUT_FD, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : bytes.length;
  }
};

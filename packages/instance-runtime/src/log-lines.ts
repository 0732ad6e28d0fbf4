/**
 * Carries log lines and raw output to stdout in order. Early lines of a turn are written at once,
 * so that what a handler said before it hung or died is not lost; past a small budget the rest of
 * the turn leaves in one write. When the reader is slow, lines are held up to a bound, then dropped
 * and counted; nothing here ever waits, except `drain`, which the end of the process calls.
 */
import type { Clock } from "@skerry/base";
import { LIMITS, LOG_LINE_MARK, type RuntimeLogLine } from "@skerry/contracts";

export type LogLevel = RuntimeLogLine["l"];

/** Writes what the descriptor takes now and returns how many bytes that were; 0 when it is full. */
export type TryWrite = (bytes: Uint8Array) => number;

export interface LogLinesDeps {
  readonly tryWrite: TryWrite;
  readonly clock: Clock;
  /** Runs once at the end of the current turn. */
  readonly scheduleFlush: (flush: () => void) => void;
  /** Blocks the thread for about a millisecond; only `drain` uses it. */
  readonly pause: () => void;
}

/** Bytes held while stdout is full; more is dropped and counted. */
export const LOG_BACKLOG_BYTES_MAX = 256 << 10;
const WRITES_PER_TURN_MAX = 8;
const QUIET_MS = 1;
const RETRY_MS = 5;
/** Longer than a busy agent leaves output unread; less than an exit's cause is waited for. */
const DRAIN_MS_MAX = 5_000;
const TURN_BYTES_MAX = 32 << 10;

type RawDone = () => void;

export class LogLines {
  readonly #deps: LogLinesDeps;
  #text = "";
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  readonly #rawDone: RawDone[] = [];
  #dropped = 0;
  #atLineStart = true;
  #writesThisTurn = 0;
  #lastWriteMs = 0;
  #scheduled = false;
  #retrying = false;
  #ending = false;

  constructor(deps: LogLinesDeps) {
    this.#deps = deps;
  }

  /** One entry; several lines of text stay one entry. Never throws, never waits. */
  line(level: LogLevel, message: string, requestId?: string): void {
    if (this.#heldBytes + this.#text.length > LOG_BACKLOG_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) this.#reportDropped();
    this.#append(level, message, requestId);
    this.#written();
  }

  /**
   * Output that user code wrote by itself; `done` is called when it has left, which slows an eager
   * writer down.
   */
  raw(chunk: Uint8Array, done: RawDone): void {
    this.#holdText();
    this.#hold(chunk);
    if (chunk.length > 0) this.#atLineStart = chunk[chunk.length - 1] === 10;
    this.#rawDone.push(done);
    this.#written();
  }

  /**
   * Sends everything, waiting seconds for a slow reader; afterwards each line leaves at once.
   */
  drain(): void {
    this.#ending = true;
    if (this.#dropped > 0) this.#reportDropped();
    const { clock, pause } = this.#deps;
    const endMs = clock.monotonicMs() + DRAIN_MS_MAX;
    this.#flush();
    while (this.#heldBytes > 0 && clock.monotonicMs() < endMs) {
      pause();
      this.#flush();
    }
  }

  #append(level: LogLevel, message: string, requestId: string | undefined): void {
    const line: RuntimeLogLine = {
      t: this.#deps.clock.wallMs(),
      l: level,
      ...(requestId === undefined ? undefined : { r: requestId }),
      m: cutToLimit(message),
    };
    const lead = this.#atLineStart ? LOG_LINE_MARK : `\n${LOG_LINE_MARK}`;
    this.#atLineStart = true;
    this.#text += `${lead}${JSON.stringify(line)}\n`;
  }

  #reportDropped(): void {
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#append(
      "warn",
      `… ${lines} lines dropped: the log could not take them in time`,
      undefined,
    );
  }

  #written(): void {
    if (this.#ending) {
      this.#flush();
      return;
    }
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#deps.scheduleFlush(() => this.#endTurn());
    }
    if (this.#retrying) return;
    const nowMs = this.#deps.clock.monotonicMs();
    const early = this.#writesThisTurn < WRITES_PER_TURN_MAX;
    const due = nowMs - this.#lastWriteMs >= QUIET_MS || this.#text.length >= TURN_BYTES_MAX;
    if (early || due) this.#flush();
  }

  #endTurn(): void {
    this.#scheduled = false;
    this.#writesThisTurn = 0;
    if (!this.#retrying) this.#flush();
  }

  #holdText(): void {
    if (this.#text === "") return;
    this.#hold(Buffer.from(this.#text));
    this.#text = "";
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #flush(): void {
    this.#holdText();
    if (this.#held.length === 0) return;
    this.#writesThisTurn += 1;
    while (this.#held.length > 0) {
      const bytes = this.#held[0] as Uint8Array;
      const written = bytes.length === 0 ? 0 : this.#deps.tryWrite(bytes);
      this.#heldBytes -= written;
      if (written < bytes.length) {
        this.#held[0] = bytes.subarray(written);
        if (written === 0) return this.#retryLater();
        continue;
      }
      this.#held.shift();
    }
    this.#lastWriteMs = this.#deps.clock.monotonicMs();
    for (const done of this.#rawDone.splice(0)) done();
  }

  #retryLater(): void {
    if (this.#retrying || this.#ending) return;
    this.#retrying = true;
    this.#deps.clock.schedule(
      RETRY_MS,
      () => {
        this.#retrying = false;
        this.#flush();
        if (this.#dropped > 0 && this.#heldBytes === 0) {
          this.#reportDropped();
          this.#flush();
        }
      },
      { background: true },
    );
  }
}

/**
 * Cuts a message to the limit of one log line, at a whole character, and says how much is missing.
 */
export function cutToLimit(message: string, bytesMax: number = LIMITS.logLineBytesMax): string {
  if (message.length * 3 <= bytesMax) return message;
  const bytes = Buffer.from(message);
  if (bytes.length <= bytesMax) return message;
  let end = bytesMax;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString("utf8", 0, end)}… [cut: ${bytes.length - end} bytes more]`;
}

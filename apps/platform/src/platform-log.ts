/**
 * The platform's own log: JSON lines in a file for machines, errors in short on stderr for people.
 * What is worth a warning is written before the call returns, because it may be the last thing that
 * the process does. The rest is written behind the caller's back, so that no disk holds up a
 * request, in a bounded room: lines that find none are counted, and the number is said.
 */
import { appendFile, appendFileSync, renameSync, statSync } from "node:fs";
import { createLog, type Log, type LogLevel } from "@skerry/base";

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const FILE_BYTES_MAX = 32 << 20;
/** How much one role writes before it looks at the size again. */
const LOOK_AFTER_BYTES = 1 << 20;
/** Lines that wait for the disk. */
const WAITING_CHARS_MAX = 4 << 20;
/** One line; what is longer is not worth the room of all the others. */
const LINE_CHARS_MAX = 64 << 10;

export function openPlatformLog(options: {
  readonly file: string;
  readonly level: LogLevel;
  readonly role: string;
}): Log {
  const { role } = options;
  const lineOf = (level: LogLevel, message: string, fields: object): string => {
    const at = new Date().toISOString();
    // The log's own come first, and a caller's fields of the same names are left out.
    const own = { at, level, role, pid: process.pid, message };
    const others = Object.entries(fields).filter(([name]) => !Object.hasOwn(own, name));
    const line = JSON.stringify({ ...own, ...Object.fromEntries(others) });
    if (line.length <= LINE_CHARS_MAX) return `${line}\n`;
    return `${JSON.stringify({ ...own, cut: line.slice(0, LINE_CHARS_MAX / 4) })}\n`;
  };
  const file = new LogFile(options.file, (dropped) =>
    lineOf("warn", "the disk was too slow for the log", { dropped }),
  );
  process.once("exit", () => file.flush());
  return createLog((level, message, fields) => {
    const weight = ORDER.indexOf(level);
    if (weight < ORDER.indexOf(options.level)) return;
    const line = lineOf(level, message, fields);
    if (weight >= ORDER.indexOf("warn")) file.addNow(line);
    else file.add(line);
    if (level === "error") process.stderr.write(`skerry ${role}: ${message}\n`);
  });
}

class LogFile {
  readonly #path: string;
  readonly #dropLine: (dropped: number) => string;
  #written = LOOK_AFTER_BYTES + 1;
  #waiting: string[] = [];
  #waitingChars = 0;
  #dropped = 0;
  #isWriting = false;

  constructor(path: string, dropLine: (dropped: number) => string) {
    this.#path = path;
    this.#dropLine = dropLine;
  }

  add(line: string): void {
    if (this.#waitingChars + line.length > WAITING_CHARS_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingChars += line.length;
    if (!this.#isWriting) this.#writeSoon();
  }

  /** The line is written when this returns, however many wait. */
  addNow(line: string): void {
    this.#waiting.push(line);
    this.flush();
  }

  /** Writes all that waits before it returns. */
  flush(): void {
    const text = this.#take();
    if (text === "") return;
    try {
      appendFileSync(this.#path, text, { mode: 0o600 });
    } catch {
      process.stderr.write(text);
    }
  }

  /** All lines of a turn are one write; there is one at a time. */
  #writeSoon(): void {
    this.#isWriting = true;
    setImmediate(() => {
      const text = this.#take();
      if (text === "") {
        this.#isWriting = false;
        return;
      }
      appendFile(this.#path, text, { mode: 0o600 }, (error) => {
        if (error !== null) process.stderr.write(text);
        if (this.#waiting.length > 0) return this.#writeSoon();
        this.#isWriting = false;
      });
    });
  }

  #take(): string {
    if (this.#dropped > 0) this.#waiting.push(this.#dropLine(this.#dropped));
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#waitingChars = 0;
    this.#dropped = 0;
    this.#written += text.length;
    if (text !== "" && this.#written > LOOK_AFTER_BYTES) this.#putAside();
    return text;
  }

  /** All roles write the same file: another one may have put it aside already. */
  #putAside(): void {
    this.#written = 0;
    try {
      if (sizeOf(this.#path) > FILE_BYTES_MAX) renameSync(this.#path, `${this.#path}.1`);
    } catch {
      // The write says what is wrong.
    }
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

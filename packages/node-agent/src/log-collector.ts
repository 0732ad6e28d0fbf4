/**
 * Reads what one instance prints and writes it to the agent's log spool. Lines that the runtime
 * marked carry level and request id; everything else is raw output and says only which instance
 * wrote it. Bounded throughout: a line is cut, and an instance that prints more than its share has
 * lines dropped and counted, never the neighbours'.
 */
import type { Readable } from "node:stream";
import { delay, isRequestId, type Clock, type InstanceId } from "@skerry/base";
import { LIMITS, LOG_LINE_MARK, type RuntimeLogLine, type SpooledLogLine } from "@skerry/contracts";
import type { SpoolWriter } from "@skerry/telemetry";
import type { LineGate } from "./log-volumes.ts";

export type { LineGate };

/** What every line of an instance says about it; known once it is specialised. */
export type LineOwner = Pick<SpooledLogLine, "f" | "v" | "i">;

export interface LogCollectorDeps {
  readonly clock: Clock;
  readonly spool: Pick<SpoolWriter, "append">;
}

const LEVELS = new Set(["debug", "info", "warn", "error"]);
const MARK = LOG_LINE_MARK.charCodeAt(0);
/** The runtime cuts its messages itself; as JSON each of their bytes may take six. */
const KEPT_BYTES_MAX = LIMITS.logLineBytesMax * 6 + 1_024;
/** For what is in the pipes: it tells 'out of memory', and a busy agent reads it late. */
const LAST_WORDS_MS_MAX = 1_000;
/** Of a line that is remembered, and how much of it is looked at for that. */
const TAIL_CHARS_MAX = 512;
const TAIL_BYTES_READ = 4_096;
/** What a line says about its time is believed within these bounds around its arrival. */
const EARLY_MS_MAX = 1_000;
const LATE_MS_MAX = 86_400_000;

export class LogCollector {
  readonly #deps: LogCollectorDeps;
  readonly #partial = { stdout: new PartialLine(), stderr: new PartialLine() };
  #ended: Promise<unknown> = Promise.resolve();
  #owner: LineOwner | undefined;
  /** Whether there is room for a line in what its function and account may write. */
  #gate: LineGate | undefined;
  #listener: ((line: string) => void) | undefined;
  #mask: ((text: string) => string) | undefined;
  #windowStartMs = 0;
  #windowBytes = 0;
  #dropped = 0;
  /** The last raw lines on stderr: the runtime's dying words tell why it died. */
  readonly tail: string[] = [];

  constructor(deps: LogCollectorDeps) {
    this.#deps = deps;
  }

  /** Lines are dropped before this: a blank has no function that they could belong to. */
  own(owner: LineOwner, gate?: LineGate): void {
    this.#owner = owner;
    this.#gate = gate;
  }

  /** Every text passes it from now on, before it is cut: it takes secrets out. */
  maskBy(mask: ((text: string) => string) | undefined): void {
    this.#mask = mask;
  }

  /** Hands every line on as it comes, cut as in the log: for builds, which own no log. */
  listen(listener: (line: string) => void): void {
    this.#listener = listener;
  }

  follow(streams: { readonly stdout: Readable; readonly stderr: Readable }): void {
    const ends = (["stdout", "stderr"] as const).map((name) => {
      streams[name].on("data", (chunk: Buffer) => this.#take(name, chunk));
      streams[name].on("error", () => undefined);
      streams[name].on("end", () => this.#endLine(name));
      return new Promise((resolve) => streams[name].once("close", resolve));
    });
    this.#ended = Promise.all(ends);
  }

  /**
   * Resolves once all that was printed before the end was read, or soon, since what left the tree
   * may hold its pipes open.
   */
  async lastWords(): Promise<void> {
    const given = new AbortController();
    const late = delay(this.#deps.clock, LAST_WORDS_MS_MAX, given.signal).catch(() => undefined);
    await Promise.race([this.#ended, late]);
    given.abort();
    // Timers run before pipes are looked at: where this process was held up, all of it lies there.
    await new Promise((resolve) => void setImmediate(resolve));
  }

  /** A remark of the platform in the function's own log. */
  remark(level: SpooledLogLine["l"], text: string, instanceId?: InstanceId): void {
    const owner = this.#owner;
    if (owner === undefined) return;
    const i = instanceId ?? owner.i;
    this.#spool({ t: this.#deps.clock.wallMs(), l: level, s: "platform", ...owner, i, m: text });
  }

  /** Writes out what is unfinished. */
  flush(): void {
    this.#endLine("stdout");
    this.#endLine("stderr");
    this.#reportDropped();
  }

  #take(name: "stdout" | "stderr", chunk: Buffer): void {
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(10, at);
      if (end < 0) break;
      this.#partial[name].add(chunk.subarray(at, end));
      this.#endLine(name);
      at = end + 1;
    }
    if (at < chunk.length) this.#partial[name].add(chunk.subarray(at));
  }

  #endLine(name: "stdout" | "stderr"): void {
    const line = this.#partial[name].end();
    if (line !== undefined) this.#emit(name, line);
  }

  #emit(name: "stdout" | "stderr", { bytes, cutBytes }: Line): void {
    const owner = this.#owner;
    const isMarked = name === "stdout" && bytes[0] === MARK && cutBytes === 0;
    const marked = isMarked ? parseMarked(bytes) : undefined;
    if (marked === undefined && name === "stderr") this.#remember(bytes);
    this.#listener?.(marked === undefined ? textOf(bytes, cutBytes) : cutText(marked.m));
    if (owner === undefined || !this.#admit(bytes.length)) return;
    if (!this.#hasVolume(bytes.length)) return;
    const nowMs = this.#deps.clock.wallMs();
    if (marked !== undefined) {
      const { t, l, r, m } = marked;
      const at = t > nowMs + EARLY_MS_MAX || t < nowMs - LATE_MS_MAX ? nowMs : t;
      const request = isRequestId(r) ? { r } : {};
      this.#spool({ t: at, l, s: "console", ...owner, ...request, m: cutText(this.#masked(m)) });
      return;
    }
    const level = name === "stderr" ? "error" : "info";
    const m = textOf(this.#maskedBytes(bytes), cutBytes);
    this.#spool({ t: nowMs, l: level, s: name, ...owner, m });
  }

  #remember(line: Buffer): void {
    const shown = line.toString("utf8", 0, TAIL_BYTES_READ);
    this.tail.push(this.#masked(shown).slice(0, TAIL_CHARS_MAX));
    if (this.tail.length > 40) this.tail.shift();
  }

  #masked(text: string): string {
    return this.#mask === undefined ? text : this.#mask(text);
  }

  #maskedBytes(bytes: Buffer): Buffer {
    return this.#mask === undefined ? bytes : Buffer.from(this.#mask(bytes.toString("utf8")));
  }

  #admit(bytes: number): boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#windowStartMs >= 1_000) {
      this.#reportDropped();
      this.#windowStartMs = nowMs;
      this.#windowBytes = 0;
    }
    this.#windowBytes += bytes;
    if (this.#windowBytes <= LIMITS.logBytesPerSecondMax) return true;
    this.#dropped += 1;
    return false;
  }

  #hasVolume(bytes: number): boolean {
    const verdict = this.#gate?.(bytes);
    if (verdict === undefined) return true;
    for (const text of verdict.remarks) this.remark("warn", text);
    return verdict.isKept;
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.remark(
      "warn",
      `${dropped} log lines dropped: more than ${LIMITS.logBytesPerSecondMax} bytes in a second.`,
    );
  }

  #spool(line: SpooledLogLine): void {
    this.#deps.spool.append(Buffer.from(`${JSON.stringify(line)}\n`));
  }
}

/** Undefined when the line only looks like the runtime's: it is raw output then. */
function parseMarked(line: Buffer): RuntimeLogLine | undefined {
  try {
    const value = JSON.parse(line.toString("utf8", 1)) as Partial<RuntimeLogLine>;
    const fits =
      typeof value.t === "number" && typeof value.m === "string" && LEVELS.has(value.l ?? "");
    return fits ? (value as RuntimeLogLine) : undefined;
  } catch {
    return undefined;
  }
}

interface Line {
  readonly bytes: Buffer;
  /** How much more of it there was. */
  readonly cutBytes: number;
}

/** Gathers one line from chunks; holds no more of it than can be shown. */
class PartialLine {
  #parts: Buffer[] = [];
  #bytes = 0;
  #cutBytes = 0;

  add(part: Buffer): void {
    const room = Math.max(0, KEPT_BYTES_MAX - this.#bytes);
    const kept = part.length > room ? part.subarray(0, room) : part;
    this.#cutBytes += part.length - kept.length;
    if (kept.length === 0 && this.#parts.length > 0) return;
    this.#parts.push(kept);
    this.#bytes += kept.length;
  }

  /** Undefined when nothing was printed since the last end. */
  end(): Line | undefined {
    const [first] = this.#parts;
    if (first === undefined) return undefined;
    const bytes = this.#parts.length === 1 ? first : Buffer.concat(this.#parts);
    const cutBytes = this.#cutBytes;
    this.#parts = [];
    this.#bytes = 0;
    this.#cutBytes = 0;
    return { bytes, cutBytes };
  }
}

/** Raw output, cut at a whole character to what a line may hold, and marked when it was. */
function textOf(bytes: Buffer, cutBytes: number): string {
  if (bytes.length <= LIMITS.logLineBytesMax) return bytes.toString("utf8");
  let end = LIMITS.logLineBytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  const more = bytes.length - end + cutBytes;
  return `${bytes.toString("utf8", 0, end)}… [cut: ${more} bytes more]`;
}

/**
 * Text that claims to be the runtime's, which would have cut it; its mark may lie past the limit.
 */
function cutText(text: string): string {
  const most = LIMITS.logLineBytesMax + 64;
  if (text.length * 3 <= most) return text;
  const bytes = Buffer.from(text);
  return bytes.length <= most ? text : textOf(bytes, 0);
}

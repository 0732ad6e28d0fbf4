/**
 * Reads what one instance prints and writes it to the agent's log spool. Lines that the runtime
 * marked carry level and request id; everything else is raw output and says only which instance
 * wrote it. Bounded throughout: a line is cut, and an instance that prints more than its share has
 * lines dropped and counted, never the neighbours'.
 */
import type { Readable } from "node:stream";
import type { Clock, InstanceId } from "@skerry/base";
import { LIMITS, LOG_LINE_MARK, type RuntimeLogLine, type SpooledLogLine } from "@skerry/contracts";
import type { SpoolWriter } from "@skerry/telemetry";

/** What every line of an instance says about it; known once it is specialised. */
export type LineOwner = Pick<SpooledLogLine, "f" | "v" | "i">;

export interface LogCollectorDeps {
  readonly clock: Clock;
  readonly spool: Pick<SpoolWriter, "append">;
}

const LEVELS = new Set(["debug", "info", "warn", "error"]);
const MARK = LOG_LINE_MARK.charCodeAt(0);

export class LogCollector {
  readonly #deps: LogCollectorDeps;
  readonly #partial: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  readonly #partialBytes = { stdout: 0, stderr: 0 };
  #owner: LineOwner | undefined;
  #windowStartMs = 0;
  #windowBytes = 0;
  #dropped = 0;
  /** The last raw lines on stderr: the runtime's dying words tell why it died. */
  readonly tail: string[] = [];

  constructor(deps: LogCollectorDeps) {
    this.#deps = deps;
  }

  /** Lines are dropped before this: a blank has no function that they could belong to. */
  own(owner: LineOwner): void {
    this.#owner = owner;
  }

  follow(streams: { readonly stdout: Readable; readonly stderr: Readable }): void {
    for (const name of ["stdout", "stderr"] as const) {
      streams[name].on("data", (chunk: Buffer) => this.#take(name, chunk));
      streams[name].on("error", () => undefined);
      streams[name].on("end", () => this.#endLine(name));
    }
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
      this.#keep(name, chunk.subarray(at, end));
      this.#endLine(name);
      at = end + 1;
    }
    if (at < chunk.length) this.#keep(name, chunk.subarray(at));
  }

  #keep(name: "stdout" | "stderr", part: Buffer): void {
    const room = LIMITS.logLineBytesMax * 2 - this.#partialBytes[name];
    if (room <= 0) return;
    const kept = part.length > room ? part.subarray(0, room) : part;
    this.#partial[name].push(kept);
    this.#partialBytes[name] += kept.length;
  }

  #endLine(name: "stdout" | "stderr"): void {
    const parts = this.#partial[name];
    if (parts.length === 0) return;
    const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    this.#partial[name] = [];
    this.#partialBytes[name] = 0;
    this.#emit(name, line);
  }

  #emit(name: "stdout" | "stderr", line: Buffer): void {
    const owner = this.#owner;
    const marked = name === "stdout" && line[0] === MARK ? parseMarked(line) : undefined;
    if (marked === undefined && name === "stderr") this.#remember(line);
    if (owner === undefined || !this.#admit(line.length)) return;
    if (marked !== undefined) {
      const { t, l, r, m } = marked;
      this.#spool({ t, l, s: "console", ...owner, ...(r === undefined ? {} : { r }), m });
      return;
    }
    const level = name === "stderr" ? "error" : "info";
    const m = line.toString("utf8", 0, LIMITS.logLineBytesMax);
    this.#spool({ t: this.#deps.clock.wallMs(), l: level, s: name, ...owner, m });
  }

  #remember(line: Buffer): void {
    this.tail.push(line.toString("utf8", 0, 512));
    if (this.tail.length > 40) this.tail.shift();
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

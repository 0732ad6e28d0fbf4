/**
 * Delivers log lines and invocation records to a file, a JSON object a line, for whatever ships or
 * greps files. A file that has grown past its size is put aside: `x` becomes `x.1`, `x.1` becomes
 * `x.2`, the last one goes. Every line carries its number, and after a crash the file itself says
 * how far it has come: nothing is in it twice, and a torn line is taken back.
 */
import { mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { endOf } from "@skerry/invocations";
import type { DeliverySink, Parcel, Receipt } from "./delivery.ts";

export interface FileSinkOptions {
  readonly path: string;
  readonly fileBytesMax: number;
  /** Files that were put aside and stay. */
  readonly filesKept: number;
}

const LINE_FEED = 10;
/** Longer than any line: its text has a bound of its own. */
const TAIL_BYTES_MAX = 256 << 10;

export function createFileSink(options: FileSinkOptions): DeliverySink {
  const file = new RotatedFile(options);
  return {
    name: "file",
    wants: { lines: true, records: "all" },
    resumeFrom: () => file.lastSeq(),
    deliver: (parcel) => file.append(parcel),
    close: () => file.close(),
  };
}

class RotatedFile {
  readonly #options: FileSinkOptions;
  #file: FileHandle | undefined;
  #bytes = 0;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  /** The number of the last whole line; a torn one behind it is taken back. */
  async lastSeq(): Promise<number | undefined> {
    const file = await this.#open();
    const from = Math.max(0, this.#bytes - TAIL_BYTES_MAX);
    const tail = Buffer.alloc(this.#bytes - from);
    await file.read(tail, 0, tail.length, from);
    const end = tail.lastIndexOf(LINE_FEED) + 1;
    if (end < tail.length) await this.#cutTo(from + end);
    if (end > 0) {
      const start = end < 2 ? 0 : tail.lastIndexOf(LINE_FEED, end - 2) + 1;
      return seqOf(tail.toString("utf8", start, end));
    }
    return await lastSeqOf(`${this.#options.path}.1`);
  }

  /** Whole or not at all, as far as the file system lets it. */
  async append(parcel: Parcel): Promise<Receipt> {
    const lines = linesOf(parcel);
    const bytes = Buffer.from(lines.join(""));
    await this.#open();
    const { fileBytesMax } = this.#options;
    if (this.#bytes > 0 && this.#bytes + bytes.length > fileBytesMax) await this.#rotate();
    const file = await this.#open();
    const before = this.#bytes;
    try {
      await file.appendFile(bytes);
      await file.datasync();
    } catch (error) {
      await this.#cutTo(before);
      throw error;
    }
    this.#bytes = before + bytes.length;
    return { sent: lines.length, dropped: 0 };
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #open(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file;
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, "a+", 0o600);
    this.#bytes = (await file.stat()).size;
    this.#file = file;
    return file;
  }

  async #cutTo(bytes: number): Promise<void> {
    const file = await this.#open();
    await file.truncate(bytes);
    this.#bytes = bytes;
  }

  async #rotate(): Promise<void> {
    const { path, filesKept } = this.#options;
    await this.close();
    if (filesKept === 0) return await rm(path, { force: true });
    await rm(`${path}.${filesKept}`, { force: true });
    for (let n = filesKept - 1; n >= 0; n -= 1) {
      const from = n === 0 ? path : `${path}.${n}`;
      await rename(from, `${path}.${n + 1}`).catch(ignoreMissing);
    }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** Of a file that was put aside in this very moment; undefined when there is none. */
async function lastSeqOf(path: string): Promise<number | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch {
    return undefined;
  }
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - TAIL_BYTES_MAX);
    const tail = Buffer.alloc(size - from);
    await file.read(tail, 0, tail.length, from);
    return seqOf(tail.toString("utf8").trimEnd().split("\n").at(-1) ?? "");
  } finally {
    await file.close();
  }
}

/** Undefined for a line that this sink has not written. */
function seqOf(line: string): number | undefined {
  try {
    const { seq } = JSON.parse(line) as { seq?: unknown };
    return Number.isSafeInteger(seq) ? (seq as number) : undefined;
  } catch {
    return undefined;
  }
}

/** Lines and records in the order of their numbers. */
function linesOf({ lines, records, nameOf }: Parcel): readonly string[] {
  const entries: { readonly seq: number; readonly [key: string]: unknown }[] = [];
  for (const row of lines) {
    const { app, fn } = nameOf(row.function_id);
    entries.push({
      ...{ seq: row.seq, at: isoOf(row.at_ms), kind: "line", app, function: fn },
      ...{ functionId: row.function_id, revisionId: row.revision_id, instanceId: row.instance_id },
      ...{ requestId: row.request_id, traceId: row.trace_id },
      ...{ level: row.level, stream: row.stream, text: row.text },
    });
  }
  for (const row of records) {
    const { app, fn } = nameOf(row.function_id);
    const ended = endOf(row);
    entries.push({
      ...{ seq: row.seq, at: isoOf(ended), kind: "invocation", app, function: fn },
      ...{ functionId: row.function_id, revisionId: row.revision_id, instanceId: row.instance_id },
      ...{ requestId: row.request_id, traceId: row.trace_id, outcome: row.outcome },
      ...{ status: row.status, coldReason: row.cold_reason, startKind: row.start_kind },
      ...{ durationMs: ended - row.start_ms, handlerMs: row.handler_us / 1_000 },
      ...{ billedMs: row.billed_us / 1_000, memoryMb: row.memory_mb },
    });
  }
  return entries.sort((a, b) => a.seq - b.seq).map((entry) => `${JSON.stringify(entry)}\n`);
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Log lines of functions as rows. These are fragments: control composes them, with the fragments of
 * the invocation records, into the transactions of its telemetry module, so that lines and the
 * position up to which a spool was taken in are one commit. `seq` orders lines and records together
 * and comes from that transaction.
 */
import type { SpooledLogLine } from "@skerry/contracts";
import type { SqlValue, Tx, TxStep } from "@skerry/store";

/** SQL of the tables, for the first migration of the module that composes them. */
export const LOG_LINE_TABLES: readonly string[] = [
  `CREATE TABLE log_lines (
    seq @integer PRIMARY KEY,
    function_id @text NOT NULL,
    revision_id @text NOT NULL,
    instance_id @text NOT NULL,
    request_id @text,
    at_ms @integer NOT NULL,
    level @text NOT NULL,
    stream @text NOT NULL,
    text @text NOT NULL
  )`,
  "CREATE INDEX log_lines_by_function ON log_lines (function_id, seq)",
  "CREATE INDEX log_lines_by_request ON log_lines (request_id)",
  "CREATE INDEX log_lines_by_age ON log_lines (at_ms)",
];

export interface LogLineRow {
  readonly seq: number;
  readonly function_id: string;
  readonly revision_id: string;
  readonly instance_id: string;
  readonly request_id: string | null;
  readonly at_ms: number;
  readonly level: string;
  readonly stream: string;
  readonly text: string;
}

/** A line with the number it was given. */
export interface NumberedLine {
  readonly seq: number;
  readonly line: SpooledLogLine;
}

/** Columns in the order of `logLineValues`. */
export const LOG_LINE_COLUMNS: readonly string[] = [
  ...["seq", "function_id", "revision_id", "instance_id", "request_id"],
  ...["at_ms", "level", "stream", "text"],
];

export function logLineValues({ seq, line }: NumberedLine): readonly SqlValue[] {
  return [seq, line.f, line.v, line.i, line.r ?? null, Math.round(line.t), line.l, line.s, line.m];
}

export interface LogSelection {
  readonly functionId: string;
  readonly requestId?: string | undefined;
  /** Whose lines of the request it is about. */
  readonly owners?: readonly string[];
  /** Only what has a larger number. */
  readonly after: number;
  readonly limit: number;
  /** The last ones instead of the first. */
  readonly tail: boolean;
}

/** Lines of a function in order of arrival; with `tail` the other way round. */
export function* selectLogLines(tx: Tx, selection: LogSelection): TxStep<readonly LogLineRow[]> {
  const { functionId, requestId, after, limit } = selection;
  const order = selection.tail ? "seq DESC" : "seq";
  if (requestId !== undefined) {
    const { owners = [functionId] } = selection;
    const marks = owners.map(() => "?").join(", ");
    return yield* tx.all<LogLineRow>(
      `SELECT * FROM log_lines WHERE request_id = ? AND function_id IN (${marks}) AND seq > ?
       ORDER BY ${order} LIMIT ?`,
      [requestId, ...owners, after, limit],
    );
  }
  return yield* tx.all<LogLineRow>(
    `SELECT * FROM log_lines WHERE function_id = ? AND seq > ? ORDER BY ${order} LIMIT ?`,
    [functionId, after, limit],
  );
}

/**
 * Parses the spool's JSON lines; `taken` counts the bytes of whole lines, a torn tail is left for
 * later. What comes out can be stored and shown: a line that is none is counted and skipped, so
 * that it never holds up those behind it, and characters that a store refuses are replaced.
 */
export function parseSpooledLines(bytes: Uint8Array): {
  readonly lines: readonly SpooledLogLine[];
  readonly taken: number;
  readonly damaged: number;
} {
  const end = bytes.lastIndexOf(10) + 1;
  const lines: SpooledLogLine[] = [];
  let damaged = 0;
  for (const text of new TextDecoder().decode(bytes.subarray(0, end)).split("\n")) {
    if (text === "") continue;
    const line = parseLine(text);
    if (line === undefined) damaged += 1;
    else lines.push(line);
  }
  return { lines, taken: end, damaged };
}

const TIME_BYTES = 40;

/**
 * When the line at `at` was printed, wall milliseconds, without reading the rest; NaN when it does
 * not begin as the agent writes lines.
 */
export function lineWallMs(bytes: Uint8Array, at: number): number {
  const head = new TextDecoder("latin1").decode(bytes.subarray(at, at + TIME_BYTES));
  return Number(/^\{"t":(\d+(?:\.\d+)?)[,}]/.exec(head)?.[1] ?? Number.NaN);
}

const LEVELS: ReadonlySet<unknown> = new Set(["debug", "info", "warn", "error"]);
const STREAMS: ReadonlySet<unknown> = new Set(["console", "stdout", "stderr", "platform"]);
/** ECMA-262, 21.4.1.1: the latest time that a Date can hold. */
const TIME_MS_MAX = 8.64e15;

function parseLine(text: string): SpooledLogLine | undefined {
  const line = parseJson(text) as Partial<Record<keyof SpooledLogLine, unknown>> | null | undefined;
  if (typeof line !== "object" || line === null) return undefined;
  const { t, l, s, f, v, i, r, m } = line;
  const fits =
    typeof t === "number" &&
    t >= 0 &&
    t <= TIME_MS_MAX &&
    LEVELS.has(l) &&
    STREAMS.has(s) &&
    [f, v, i].every(isStorable) &&
    (r === undefined || isStorable(r)) &&
    typeof m === "string";
  return fits ? { ...(line as SpooledLogLine), m: storable(m) } : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isStorable(value: unknown): boolean {
  return typeof value === "string" && storable(value) === value;
}

/** NUL and halves of surrogate pairs, which code may print, are replaced. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

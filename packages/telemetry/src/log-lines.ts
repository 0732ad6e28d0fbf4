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
  /** Only what has a larger number. */
  readonly after: number;
  readonly limit: number;
}

/** Lines of a function in order of arrival. */
export function* selectLogLines(tx: Tx, selection: LogSelection): TxStep<readonly LogLineRow[]> {
  const { functionId, requestId, after, limit } = selection;
  if (requestId !== undefined) {
    return yield* tx.all<LogLineRow>(
      "SELECT * FROM log_lines WHERE request_id = ? AND function_id = ? AND seq > ? ORDER BY seq LIMIT ?",
      [requestId, functionId, after, limit],
    );
  }
  return yield* tx.all<LogLineRow>(
    "SELECT * FROM log_lines WHERE function_id = ? AND seq > ? ORDER BY seq LIMIT ?",
    [functionId, after, limit],
  );
}

/** Removes lines older than `beforeMs`, at most `limit` of them; returns how many went. */
export function* expireLogLines(
  tx: Tx,
  args: { readonly beforeMs: number; readonly limit: number },
): TxStep<number> {
  return yield* tx.run(
    "DELETE FROM log_lines WHERE seq IN (SELECT seq FROM log_lines WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",
    [args.beforeMs, args.limit],
  );
}

/**
 * Parses the spool's JSON lines; `taken` counts the bytes of whole lines, a torn tail is left for
 * later.
 */
export function parseSpooledLines(bytes: Uint8Array): {
  readonly lines: readonly SpooledLogLine[];
  readonly taken: number;
} {
  const end = bytes.lastIndexOf(10) + 1;
  const lines: SpooledLogLine[] = [];
  for (const text of new TextDecoder().decode(bytes.subarray(0, end)).split("\n")) {
    const line = parseLine(text);
    if (line !== undefined) lines.push(line);
  }
  return { lines, taken: end };
}

/** A line that cannot be read is skipped: it was torn by a crash of its writer. */
function parseLine(text: string): SpooledLogLine | undefined {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as SpooledLogLine;
  } catch {
    return undefined;
  }
}

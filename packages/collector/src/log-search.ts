/**
 * Looks through a function's log for lines that a filter wants, from either end, a bounded number
 * of lines at a time: a search over a long log is many short reads, between which others get their
 * turn. Runs in the store's worker, so that what is not wanted does not leave it.
 */
import type { LogFilter, LogLineResource } from "@skerry/api-schema";
import { matchesLog } from "@skerry/api-schema/log-filter";
import { reportLines, type RecordRow } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import type { LogLineRow } from "@skerry/telemetry";
import { ownersOf } from "./request-of.ts";

export interface LogSearch {
  readonly functionId: string;
  readonly requestId?: string | undefined;
  /** Only what lies between these numbers. */
  readonly after: number;
  readonly before: number;
  /** From the end backwards. */
  readonly tail: boolean;
  readonly limit: number;
  readonly filter: LogFilter;
}

export interface LogFound {
  /** In the order of the search. */
  readonly lines: readonly LogLineResource[];
  /** Everything up to here was looked at: the next `after`, or `before` from the end. */
  readonly at: number;
  readonly isEnd: boolean;
}

const PAGE = 500;
/** Lines that one read looks at. */
const SCAN_MAX = 4_000;
/** A record may have begun this long before what it tells: the longest wait and run together. */
const SPAN_MS = 1_200_000;

export function* searchLog(tx: Tx, search: LogSearch): TxStep<LogFound> {
  const { filter, limit, tail, functionId, requestId } = search;
  const owners =
    requestId === undefined ? [functionId] : yield* ownersOf(tx, { functionId, requestId });
  let { after, before } = search;
  if (filter.sinceMs !== undefined && after === 0) {
    after = yield* placeBefore(tx, functionId, filter.sinceMs - SPAN_MS);
  }
  const found: LogLineResource[] = [];
  for (let looked = 0; looked < SCAN_MAX; looked += PAGE) {
    const page = yield* readPage(tx, { ...search, owners, after, before });
    for (const line of page) {
      if (!matchesLog(line, filter)) continue;
      found.push(line);
      if (found.length === limit) return { lines: found, at: Number(line.cursor), isEnd: false };
    }
    const last = page.at(-1);
    if (last !== undefined && tail) before = Number(last.cursor);
    else if (last !== undefined) after = Number(last.cursor);
    const isEnd = page.length < PAGE;
    if (isEnd) return { lines: found, at: tail ? before : after, isEnd };
  }
  return { lines: found, at: tail ? before : after, isEnd: false };
}

/** A number in front of everything that was said from then on. */
function* placeBefore(tx: Tx, functionId: string, fromMs: number): TxStep<number> {
  const line = yield* tx.get<{ seq: number | null }>(
    "SELECT MIN(seq) AS seq FROM log_lines WHERE function_id = ? AND at_ms >= ?",
    [functionId, Math.floor(fromMs)],
  );
  const record = yield* tx.get<{ seq: number | null; start: number | null }>(
    `SELECT MIN(seq) AS seq, MIN(CASE WHEN start_seq > 0 THEN start_seq END) AS start
     FROM invocation_records WHERE function_id = ? AND start_ms >= ?`,
    [functionId, fromMs],
  );
  const places = [line?.seq, record?.seq, record?.start];
  const known = places.filter((seq) => typeof seq === "number");
  return known.length === 0 ? 0 : Math.min(...known) - 1;
}

/** The next lines in the order of the search, those of records among them. */
function* readPage(
  tx: Tx,
  search: LogSearch & { readonly owners: readonly string[] },
): TxStep<readonly LogLineResource[]> {
  const { owners, requestId, after, before, tail } = search;
  const order = tail ? "DESC" : "ASC";
  const marks = owners.map(() => "?").join(", ");
  const mine = `function_id IN (${marks})${requestId === undefined ? "" : " AND request_id = ?"}`;
  const who = requestId === undefined ? owners : [...owners, requestId];
  const rows = yield* tx.all<LogLineRow>(
    `SELECT * FROM log_lines WHERE ${mine} AND seq > ? AND seq < ? ORDER BY seq ${order} LIMIT ?`,
    [...who, after, before, PAGE],
  );
  const ended = yield* tx.all<RecordRow>(
    `SELECT * FROM invocation_records
     WHERE ${mine} AND seq >= ? AND seq < ? ORDER BY seq ${order} LIMIT ?`,
    [...who, after, before, PAGE],
  );
  const started = yield* tx.all<RecordRow>(
    `SELECT * FROM invocation_records
     WHERE ${mine} AND start_seq > ? AND start_seq < ? ORDER BY start_seq ${order} LIMIT ?`,
    [...who, after, before, PAGE],
  );
  const records = new Map([...ended, ...started].map((row) => [row.request_id, row]));
  const lines = [...rows.map(lineFromRow), ...[...records.values()].flatMap(linesFromRecord)];
  const way = tail ? -1 : 1;
  return lines
    .filter(({ cursor }) => Number(cursor) > after && Number(cursor) < before)
    .sort((a, b) => way * (Number(a.cursor) - Number(b.cursor)))
    .slice(0, PAGE);
}

export function lineFromRow(row: LogLineRow): LogLineResource {
  return {
    at: new Date(row.at_ms).toISOString(),
    level: row.level as LogLineResource["level"],
    stream: row.stream as LogLineResource["stream"],
    requestId: row.request_id,
    instanceId: row.instance_id,
    revisionId: row.revision_id,
    text: row.text,
    cursor: String(row.seq),
  };
}

/** START, END and REPORT. */
export function linesFromRecord(row: RecordRow): readonly LogLineResource[] {
  return reportLines(row).map(({ seq, atMs, level, text }) => ({
    at: new Date(atMs).toISOString(),
    level,
    stream: "platform",
    requestId: row.request_id,
    instanceId: row.instance_id,
    revisionId: row.revision_id,
    text,
    cursor: String(seq),
  }));
}

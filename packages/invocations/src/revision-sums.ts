/**
 * Sums over invocation records by revision, outcome and time of their end, added to in the commit
 * that takes the records in. They answer "how has this revision done since then?" from a few rows,
 * however many records there were: seconds are kept for an hour, minutes for a week, and totals,
 * which are counters, as long as records come.
 */
import type { RevisionId } from "@skerry/base";
import {
  bucketOf,
  emptyHistogram,
  type Histogram,
  type MeterRecord,
  tookUsOf,
  type Outcome,
  type RevisionFigures,
  type WindowFigures,
} from "@skerry/contracts";
import type { SqlValue, Tx, TxStep } from "@skerry/store";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const SECONDS_KEPT_MS = 3_600_000;
/** For how long minutes are kept; nothing is known of what ended earlier. */
export const FIGURES_KEPT_MS = 7 * 24 * 3_600_000;

/** One for each bucket of HISTOGRAM_BOUNDS_MS; another bound needs a migration. */
const BUCKETS = emptyHistogram().counts.map((_, at) => `bucket_${at}`);
const KEYS = ["revision_id", "span_ms", "at_ms", "outcome"];
const SUMS = [...BUCKETS, "sum_us", "server_errors"];
const SERVER_ERROR = 500;
type SpanTable = "revision_sums" | "revision_cold_sums";
const TOTAL_KEYS = ["revision_id", "outcome"];
const DAY_MS = 24 * 3_600_000;

/** SQL of a migration of the composing module. What ended before it is not in the sums. */
export const REVISION_SUM_TABLES = tablesOf("revision_sums");
/** SQL of a later one: the part of those sums that waited for an instance to start. */
export const REVISION_COLD_TABLES = tablesOf("revision_cold_sums");

function tablesOf(table: SpanTable): readonly string[] {
  return [
    `CREATE TABLE ${table} (
      revision_id @text NOT NULL,
      span_ms @integer NOT NULL,
      at_ms @integer NOT NULL,
      outcome @text NOT NULL,
      ${SUMS.map((name) => `${name} @integer NOT NULL`).join(", ")},
      PRIMARY KEY (${KEYS.join(", ")})
    )`,
    `CREATE INDEX ${table}_by_age ON ${table} (span_ms, at_ms)`,
  ];
}

/** SQL of the migration after that of the sums. */
export const REVISION_TOTAL_TABLES: readonly string[] = [
  `CREATE TABLE revision_totals (
    revision_id @text NOT NULL,
    outcome @text NOT NULL,
    ${SUMS.map((name) => `${name} @integer NOT NULL`).join(", ")},
    last_day @integer NOT NULL,
    PRIMARY KEY (${TOTAL_KEYS.join(", ")})
  )`,
  "CREATE INDEX revision_totals_by_age ON revision_totals (last_day)",
];

/** What one row holds: invocations of a revision that ended alike within one span of time. */
interface Sum {
  readonly revisionId: string;
  readonly spanMs: number;
  readonly atMs: number;
  readonly outcome: string;
  readonly counts: number[];
  sumUs: number;
  serverErrors: number;
}

/**
 * Adds the records of requests to the sums of the second and of the minute in which they ended, and
 * to totals; those that waited for a start also to sums of their own.
 */
export function* addToRevisionSums(
  tx: Tx,
  { records, wallMs }: { readonly records: readonly MeterRecord[]; readonly wallMs: number },
): TxStep<void> {
  const seconds = secondsOf(records);
  const minutes = sumsBy(MINUTE_MS, seconds);
  yield* addRows(tx, ADDING_SPANS, [...seconds, ...minutes].map(spanValues));
  const cold = secondsOf(records.filter(({ coldReason }) => coldReason !== "warm"));
  yield* addRows(tx, ADDING_COLD, [...cold, ...sumsBy(MINUTE_MS, cold)].map(spanValues));
  const day = Math.floor(wallMs / DAY_MS);
  const totals = sumsBy(Number.POSITIVE_INFINITY, minutes);
  yield* addRows(
    tx,
    ADDING_TOTALS,
    totals.map((sum) => totalValues(sum, day)),
  );
}

function secondsOf(records: readonly MeterRecord[]): readonly Sum[] {
  const sums = new Sums(SECOND_MS);
  for (const { revisionId, outcome, startWallMs, status, ...record } of records) {
    // Work behind an answer takes what it takes: it says nothing of how long callers waited.
    if (record.startKind === "background") continue;
    const tookUs = tookUsOf(record);
    const sum = sums.at({ revisionId, outcome, atMs: startWallMs + tookUs / 1_000 });
    const bucket = bucketOf(tookUs / 1_000);
    sum.counts[bucket] = (sum.counts[bucket] ?? 0) + 1;
    sum.sumUs += tookUs;
    if (outcome === "ok" && status >= SERVER_ERROR) sum.serverErrors += 1;
  }
  return sums.all();
}

function sumsBy(spanMs: number, parts: readonly Sum[]): readonly Sum[] {
  const sums = new Sums(spanMs);
  for (const part of parts) {
    const sum = sums.at(part);
    for (const [bucket, count] of part.counts.entries()) {
      sum.counts[bucket] = (sum.counts[bucket] ?? 0) + count;
    }
    sum.sumUs += part.sumUs;
    sum.serverErrors += part.serverErrors;
  }
  return sums.all();
}

/** The sums of one round, each under its key. */
class Sums {
  readonly #spanMs: number;
  readonly #byKey = new Map<string, Sum>();

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  at({ revisionId, outcome, atMs }: Pick<Sum, "revisionId" | "outcome" | "atMs">): Sum {
    const spanMs = this.#spanMs;
    const beginMs = Number.isFinite(spanMs) ? Math.floor(atMs / spanMs) * spanMs : 0;
    const key = `${revisionId}/${outcome}/${beginMs}`;
    let sum = this.#byKey.get(key);
    if (sum === undefined) {
      const counts = [...emptyHistogram().counts];
      sum = { revisionId, spanMs, atMs: beginMs, outcome, counts, sumUs: 0, serverErrors: 0 };
      this.#byKey.set(key, sum);
    }
    return sum;
  }

  all(): readonly Sum[] {
    return [...this.#byKey.values()];
  }
}

/**
 * Rows of a statement: as few statements as powers of two allow, since each is a round trip. Those
 * of one size always have the same text, so the store prepares them once.
 */
const SIZES = [32, 16, 8, 4, 2, 1] as const;

/** Statements by their size. */
type Adding = ReadonlyMap<number, string>;

const ADDING_SPANS = addingTo("revision_sums", KEYS, []);
const ADDING_COLD = addingTo("revision_cold_sums", KEYS, []);
const ADDING_TOTALS = addingTo("revision_totals", TOTAL_KEYS, ["last_day"]);

/** Statements that add sums to the rows of these keys, and set what else rows have. */
function addingTo(table: string, keys: readonly string[], others: readonly string[]): Adding {
  const columns = [...keys, ...SUMS, ...others];
  const marks = `(${columns.map(() => "?").join(", ")})`;
  const changes = [
    ...SUMS.map((name) => `${name} = ${table}.${name} + excluded.${name}`),
    ...others.map((name) => `${name} = excluded.${name}`),
  ];
  const adding = (rows: number): string =>
    `INSERT INTO ${table} (${columns.join(", ")})
     VALUES ${Array.from({ length: rows }, () => marks).join(", ")}
     ON CONFLICT (${keys.join(", ")}) DO UPDATE SET ${changes.join(", ")}`;
  return new Map(SIZES.map((size) => [size, adding(size)]));
}

function* addRows(tx: Tx, adding: Adding, rows: readonly (readonly SqlValue[])[]): TxStep<void> {
  let at = 0;
  for (const [size, statement] of adding) {
    for (; rows.length - at >= size; at += size) {
      yield* tx.run(statement, rows.slice(at, at + size).flat());
    }
  }
}

function spanValues(sum: Sum): readonly SqlValue[] {
  const { revisionId, spanMs, atMs, outcome, counts, sumUs, serverErrors } = sum;
  return [revisionId, spanMs, atMs, outcome, ...counts, sumUs, serverErrors];
}

function totalValues(
  { revisionId, outcome, counts, sumUs, serverErrors }: Sum,
  day: number,
): readonly SqlValue[] {
  return [revisionId, outcome, ...counts, sumUs, serverErrors, day];
}

/** What ended in the seconds that begin in `[sinceMs, untilMs)`. */
export interface FiguresWindow {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * Sums of one revision. Windows side by side share no invocation and miss none, as long as seconds
 * are kept; of one that begins or ends earlier, what lies outside of whole minutes is missing.
 * Reads as many rows as the window has minutes, and twice sixty more, times the outcomes, and as
 * many of starts.
 */
export function* selectRevisionFigures(
  tx: Tx,
  { revisionId, ...window }: FiguresWindow & { readonly revisionId: RevisionId },
): TxStep<WindowFigures> {
  const [rows, coldRows]: [SumRow[], SumRow[]] = [[], []];
  for (const { spanMs, sinceMs, untilMs } of partsOf(window)) {
    const values = [revisionId, spanMs, sinceMs, untilMs];
    rows.push(...(yield* tx.all<SumRow>(SELECT, values)));
    coldRows.push(...(yield* tx.all<SumRow>(SELECT_COLD, values)));
  }
  const { duration: cold } = figuresOf(revisionId, coldRows);
  return { ...figuresOf(revisionId, rows), cold };
}

/** Counters of those revisions that ever had an invocation. */
export function* selectRevisionTotals(
  tx: Tx,
  revisionIds: readonly RevisionId[],
): TxStep<readonly RevisionFigures[]> {
  const found: RevisionFigures[] = [];
  for (let at = 0; at < revisionIds.length; at += IDS_PER_STATEMENT) {
    const some = revisionIds.slice(at, at + IDS_PER_STATEMENT);
    const rows = yield* tx.all<SumRow & { readonly revision_id: RevisionId }>(
      `SELECT revision_id, outcome, ${SUMS.join(", ")} FROM revision_totals
       WHERE revision_id IN (${some.map(() => "?").join(", ")})`,
      some,
    );
    const byRevision = Map.groupBy(rows, ({ revision_id: id }) => id);
    for (const [id, own] of byRevision) found.push(figuresOf(id, own));
  }
  return found;
}

const IDS_PER_STATEMENT = 100;

type SumRow = Readonly<Record<string, number | string>> & { readonly outcome: Outcome };

function figuresOf(revisionId: RevisionId, rows: readonly SumRow[]): RevisionFigures {
  const outcomes: Partial<Record<Outcome, number>> = {};
  const counts = [...emptyHistogram().counts];
  let [sumUs, serverErrors] = [0, 0];
  for (const row of rows) {
    const added = BUCKETS.map((name) => Number(row[name]));
    for (const [at, count] of added.entries()) counts[at] = (counts[at] ?? 0) + count;
    const ended = added.reduce((sum, count) => sum + count, 0);
    outcomes[row.outcome] = (outcomes[row.outcome] ?? 0) + ended;
    sumUs += Number(row["sum_us"]);
    serverErrors += Number(row["server_errors"]);
  }
  const duration: Histogram = { counts, sumMs: sumUs / 1_000 };
  return { revisionId, outcomes, serverErrors, duration };
}

const SELECT = selectOf("revision_sums");
const SELECT_COLD = selectOf("revision_cold_sums");

function selectOf(table: SpanTable): string {
  return `SELECT outcome,
      ${SUMS.map((name) => `CAST(SUM(${name}) AS @integer) AS ${name}`).join(", ")}
    FROM ${table} WHERE revision_id = ? AND span_ms = ? AND at_ms >= ? AND at_ms < ?
    GROUP BY outcome`;
}

/** Whole minutes, and the seconds on either side of them. */
function partsOf({
  sinceMs,
  untilMs,
}: FiguresWindow): readonly (FiguresWindow & { readonly spanMs: number })[] {
  const firstMs = Math.ceil(sinceMs / MINUTE_MS) * MINUTE_MS;
  const lastMs = Math.floor(untilMs / MINUTE_MS) * MINUTE_MS;
  const parts =
    firstMs >= lastMs
      ? [{ spanMs: SECOND_MS, sinceMs, untilMs }]
      : [
          { spanMs: SECOND_MS, sinceMs, untilMs: firstMs },
          { spanMs: MINUTE_MS, sinceMs: firstMs, untilMs: lastMs },
          { spanMs: SECOND_MS, sinceMs: lastMs, untilMs },
        ];
  // Begins of spans are whole milliseconds, and the store compares whole numbers.
  return parts.map((part) => ({
    spanMs: part.spanMs,
    sinceMs: Math.ceil(part.sinceMs),
    untilMs: Math.ceil(part.untilMs),
  }));
}

/**
 * Forgets seconds after an hour and minutes after a week, or those from before `beforeMs` when that
 * is less, and totals to which nothing came since then; at most `limit` of each, and those that
 * began with the last of them. True when there may be more.
 */
export function* expireRevisionSums(
  tx: Tx,
  args: { readonly wallMs: number; readonly beforeMs: number; readonly limit: number },
): TxStep<boolean> {
  let isMore = false;
  for (const [table, spanMs, keptMs] of [
    ["revision_sums", SECOND_MS, SECONDS_KEPT_MS],
    ["revision_sums", MINUTE_MS, FIGURES_KEPT_MS],
    ["revision_cold_sums", SECOND_MS, SECONDS_KEPT_MS],
    ["revision_cold_sums", MINUTE_MS, FIGURES_KEPT_MS],
  ] as const) {
    const beforeMs = Math.floor(Math.max(args.beforeMs, args.wallMs - keptMs));
    const gone = yield* tx.run(
      `DELETE FROM ${table} WHERE span_ms = ? AND at_ms < ? AND at_ms IN
         (SELECT at_ms FROM ${table} WHERE span_ms = ? ORDER BY at_ms LIMIT ?)`,
      [spanMs, beforeMs, spanMs, args.limit],
    );
    isMore ||= gone >= args.limit;
  }
  yield* tx.run(
    `DELETE FROM revision_totals WHERE last_day < ? AND last_day IN
       (SELECT last_day FROM revision_totals ORDER BY last_day LIMIT ?)`,
    [Math.floor(args.beforeMs / DAY_MS), args.limit],
  );
  return isMore;
}

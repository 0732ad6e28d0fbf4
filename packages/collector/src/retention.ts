/**
 * What is kept of logs and records, by age and by size. Sizes are kept beside the rows, in the
 * commits that add and remove them, so that nobody has to count; they say how much the rows and
 * their indexes take, near enough. A sweep is a few steps of a bounded number of rows each, the
 * oldest first. A database's file does not shrink: what goes makes room for what comes.
 */
import type { MeterRecord, SpooledLogLine } from "@skerry/contracts";
import { expireRevisionSums, expireTallies, expireTraces, expireUsage } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { expireInterims } from "./interims.ts";

/** Of a line beside its text, and of a whole record, with their indexes. */
const LINE_BYTES = 300;
const RECORD_BYTES = 700;

/** SQL that the sixth migration adds: what is there already counts. */
export const SIZE_TABLES: readonly string[] = [
  "CREATE TABLE telemetry_sizes (kind @text PRIMARY KEY, bytes @integer NOT NULL)",
  `INSERT INTO telemetry_sizes (kind, bytes)
   SELECT 'lines', COALESCE(SUM(OCTET_LENGTH(text) + ${LINE_BYTES}), 0) FROM log_lines`,
  `INSERT INTO telemetry_sizes (kind, bytes)
   SELECT 'records', COUNT(*) * ${RECORD_BYTES} FROM invocation_records`,
];

type Kind = "lines" | "records";

export interface Retention {
  readonly wallMs: number;
  /** Lines and records from before then go. */
  readonly beforeMs: number;
  /** Days of usage from before then go; as the records when absent. */
  readonly usageBeforeMs?: number;
  /** Of gateways; what was kept of their calls stays until each is read to its end. */
  readonly meterSpools?: readonly string[];
  readonly lineBytesMax: number;
  readonly recordBytesMax: number;
  /** Rows of each kind that one step removes. */
  readonly limit: number;
}

/** Counts what a round added. */
export function* growSizes(
  tx: Tx,
  added: { readonly lines: readonly SpooledLogLine[]; readonly records: readonly MeterRecord[] },
): TxStep<void> {
  const { lines, records } = added;
  const text = lines.reduce((sum, { m }) => sum + Buffer.byteLength(m), 0);
  if (lines.length > 0) yield* resize(tx, "lines", text + lines.length * LINE_BYTES);
  if (records.length > 0) yield* resize(tx, "records", records.length * RECORD_BYTES);
}

/** One step of a sweep; true when there may be more to remove. */
export function* sweepTelemetry(tx: Tx, retention: Retention): TxStep<boolean> {
  const { limit, beforeMs, wallMs } = retention;
  const oldLines = yield* removeLines(tx, yield* oldestLines(tx, retention));
  const oldRecords = yield* removeOldRecords(tx, retention);
  const isOver = yield* trimToSize(tx, retention);
  yield* expireTallies(tx, { beforeMs, limit });
  yield* expireTraces(tx, { beforeMs, limit });
  yield* expireInterims(tx, { beforeMs, limit, spools: retention.meterSpools ?? [] });
  yield* expireUsage(tx, { beforeMs: retention.usageBeforeMs ?? beforeMs, limit });
  const areOldSums = yield* expireRevisionSums(tx, { wallMs, beforeMs, limit });
  return areOldSums || oldLines >= limit || oldRecords >= limit || isOver;
}

/** How many bytes are there. */
export function* readSizes(tx: Tx, _args: null): TxStep<Readonly<Record<Kind, number>>> {
  return { lines: yield* sizeOf(tx, "lines"), records: yield* sizeOf(tx, "records") };
}

interface SizedLine {
  readonly seq: number;
  readonly bytes: number;
}

const SIZED = "SELECT seq, OCTET_LENGTH(text) AS bytes FROM log_lines";

function* oldestLines(tx: Tx, { beforeMs, limit }: Retention): TxStep<readonly SizedLine[]> {
  return yield* tx.all<{ seq: number; bytes: number }>(
    `${SIZED} WHERE at_ms < ? ORDER BY at_ms LIMIT ?`,
    [beforeMs, limit],
  );
}

const SEQS_PER_STATEMENT = 500;

function* removeLines(tx: Tx, lines: readonly SizedLine[]): TxStep<number> {
  for (let at = 0; at < lines.length; at += SEQS_PER_STATEMENT) {
    const some = lines.slice(at, at + SEQS_PER_STATEMENT).map(({ seq }) => seq);
    const marks = some.map(() => "?").join(", ");
    yield* tx.run(`DELETE FROM log_lines WHERE seq IN (${marks})`, some);
  }
  const bytes = lines.reduce((sum, line) => sum + line.bytes + LINE_BYTES, 0);
  if (lines.length > 0) yield* resize(tx, "lines", -bytes);
  return lines.length;
}

function* removeOldRecords(tx: Tx, { beforeMs, limit }: Retention): TxStep<number> {
  const gone = yield* tx.run(
    `DELETE FROM invocation_records WHERE request_id IN
       (SELECT request_id FROM invocation_records WHERE start_ms < ? ORDER BY start_ms LIMIT ?)`,
    [beforeMs, limit],
  );
  if (gone > 0) yield* resize(tx, "records", -gone * RECORD_BYTES);
  return gone;
}

/** Removes the oldest of what is too much; true when some of it is still there. */
function* trimToSize(tx: Tx, retention: Retention): TxStep<boolean> {
  const { lineBytesMax, recordBytesMax, limit } = retention;
  let over = (yield* sizeOf(tx, "lines")) - lineBytesMax;
  if (over > 0) {
    const oldest = yield* tx.all<{ seq: number; bytes: number }>(`${SIZED} ORDER BY seq LIMIT ?`, [
      limit,
    ]);
    const going: SizedLine[] = [];
    for (const line of oldest) {
      if (over <= 0) break;
      going.push(line);
      over -= line.bytes + LINE_BYTES;
    }
    yield* removeLines(tx, going);
    if (oldest.length === 0) over = 0;
  }
  const records = (yield* sizeOf(tx, "records")) - recordBytesMax;
  const wanted = Math.ceil(records / RECORD_BYTES);
  if (wanted <= 0) return over > 0;
  const gone = yield* tx.run(
    `DELETE FROM invocation_records WHERE request_id IN
       (SELECT request_id FROM invocation_records ORDER BY seq LIMIT ?)`,
    [Math.min(wanted, limit)],
  );
  if (gone > 0) yield* resize(tx, "records", -gone * RECORD_BYTES);
  return over > 0 || (gone > 0 && gone < wanted);
}

function* sizeOf(tx: Tx, kind: Kind): TxStep<number> {
  const row = yield* tx.get<{ bytes: number }>("SELECT bytes FROM telemetry_sizes WHERE kind = ?", [
    kind,
  ]);
  return row?.bytes ?? 0;
}

function* resize(tx: Tx, kind: Kind, bytes: number): TxStep<void> {
  yield* tx.run("UPDATE telemetry_sizes SET bytes = bytes + ? WHERE kind = ?", [bytes, kind]);
}

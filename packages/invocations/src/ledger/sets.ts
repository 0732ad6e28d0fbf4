/**
 * One statement for many rows. A statement costs as much as the rows of a few, and on PostgreSQL a
 * round trip. Its text names each row, so there is one text for each power of two; what a set lacks
 * to one is filled up with rows of nulls, which neither match nor are written.
 *
 * The first row says the types: PostgreSQL takes a bare parameter of a list of rows for text.
 *
 * Most sets of a quiet platform are of one row, which a caller waits for: what is inserted then may
 * have a text of its own, without a list, that takes two thirds of the time.
 */
import type { SqlValue, Tx, TxStep } from "@skerry/store";

/** Numbers of rows that there are texts for. */
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const SIZE_MAX = 256;

type ColumnType = "@integer" | "@text" | "@bytes";

export interface SetStatement {
  /** One for each size. */
  readonly texts: readonly string[];
  readonly blank: readonly null[];
}

/** Of values for `IN (…)`. */
export function overValues(text: (values: string) => string): SetStatement {
  const texts = SIZES.map((size) => text(Array.from({ length: size }, () => "?").join(", ")));
  return { texts, blank: [null] };
}

/**
 * Of rows for `VALUES …`. What inserts them leaves out those whose first column is null. `alone` is
 * the text for one row, with the same parameters.
 */
export function overRows(
  types: readonly ColumnType[],
  text: (rows: string) => string,
  alone?: string,
): SetStatement {
  const first = `(${types.map((type) => `CAST(? AS ${type})`).join(", ")})`;
  const other = `(${types.map(() => "?").join(", ")})`;
  const texts = SIZES.map((size) =>
    text([first, ...Array.from({ length: size - 1 }, () => other)].join(", ")),
  );
  if (alone !== undefined) texts[0] = alone;
  return { texts, blank: types.map(() => null) };
}

export interface SetOf {
  readonly rows: readonly (readonly SqlValue[])[];
  /** Parameters that stand before the rows in the text, and behind them. */
  readonly before?: readonly SqlValue[];
  readonly after?: readonly SqlValue[];
}

/** How many rows were changed. */
export function* runOver(tx: Tx, statement: SetStatement, set: SetOf): TxStep<number> {
  let changed = 0;
  for (const [sql, params] of chunksOf(statement, set)) changed += yield* tx.run(sql, params);
  return changed;
}

/** Their order is the store's. */
export function* allOver<T extends Record<keyof T, SqlValue>>(
  tx: Tx,
  statement: SetStatement,
  set: SetOf,
): TxStep<readonly T[]> {
  const found: T[] = [];
  for (const [sql, params] of chunksOf(statement, set)) {
    found.push(...(yield* tx.all<T>(sql, params)));
  }
  return found;
}

function* chunksOf(
  { texts, blank }: SetStatement,
  { rows, before = [], after = [] }: SetOf,
): Generator<readonly [sql: string, params: readonly SqlValue[]]> {
  for (let from = 0; from < rows.length; from += SIZE_MAX) {
    const count = Math.min(SIZE_MAX, rows.length - from);
    const place = SIZES.findIndex((size) => size >= count);
    const params = [...before];
    for (let at = from; at < from + count; at += 1) {
      for (const value of rows[at] ?? blank) params.push(value);
    }
    for (let size = count; size < (SIZES[place] ?? count); size += 1) params.push(...blank);
    params.push(...after);
    yield [texts[place] ?? "", params];
  }
}

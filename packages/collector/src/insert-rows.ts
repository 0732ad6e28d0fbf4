/**
 * Many rows by few statements. Full statements all have the same text, so the store prepares it
 * once; a record costs a fraction of what a statement of its own would.
 */
import type { SqlValue, Tx, TxStep } from "@skerry/store";

export interface RowsToInsert {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** Column whose value may be there already; the row is then left out. */
  readonly unless?: string;
  /** Column whose value may be there already; that row is then replaced. No two rows have it. */
  readonly replacing?: string;
}

const ROWS_PER_STATEMENT = 40;

export function* insertRows(tx: Tx, insert: RowsToInsert): TxStep<void> {
  const { table, columns, rows } = insert;
  const marks = `(${columns.map(() => "?").join(", ")})`;
  const tail = onConflict(insert);
  for (let at = 0; at < rows.length;) {
    const left = rows.length - at;
    const count = left >= ROWS_PER_STATEMENT ? ROWS_PER_STATEMENT : 1;
    const values = Array.from({ length: count }, () => marks).join(", ");
    yield* tx.run(
      `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${values}${tail}`,
      rows.slice(at, at + count).flat(),
    );
    at += count;
  }
}

function onConflict({ columns, unless, replacing }: RowsToInsert): string {
  if (unless !== undefined) return ` ON CONFLICT (${unless}) DO NOTHING`;
  if (replacing === undefined) return "";
  const all = columns.map((column) => `${column} = excluded.${column}`).join(", ");
  return ` ON CONFLICT (${replacing}) DO UPDATE SET ${all}`;
}

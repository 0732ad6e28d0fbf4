/** Marks of code that nothing needs. Whoever comes to need it takes its mark away. */
import type { Tx, TxStep } from "@skerry/store";

/** Lets the grace of these begin anew; what is gone has no mark either. */
export function* renewCode(tx: Tx, args: { readonly names: readonly string[] }): TxStep<void> {
  for (const name of args.names) yield* tx.run("DELETE FROM code_marks WHERE name = ?", [name]);
}

/** Those of `names` that carry a mark. */
export function* markedCode(tx: Tx, names: readonly string[]): TxStep<readonly string[]> {
  if (names.length === 0) return [];
  const rows = yield* tx.all<{ name: string }>(
    `SELECT name FROM code_marks WHERE name IN (${placesFor(names)})`,
    [...names],
  );
  return rows.map(({ name }) => name);
}

/** As many placeholders as there are names. */
export function placesFor(names: readonly string[]): string {
  return names.map(() => "?").join(", ");
}

/**
 * What removed functions were called, for as long as their usage is kept: a bill names what it is
 * for.
 */
import type { AccountId, FunctionId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

/** What a function that was removed was called. */
export interface FormerName {
  readonly id: FunctionId;
  readonly app: string;
  readonly name: string;
}

/** The newest stay; usage of older ones is shown without a name. */
const NAMES_MAX = 50_000;
const IDS_PER_STATEMENT = 500;

/** Tables that came with usage. */
export const FORMER_NAME_TABLES: readonly string[] = [
  `CREATE TABLE former_names (
    function_id @text PRIMARY KEY, account_id @text NOT NULL, app @text NOT NULL,
    name @text NOT NULL)`,
];

/** Keeps the name of a function that is being removed. */
export function* keepName(
  tx: Tx,
  args: FormerName & { readonly accountId: AccountId },
): TxStep<void> {
  yield* tx.run(
    `INSERT INTO former_names (function_id, account_id, app, name) VALUES (?, ?, ?, ?)
     ON CONFLICT (function_id) DO NOTHING`,
    [args.id, args.accountId, args.app, args.name],
  );
  // Ids sort by age.
  yield* tx.run(
    `DELETE FROM former_names WHERE function_id IN
       (SELECT function_id FROM former_names ORDER BY function_id DESC LIMIT 10 OFFSET ?)`,
    [NAMES_MAX],
  );
}

/** Names of those of these functions that were removed. */
export function* formerNames(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly ids: readonly FunctionId[] },
): TxStep<readonly FormerName[]> {
  const found: FormerName[] = [];
  for (let at = 0; at < args.ids.length; at += IDS_PER_STATEMENT) {
    const some = args.ids.slice(at, at + IDS_PER_STATEMENT);
    const rows = yield* tx.all<FormerName>(
      `SELECT function_id AS id, app, name FROM former_names
       WHERE account_id = ? AND function_id IN (${some.map(() => "?").join(", ")})`,
      [args.accountId, ...some],
    );
    found.push(...rows.map(({ id, app, name }) => ({ id, app, name })));
  }
  return found;
}

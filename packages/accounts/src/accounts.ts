/** Accounts: the wall of isolation. The first one is made at the platform's first start. */
import { assert, type AccountId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

/** Name of the account that is made at first start. */
const DEFAULT_ACCOUNT_NAME = "default";

/**
 * The id of the default account; it is made under `freshId` at first. May be called at every start.
 */
export function* ensureDefaultAccount(
  tx: Tx,
  args: { readonly freshId: AccountId; readonly wallMs: number },
): TxStep<AccountId> {
  yield* tx.run(
    `INSERT INTO accounts (id, name, created_at_ms) VALUES (?, ?, ?)
     ON CONFLICT (name) DO NOTHING`,
    [args.freshId, DEFAULT_ACCOUNT_NAME, args.wallMs],
  );
  const row = yield* tx.get<{ id: AccountId }>("SELECT id FROM accounts WHERE name = ?", [
    DEFAULT_ACCOUNT_NAME,
  ]);
  assert(row !== undefined, "the default account was just ensured");
  return row.id;
}

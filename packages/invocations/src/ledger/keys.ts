/**
 * Idempotency keys: what each stands for, for as long as it is in force. A key is a function's, and
 * stands for an invocation; or a topic's, and stands for what a publish was answered.
 */
import type { AccountId, FunctionId, TopicId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

type Name = readonly [accountId: AccountId, of: FunctionId | TopicId, key: string];

/** `id`: an invocation, or its topic, whose `answer` it has. */
type Kept = { id: string; digest: string; expires_ms: number; answer: string | null };

/** In force or not; undefined when there is none. */
export function* readKey(tx: Tx, name: Name): TxStep<Kept | undefined> {
  return yield* tx.get<Kept>(
    `SELECT id, digest, expires_ms, answer FROM ledger_keys
     WHERE account_id = ? AND function_id = ? AND key = ?`,
    name,
  );
}

/** It stands for this from now on; whoever calls this has seen that it may. */
export function* keepKey(tx: Tx, name: Name, kept: Kept): TxStep<void> {
  yield* tx.run(
    `INSERT INTO ledger_keys (account_id, function_id, key, id, digest, expires_ms, answer)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (account_id, function_id, key) DO UPDATE SET id = excluded.id,
       digest = excluded.digest, expires_ms = excluded.expires_ms, answer = excluded.answer`,
    [...name, kept.id, kept.digest, kept.expires_ms, kept.answer],
  );
}

/**
 * What belongs to every change and to its transaction: the audit record, and the answer that its
 * idempotency key keeps.
 */
import { appendAudit, type AuditRecord } from "@skerry/accounts";
import type { ChangeStamp } from "@skerry/api-serving";
import type { Tx, TxStep } from "@skerry/store";
import { keepRepeat } from "@skerry/repeats";

/**
 * Writes the record of a change and keeps its answer. `answer` is for one that only the transaction
 * knows; else the claim carries it. Throws IDEMPOTENT_REQUEST_RACED.
 */
export function* recordChange(
  tx: Tx,
  stamp: ChangeStamp,
  change: Pick<AuditRecord, "action" | "resource" | "details"> & {
    readonly answer?: () => unknown;
  },
): TxStep<void> {
  const { claim, ...audit } = stamp;
  const { answer, ...record } = change;
  yield* appendAudit(tx, { ...audit, ...record });
  if (claim === null) return;
  const kept = answer === undefined ? claim : { ...claim, answer: JSON.stringify(answer()) };
  yield* keepRepeat(tx, { claim: kept, subject: record.resource, wallMs: stamp.atMs });
}

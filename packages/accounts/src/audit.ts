/**
 * The audit: who changed what. Every change writes its record in its own transaction, so there is
 * no change without a record and no record without the change. Records are never altered; they go
 * by age and by number, the oldest first. A flood of changes cannot push out the trace of one:
 * nothing goes by number before it has a stated age.
 */
import type { AccountId, AuditId, KeyId, RequestId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

/** Stands for the platform where no key asked for a change. */
export const PLATFORM_ACTOR = "platform";

/** What the caller of a change knows before it begins. */
export interface AuditStamp {
  readonly id: AuditId;
  readonly accountId: AccountId;
  readonly keyId: KeyId | typeof PLATFORM_ACTOR;
  readonly requestId: RequestId;
  readonly atMs: number;
}

export interface AuditRecord extends AuditStamp {
  readonly action: string;
  /** What was changed, for example `app/hello` or `key/key_…`. */
  readonly resource: string;
  /** Never secrets, environment values or bodies. */
  readonly details: Readonly<Record<string, unknown>>;
}

interface AuditRow {
  readonly id: AuditId;
  readonly account_id: AccountId;
  readonly at_ms: number;
  readonly key_id: AuditStamp["keyId"];
  readonly action: string;
  readonly resource: string;
  readonly request_id: RequestId;
  readonly details_json: string;
}

/** Writes one record. For use inside the transaction of the change. */
export function* appendAudit(tx: Tx, record: AuditRecord): TxStep<void> {
  const { id, accountId, atMs, keyId, action, resource, requestId, details } = record;
  yield* tx.run(
    `INSERT INTO audit_records (id, account_id, at_ms, key_id, action, resource, request_id, details_json)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    [id, accountId, atMs, keyId, action, resource, requestId, JSON.stringify(details)],
  );
}

/**
 * The account's records, newest first, before the id `before` (null for the newest); one more than
 * `limit` if any.
 */
export function* listAudit(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly before: string | null; readonly limit: number },
): TxStep<readonly AuditRecord[]> {
  const { accountId, before, limit } = args;
  const rows = yield* tx.all<AuditRow>(
    `SELECT id, account_id, at_ms, key_id, action, resource, request_id, details_json
     FROM audit_records WHERE account_id = ? ${before === null ? "" : "AND id < ?"}
     ORDER BY id DESC LIMIT ?`,
    before === null ? [accountId, limit + 1] : [accountId, before, limit + 1],
  );
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    atMs: row.at_ms,
    keyId: row.key_id,
    action: row.action,
    resource: row.resource,
    requestId: row.request_id,
    details: JSON.parse(row.details_json) as Record<string, unknown>,
  }));
}

/** Whether something is recorded of a resource, by anybody. */
export function* isAudited(
  tx: Tx,
  { accountId, resource }: Pick<AuditRecord, "accountId" | "resource">,
): TxStep<boolean> {
  const found = yield* tx.get(
    "SELECT id FROM audit_records WHERE account_id = ? AND resource = ? LIMIT 1",
    [accountId, resource],
  );
  return found !== undefined;
}

/** What is kept of the audit. */
export interface AuditRetention {
  /** Records from before then go. */
  readonly beforeMs: number;
  /** Beyond this number the oldest go, of all accounts together. */
  readonly recordsMax: number;
  /** Nothing from then or later goes, whatever the other two say. */
  readonly floorMs: number;
  /** Records that one step removes. */
  readonly rowsMax: number;
}

/** One step of a sweep. Returns how many records it removed; with `rowsMax` there may be more. */
export function* expireAudit(tx: Tx, retention: AuditRetention): TxStep<number> {
  const { beforeMs, recordsMax, floorMs, rowsMax } = retention;
  const old = yield* removeOldest(tx, { beforeMs: Math.min(beforeMs, floorMs), rowsMax });
  if (old >= rowsMax) return old;
  const [firstKept] = yield* tx.all<{ id: AuditId }>(
    "SELECT id FROM audit_records ORDER BY id DESC LIMIT 1 OFFSET ?",
    [recordsMax - 1],
  );
  if (firstKept === undefined) return old;
  const over = { beforeMs: floorMs, beforeId: firstKept.id, rowsMax: rowsMax - old };
  return old + (yield* removeOldest(tx, over));
}

/** Of the oldest `rowsMax`, as ids sort by age, those from before a time. */
function* removeOldest(
  tx: Tx,
  args: { readonly beforeMs: number; readonly beforeId?: AuditId; readonly rowsMax: number },
): TxStep<number> {
  const { beforeMs, beforeId, rowsMax } = args;
  return yield* tx.run(
    `DELETE FROM audit_records WHERE at_ms < ? AND id IN
       (SELECT id FROM audit_records ${beforeId === undefined ? "" : "WHERE id < ?"}
        ORDER BY id LIMIT ?)`,
    beforeId === undefined ? [beforeMs, rowsMax] : [beforeMs, beforeId, rowsMax],
  );
}

/** Which revisions of an account are shown by the names that callers have for them. */
import type { AccountId, RevisionId } from "@skerry/base";
import { LATEST } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";

export interface ShownVersion {
  readonly app: string;
  readonly function: string;
  /** A number, or `$LATEST` for a revision without one. */
  readonly version: string;
  readonly revisionId: RevisionId;
}

interface Row {
  readonly app: string;
  readonly function: string;
  readonly number: number | null;
  readonly revision_id: RevisionId;
  readonly since_ms: number;
}

/**
 * Versions, and what is deployed without a number, of functions that have had versions: each
 * revision once, those published or deployed last first, at most `limit`.
 */
export function* shownVersions(
  tx: Tx,
  { accountId, limit }: { readonly accountId: AccountId; readonly limit: number },
): TxStep<readonly ShownVersion[]> {
  const numbered = yield* tx.all<Row>(
    `SELECT a.name AS app, f.name AS function, v.number AS number, v.revision_id AS revision_id,
       v.created_at_ms AS since_ms
     FROM function_versions v JOIN functions f ON f.id = v.function_id
     JOIN apps a ON a.id = f.app_id
     WHERE f.account_id = ? ORDER BY v.created_at_ms DESC, v.revision_id LIMIT ?`,
    [accountId, limit],
  );
  const latest = yield* tx.all<Row>(
    `SELECT a.name AS app, f.name AS function, f.latest_revision_id AS revision_id,
       f.updated_at_ms AS since_ms
     FROM functions f JOIN apps a ON a.id = f.app_id
     WHERE f.account_id = ? AND f.last_version > 0 AND NOT EXISTS
       (SELECT 1 FROM function_versions v WHERE v.revision_id = f.latest_revision_id)
     ORDER BY f.updated_at_ms DESC, f.id LIMIT ?`,
    [accountId, limit],
  );
  return [...numbered, ...latest]
    .toSorted((a, b) => b.since_ms - a.since_ms)
    .slice(0, limit)
    .map((row) => ({
      app: row.app,
      function: row.function,
      version: `${row.number ?? LATEST}`,
      revisionId: row.revision_id,
    }));
}

/** Which revisions of an account are shown by the names that callers have for them. */
import type { AccountId, RevisionId } from "@skerry/base";
import { LATEST } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";

export interface ShownVersion {
  readonly app: string;
  readonly function: string;
  /** A number, or `$LATEST` for a revision without one. */
  readonly version: string;
  /** What ran as it: its own first, then those by overlays of aliases. */
  readonly revisionIds: readonly RevisionId[];
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
 * revision once, those published or deployed last first, at most `limit`, and at most as many more
 * by overlays.
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
  const overlaid = yield* tx.all<{ revision_id: RevisionId; version_id: RevisionId }>(
    `SELECT o.revision_id AS revision_id, v.revision_id AS version_id
     FROM version_overlays o JOIN functions f ON f.id = o.function_id
     JOIN function_versions v ON v.function_id = o.function_id AND v.number = o.number
     WHERE f.account_id = ? ORDER BY o.led_at_ms DESC, o.revision_id LIMIT ?`,
    [accountId, limit],
  );
  const byVersion = Map.groupBy(overlaid, (one) => one.version_id);
  return [...numbered, ...latest]
    .toSorted((a, b) => b.since_ms - a.since_ms)
    .slice(0, limit)
    .map((row) => ({
      app: row.app,
      function: row.function,
      version: `${row.number ?? LATEST}`,
      revisionIds: [
        row.revision_id,
        ...(byVersion.get(row.revision_id) ?? []).map((one) => one.revision_id),
      ],
    }));
}

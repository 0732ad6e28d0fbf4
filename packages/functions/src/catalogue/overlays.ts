/**
 * Which revisions ran as a version because an alias laid variables over it. What they run follows
 * from alias and version; what is kept here is only whose they were, so that records, lines and
 * figures are found under the version. Those that an alias leads to now are always there, of others
 * the last.
 */
import type { FunctionId, RevisionId } from "@skerry/base";
import { LIMITS, versionsOfAlias, type AliasTarget } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { idsWith, overlayOf } from "../qualifying/overlay.ts";

/** Tables that came with overlays. */
export const OVERLAY_TABLES: readonly string[] = [
  `CREATE TABLE version_overlays (
    revision_id @text PRIMARY KEY, function_id @text NOT NULL, number @integer NOT NULL,
    led_at_ms @integer NOT NULL)`,
  "CREATE INDEX version_overlays_by_version ON version_overlays (function_id, number)",
];

/** Names one version. */
interface VersionOf {
  readonly functionId: FunctionId;
  readonly number: number;
}

/** Keeps what an alias leads to from now on. Call it when the alias's row says so. */
export function* noteOverlays(
  tx: Tx,
  args: {
    readonly functionId: FunctionId;
    readonly target: AliasTarget;
    readonly wallMs: number;
  },
): TxStep<void> {
  const { functionId, target, wallMs } = args;
  if (overlayOf(target) === undefined) return;
  const versions = yield* tx.all<{ number: number; revision_id: RevisionId }>(
    "SELECT number, revision_id FROM function_versions WHERE function_id = ?",
    [functionId],
  );
  const ids = new Map(versions.map((one) => [one.number, one.revision_id]));
  for (const [number, id] of derivedBy(target, ids)) {
    yield* tx.run(
      `INSERT INTO version_overlays (revision_id, function_id, number, led_at_ms)
       VALUES (?, ?, ?, ?)
       ON CONFLICT (revision_id) DO UPDATE SET led_at_ms = excluded.led_at_ms`,
      [id, functionId, number, wallMs],
    );
  }
  yield* forgetFormer(tx, functionId, ids);
}

/** Revisions by overlays of former days go, those first to which none leads longest. */
function* forgetFormer(
  tx: Tx,
  functionId: FunctionId,
  ids: ReadonlyMap<number, RevisionId>,
): TxStep<void> {
  const rows = yield* tx.all<{ revision_id: RevisionId }>(
    "SELECT revision_id FROM version_overlays WHERE function_id = ? ORDER BY led_at_ms, revision_id",
    [functionId],
  );
  if (rows.length <= LIMITS.overlaysKept) return;
  const aliases = yield* tx.all<{ target: string }>(
    "SELECT target FROM function_aliases WHERE function_id = ?",
    [functionId],
  );
  const targets = aliases.map(({ target }) => JSON.parse(target) as AliasTarget);
  const led = new Set(targets.flatMap((one) => derivedBy(one, ids).map(([, id]) => id)));
  const former = rows.filter(({ revision_id: id }) => !led.has(id));
  for (const { revision_id: id } of former.slice(0, rows.length - LIMITS.overlaysKept)) {
    yield* tx.run("DELETE FROM version_overlays WHERE revision_id = ?", [id]);
  }
}

function derivedBy(
  target: AliasTarget,
  ids: ReadonlyMap<number, RevisionId>,
): readonly (readonly [number, RevisionId])[] {
  const overlay = overlayOf(target);
  if (overlay === undefined) return [];
  const idOf = idsWith(overlay);
  return versionsOfAlias(target).flatMap((number) => {
    const id = ids.get(number);
    return id === undefined ? [] : [[number, idOf(id)] as const];
  });
}

/** Of one version, in no order. */
export function* overlaysOfVersion(
  tx: Tx,
  { functionId, number }: VersionOf,
): TxStep<readonly RevisionId[]> {
  const rows = yield* tx.all<{ revision_id: RevisionId }>(
    "SELECT revision_id FROM version_overlays WHERE function_id = ? AND number = ?",
    [functionId, number],
  );
  return rows.map((row) => row.revision_id);
}

/** Of a version that is being removed; null: of all of a function that is. */
export function* removeOverlays(
  tx: Tx,
  { functionId, number }: { readonly functionId: FunctionId; readonly number: number | null },
): TxStep<void> {
  yield* tx.run(
    `DELETE FROM version_overlays WHERE function_id = ?${number === null ? "" : " AND number = ?"}`,
    number === null ? [functionId] : [functionId, number],
  );
}

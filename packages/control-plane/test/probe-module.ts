/**
 * Looks into the control module's tables, and fills them beyond what a test could by deploying. The
 * store's worker imports it.
 */
import { defineStoreModule, type Tx, type TxStep } from "@skerry/store";

function* namedByRevisions(tx: Tx, _args: null): TxStep<readonly string[]> {
  const rows = yield* tx.all<{ source: string; artefact: string }>(
    "SELECT source_digest AS source, artefact_key AS artefact FROM revisions",
  );
  return rows.flatMap(({ source, artefact }) => [source, artefact]);
}

/** So many deployments of a source have not ended, and there are no others. */
function* leaveUnfinished(
  tx: Tx,
  { count, sourceDigest }: { readonly count: number; readonly sourceDigest: string },
): TxStep<void> {
  yield* tx.run("DELETE FROM deployments", []);
  const state = JSON.stringify({ functions: [{ sourceDigest, config: {} }] });
  for (let n = 0; n < count; n += 1) {
    yield* tx.run(
      `INSERT INTO deployments (id, account_id, app, phase, ended, format, state_json, key_id,
         request_id, created_at_ms, updated_at_ms)
       VALUES (?, 'acct', 'app', 'accepted', 0, 1, ?, 'key', 'request', 0, 0)`,
      [`dep_${String(n).padStart(4, "0")}`, state],
    );
  }
}

/** @public The store's worker imports it by URL. */
export const storeModule = defineStoreModule({
  ...{ name: "probe", database: "state", migrations: [], reads: ["namedByRevisions"] },
  procedures: { namedByRevisions, leaveUnfinished },
});
export const probeModuleUrl = import.meta.url;

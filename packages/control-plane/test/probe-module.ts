/** Looks into the control module's tables: what revisions name. The store's worker imports it. */
import { defineStoreModule, type Tx, type TxStep } from "@skerry/store";

function* namedByRevisions(tx: Tx, _args: null): TxStep<readonly string[]> {
  const rows = yield* tx.all<{ source: string; artefact: string }>(
    "SELECT source_digest AS source, artefact_key AS artefact FROM revisions",
  );
  return rows.flatMap(({ source, artefact }) => [source, artefact]);
}

/** @public The store's worker imports it by URL. */
export const storeModule = defineStoreModule({
  ...{ name: "probe", database: "state", migrations: [], reads: ["namedByRevisions"] },
  procedures: { namedByRevisions },
});
export const probeModuleUrl = import.meta.url;

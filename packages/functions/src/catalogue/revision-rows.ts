/** How a revision is read beside whatever points to it: a function's latest, or a version. */
import type { RevisionId } from "@skerry/base";
import type { FunctionConfig, HandlerKind, RevisionEntry } from "@skerry/contracts";

/** Of a row that was selected with REVISION_COLUMNS. */
export interface RevisionColumns {
  readonly revision_id: RevisionId;
  readonly source_digest: string;
  readonly config_json: string;
  readonly artefact_key: string;
  readonly handler_kind: HandlerKind;
  readonly runtime_build: string;
  readonly revision_created_at_ms: number;
}

/** Of `revisions r`, under names that stand beside those of another table. */
export const REVISION_COLUMNS = `r.id AS revision_id, r.source_digest AS source_digest,
  r.config_json AS config_json, r.artefact_key AS artefact_key, r.handler_kind AS handler_kind,
  r.runtime_build AS runtime_build, r.created_at_ms AS revision_created_at_ms`;

export function revisionOf(row: RevisionColumns): RevisionEntry {
  return {
    id: row.revision_id,
    sourceDigest: row.source_digest,
    artefactKey: row.artefact_key,
    handlerKind: row.handler_kind,
    runtimeBuild: row.runtime_build,
    config: JSON.parse(row.config_json) as FunctionConfig,
    createdWallMs: row.revision_created_at_ms,
  };
}

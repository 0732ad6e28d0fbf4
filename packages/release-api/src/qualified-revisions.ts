import type { FunctionId, RevisionId } from "@skerry/base";
import { invalid, parseQualifier } from "@skerry/contracts";
import { overlaidId, overlayOf } from "@skerry/functions";
import {
  getAlias,
  getFunction,
  getVersion,
  overlaysOfVersion,
  type FunctionName,
  type QualifiedFunction,
} from "@skerry/functions/catalogue";
import type { Tx, TxStep } from "@skerry/store";

/** A version of a function, with its own revision. */
export interface NumberedRevision {
  readonly functionId: FunctionId;
  readonly version: number;
  readonly revisionId: RevisionId;
}

/** What ran as each of the versions: its own revision first, then those by overlays of aliases. */
export function* revisionsOfVersions(
  tx: Tx,
  versions: readonly NumberedRevision[],
): TxStep<readonly (readonly RevisionId[])[]> {
  const found: (readonly RevisionId[])[] = [];
  for (const { functionId, version: number, revisionId } of versions) {
    found.push([revisionId, ...(yield* overlaysOfVersion(tx, { functionId, number }))]);
  }
  return found;
}

/**
 * What a qualifier leads to now: of a number all that ran as that version, its own revision first;
 * of an alias what it leads to with its main version. Throws FUNCTION_NOT_FOUND, VERSION_NOT_FOUND,
 * ALIAS_NOT_FOUND, INPUT_INVALID.
 */
export function* qualifiedRevisions(
  tx: Tx,
  args: FunctionName & { readonly qualifier: string },
): TxStep<readonly RevisionId[]> {
  const fn = yield* getFunction(tx, args);
  const said = parseQualifier(args.qualifier);
  switch (said?.kind) {
    case "latest":
      return [fn.latest.id];
    case "version": {
      const own = yield* ownRevision(tx, fn, said.number);
      const [all = [own]] = yield* revisionsOfVersions(tx, [
        { functionId: fn.id, version: said.number, revisionId: own },
      ]);
      return all;
    }
    case "alias": {
      const { target } = yield* getAlias(tx, { fn, alias: said.name });
      const own = yield* ownRevision(tx, fn, target.version);
      const overlay = overlayOf(target);
      return [overlay === undefined ? own : overlaidId(own, overlay)];
    }
    case undefined:
      throw invalid("query", ["version: this is no qualifier"]);
  }
}

function* ownRevision(tx: Tx, fn: QualifiedFunction, number: number): TxStep<RevisionId> {
  return (yield* getVersion(tx, { fn, number })).revision.id;
}

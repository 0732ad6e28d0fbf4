import type { RevisionId } from "@skerry/base";
import { invalid, parseQualifier } from "@skerry/contracts";
import { getAlias, getFunction, getVersion, type FunctionName } from "@skerry/functions";
import type { Tx, TxStep } from "@skerry/store";

/**
 * The revision that a qualifier leads to now; of an alias, that of its main version. Throws
 * FUNCTION_NOT_FOUND, VERSION_NOT_FOUND, ALIAS_NOT_FOUND, INPUT_INVALID.
 */
export function* qualifiedRevision(
  tx: Tx,
  args: FunctionName & { readonly qualifier: string },
): TxStep<RevisionId> {
  const fn = yield* getFunction(tx, args);
  const said = parseQualifier(args.qualifier);
  switch (said?.kind) {
    case "latest":
      return fn.latest.id;
    case "version":
      return (yield* getVersion(tx, { fn, number: said.number })).revision.id;
    case "alias": {
      const { target } = yield* getAlias(tx, { fn, alias: said.name });
      return (yield* getVersion(tx, { fn, number: target.version })).revision.id;
    }
    case undefined:
      throw invalid("query", ["version: this is no qualifier"]);
  }
}

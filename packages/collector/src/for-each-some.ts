/** Statements that take many ids, in as many as it needs of a size that stores keep prepared. */
import type { TxStep } from "@skerry/store";

const IDS_PER_STATEMENT = 50;

/** Does `work` with some ids at a time, and the marks that stand for them in its SQL. */
export function* forEachSome(
  ids: readonly string[],
  work: (some: readonly string[], marks: string) => TxStep<unknown>,
): TxStep<void> {
  for (let at = 0; at < ids.length; at += IDS_PER_STATEMENT) {
    const some = ids.slice(at, at + IDS_PER_STATEMENT);
    yield* work(some, some.map(() => "?").join(", "));
  }
}

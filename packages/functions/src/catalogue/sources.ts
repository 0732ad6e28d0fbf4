/**
 * Which sources were uploaded to which app. The bytes lie in the code store, shared by digest;
 * these rows decide who may deploy them, so that knowing a digest is not enough to run somebody
 * else's code.
 */
import type { AccountId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

export interface SourceOwner {
  readonly accountId: AccountId;
  readonly app: string;
}

export function* recordSource(
  tx: Tx,
  args: {
    readonly owner: SourceOwner;
    readonly digest: string;
    readonly bytes: number;
    readonly files: number;
    readonly wallMs: number;
  },
): TxStep<void> {
  const { owner, digest, bytes, files, wallMs } = args;
  yield* tx.run(
    `INSERT INTO sources (account_id, app, digest, bytes, files, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account_id, app, digest) DO NOTHING`,
    [owner.accountId, owner.app, digest, bytes, files, wallMs],
  );
}

/** Those of `digests` that were not uploaded to the app. */
export function* missingSources(
  tx: Tx,
  args: { readonly owner: SourceOwner; readonly digests: readonly string[] },
): TxStep<readonly string[]> {
  const { owner, digests } = args;
  if (digests.length === 0) return [];
  const rows = yield* tx.all<{ digest: string }>(
    `SELECT digest FROM sources
     WHERE account_id = ? AND app = ? AND digest IN (${digests.map(() => "?").join(", ")})`,
    [owner.accountId, owner.app, ...digests],
  );
  const known = new Set(rows.map((row) => row.digest));
  return digests.filter((digest) => !known.has(digest));
}

/** Every source that functions need: their own and their layers', each once. */
export function sourcesOf(
  functions: readonly {
    readonly sourceDigest: string;
    readonly config: { readonly layers?: readonly string[] | undefined };
  }[],
): readonly string[] {
  return [...new Set(functions.flatMap((fn) => [fn.sourceDigest, ...(fn.config.layers ?? [])]))];
}

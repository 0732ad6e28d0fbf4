/**
 * Idempotency keys. The first request with a key claims it in the transaction of its change; a
 * later one is told what the first made, or refused when it asks for something else. Only hashes
 * are kept: a key may be as good as a secret.
 */
import { createHash } from "node:crypto";
import type { KeyId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { fail } from "./errors.ts";

export const REPEAT_TABLES: readonly string[] = [
  `CREATE TABLE idempotent_requests (
    key_id @text NOT NULL, token_sha256 @text NOT NULL, request_sha256 @text NOT NULL,
    subject @text NOT NULL, expires_at_ms @integer NOT NULL, PRIMARY KEY (key_id, token_sha256))`,
  "CREATE INDEX idempotent_requests_by_age ON idempotent_requests (expires_at_ms)",
];

/** One request that may come again. */
export interface RepeatClaim {
  readonly keyId: KeyId;
  readonly tokenSha256: string;
  /** Covers method, path and body. */
  readonly requestSha256: string;
  readonly expiresAtMs: number;
}

/** The claim of a request with this idempotency key. */
export function repeatClaim(request: {
  readonly keyId: KeyId;
  readonly token: string;
  readonly parts: readonly string[];
  readonly expiresAtMs: number;
}): RepeatClaim {
  const { keyId, token, parts, expiresAtMs } = request;
  const requestSha256 = sha256(JSON.stringify(parts));
  return { keyId, tokenSha256: sha256(token), requestSha256, expiresAtMs };
}

/**
 * What the first request with this key made, or undefined when this is the first. Throws
 * IDEMPOTENCY_KEY_REUSED.
 */
export function* findRepeat(
  tx: Tx,
  args: { readonly claim: RepeatClaim; readonly wallMs: number },
): TxStep<string | undefined> {
  const { claim, wallMs } = args;
  const row = yield* tx.get<{ request_sha256: string; subject: string }>(
    `SELECT request_sha256, subject FROM idempotent_requests
     WHERE key_id = ? AND token_sha256 = ? AND expires_at_ms > ?`,
    [claim.keyId, claim.tokenSha256, wallMs],
  );
  if (row === undefined) return undefined;
  if (row.request_sha256 !== claim.requestSha256) throw fail("IDEMPOTENCY_KEY_REUSED");
  return row.subject;
}

/** Remembers what the request made. Replaces an expired claim of the same key. */
export function* recordRepeat(
  tx: Tx,
  args: { readonly claim: RepeatClaim; readonly subject: string },
): TxStep<void> {
  const { keyId, tokenSha256, requestSha256, expiresAtMs } = args.claim;
  yield* tx.run(
    `INSERT INTO idempotent_requests (key_id, token_sha256, request_sha256, subject, expires_at_ms)
     VALUES (?, ?, ?, ?, ?) ON CONFLICT (key_id, token_sha256) DO UPDATE SET
       request_sha256 = excluded.request_sha256, subject = excluded.subject,
       expires_at_ms = excluded.expires_at_ms`,
    [keyId, tokenSha256, requestSha256, args.subject, expiresAtMs],
  );
}

/** Forgets expired claims, at most `limit`. */
export function* expireRepeats(
  tx: Tx,
  args: { readonly wallMs: number; readonly limit: number },
): TxStep<number> {
  const rows = yield* tx.all<{ key_id: string; token_sha256: string }>(
    `SELECT key_id, token_sha256 FROM idempotent_requests WHERE expires_at_ms <= ?
     ORDER BY expires_at_ms LIMIT ?`,
    [args.wallMs, args.limit],
  );
  for (const row of rows) {
    yield* tx.run("DELETE FROM idempotent_requests WHERE key_id = ? AND token_sha256 = ?", [
      row.key_id,
      row.token_sha256,
    ]);
  }
  return rows.length;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

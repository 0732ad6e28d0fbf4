/**
 * Idempotency keys. The transaction of a change keeps its answer under the request's key; a later
 * request is given that answer, or refused when it asks for something else. A request that is
 * refused rolls back and keeps nothing. Only hashes of keys are kept: a key may be as good as a
 * secret. How much is kept is bounded by whoever asks for a change (api/repeat-room.ts); a key that
 * is revoked takes what was kept for it along.
 */
import { createHash } from "node:crypto";
import type { AccountId, KeyId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { fail } from "./errors.ts";

export const REPEAT_TABLES: readonly string[] = [
  `CREATE TABLE idempotent_requests (
    key_id @text NOT NULL, token_sha256 @text NOT NULL, request_sha256 @text NOT NULL,
    subject @text NOT NULL, expires_at_ms @integer NOT NULL, PRIMARY KEY (key_id, token_sha256))`,
  "CREATE INDEX idempotent_requests_by_age ON idempotent_requests (expires_at_ms)",
];

/** Rows from before this column have no answer; their `subject` names what was made. */
export const REPEAT_ANSWERS: readonly string[] = [
  "ALTER TABLE idempotent_requests ADD COLUMN answer @text",
];

/** What the bounds need: the bytes of an answer, and an index that holds all that is summed up. */
export const REPEAT_BOUNDS: readonly string[] = [
  "ALTER TABLE idempotent_requests ADD COLUMN answer_bytes @integer",
  "UPDATE idempotent_requests SET answer_bytes = OCTET_LENGTH(answer)",
  `CREATE INDEX idempotent_requests_by_key
   ON idempotent_requests (key_id, expires_at_ms, answer_bytes)`,
];

/** One request that may come again. */
export interface RepeatClaim {
  readonly keyId: KeyId;
  readonly tokenSha256: string;
  /** Covers all that the request asks for. */
  readonly requestSha256: string;
  readonly expiresAtMs: number;
}

/** A claim, and the answer that its request gets: empty, or JSON. */
export interface AnsweredClaim extends RepeatClaim {
  readonly answer: string;
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

/** What the first request got, and the name of what it changed. */
export interface KeptAnswer {
  readonly answer: string;
  readonly subject: string;
}

interface RepeatRow {
  readonly request_sha256: string;
  readonly subject: string;
  readonly answer: string | null;
}

/**
 * The answer that the first request with this key got, or undefined when this is the first. Throws
 * IDEMPOTENCY_KEY_REUSED, IDEMPOTENT_ANSWER_GONE.
 */
export function* findRepeat(
  tx: Tx,
  args: { readonly claim: RepeatClaim; readonly wallMs: number },
): TxStep<KeptAnswer | undefined> {
  const { claim, wallMs } = args;
  const row = yield* tx.get<RepeatRow>(
    `SELECT request_sha256, subject, answer FROM idempotent_requests
     WHERE key_id = ? AND token_sha256 = ? AND expires_at_ms > ?`,
    [claim.keyId, claim.tokenSha256, wallMs],
  );
  if (row === undefined) return undefined;
  // An earlier release hashed other parts, so that nothing can be said about the request.
  const { answer, subject } = row;
  if (answer === null) throw fail("IDEMPOTENT_ANSWER_GONE", { subject });
  if (row.request_sha256 !== claim.requestSha256) throw fail("IDEMPOTENCY_KEY_REUSED");
  return { answer, subject };
}

/**
 * Keeps the answer of a change, in its transaction. Replaces an expired one. Throws
 * IDEMPOTENT_REQUEST_RACED when the same request was answered meanwhile: this change is then rolled
 * back.
 */
export function* keepRepeat(
  tx: Tx,
  args: { readonly claim: AnsweredClaim; readonly subject: string; readonly wallMs: number },
): TxStep<void> {
  const { claim, subject, wallMs } = args;
  const { keyId, tokenSha256, requestSha256, expiresAtMs, answer } = claim;
  const kept = yield* tx.run(
    `INSERT INTO idempotent_requests
       (key_id, token_sha256, request_sha256, subject, expires_at_ms, answer, answer_bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_id, token_sha256) DO UPDATE SET
       request_sha256 = excluded.request_sha256, subject = excluded.subject,
       expires_at_ms = excluded.expires_at_ms, answer = excluded.answer,
       answer_bytes = excluded.answer_bytes
     WHERE idempotent_requests.expires_at_ms <= ?`,
    [
      ...[keyId, tokenSha256, requestSha256, subject, expiresAtMs, answer],
      ...[Buffer.byteLength(answer), wallMs],
    ],
  );
  if (kept === 0) throw fail("IDEMPOTENT_REQUEST_RACED");
}

/** Forgets expired claims, at most `limit`; returns how many. */
export function* expireRepeats(
  tx: Tx,
  args: { readonly wallMs: number; readonly limit: number },
): TxStep<number> {
  return yield* tx.run(
    `DELETE FROM idempotent_requests WHERE (key_id, token_sha256) IN
       (SELECT key_id, token_sha256 FROM idempotent_requests WHERE expires_at_ms <= ?
        ORDER BY expires_at_ms LIMIT ?)`,
    [args.wallMs, args.limit],
  );
}

/** What is kept for one key. */
export interface RepeatUsage {
  readonly keyId: KeyId;
  readonly accountId: AccountId;
  readonly requests: number;
  readonly answerBytes: number;
}

/** Of every key that something is kept for. */
export function* repeatUsage(tx: Tx, _args: null): TxStep<readonly RepeatUsage[]> {
  const rows = yield* tx.all<{ key_id: KeyId; account_id: AccountId; n: number; bytes: number }>(
    `SELECT r.key_id AS key_id, k.account_id AS account_id, COUNT(*) AS n,
       CAST(COALESCE(SUM(r.answer_bytes), 0) AS @integer) AS bytes
     FROM idempotent_requests r JOIN access_keys k ON k.id = r.key_id
     GROUP BY r.key_id, k.account_id`,
  );
  return rows.map(({ key_id: keyId, account_id: accountId, n: requests, bytes: answerBytes }) => ({
    ...{ keyId, accountId, requests, answerBytes },
  }));
}

/** Forgets the oldest of a key that would expire before then; returns what that was. */
export function* forgetRepeats(
  tx: Tx,
  args: { readonly keyId: KeyId; readonly expiresBeforeMs: number; readonly limit: number },
): TxStep<Pick<RepeatUsage, "requests" | "answerBytes">> {
  const { keyId, expiresBeforeMs, limit } = args;
  const gone = yield* tx.all<{ answer_bytes: number | null }>(
    `DELETE FROM idempotent_requests WHERE key_id = ? AND token_sha256 IN
       (SELECT token_sha256 FROM idempotent_requests WHERE key_id = ? AND expires_at_ms < ?
        ORDER BY expires_at_ms LIMIT ?) RETURNING answer_bytes`,
    [keyId, keyId, expiresBeforeMs, limit],
  );
  const answerBytes = gone.reduce((sum, row) => sum + (row.answer_bytes ?? 0), 0);
  return { requests: gone.length, answerBytes };
}

/** Forgets all of a key that is revoked: nobody can ask for it any more. */
export function* forgetRepeatsOf(tx: Tx, keyId: KeyId): TxStep<void> {
  yield* tx.run("DELETE FROM idempotent_requests WHERE key_id = ?", [keyId]);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

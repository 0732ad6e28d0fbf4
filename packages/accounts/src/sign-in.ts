/**
 * Signing in at the start page: a link that works once makes a session, and a session acts as the
 * key that the link was made with. Of both only a hash is stored. A session holds no right of its
 * own: whoever looks it up gets its key as it is now, so a revoked key ends its sessions. Links and
 * sessions end by time, and their number is bounded by key: the oldest of the same key makes room,
 * so that no key ends another's.
 */
import type { AccountId, ConsoleSessionId, KeyId, SignInLinkId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { isSecretOf, type PresentedSecret } from "./key-text.ts";
import { findKey, type KeyRecord } from "./keys.ts";

/** Of one key at once; the keys of an account are bounded as well. */
const LINKS_MAX = 10;
const SESSIONS_MAX = 20;

/** Tables that came after the first release. Times are wall milliseconds. */
export const SIGN_IN_TABLES: readonly string[] = [
  `CREATE TABLE sign_in_links (
    id @text PRIMARY KEY, account_id @text NOT NULL, key_id @text NOT NULL,
    secret_sha256 @text NOT NULL, created_at_ms @integer NOT NULL, expires_at_ms @integer NOT NULL)`,
  `CREATE TABLE console_sessions (
    id @text PRIMARY KEY, account_id @text NOT NULL, key_id @text NOT NULL,
    secret_sha256 @text NOT NULL, created_at_ms @integer NOT NULL, expires_at_ms @integer NOT NULL)`,
  "CREATE INDEX console_sessions_by_account ON console_sessions (account_id, id)",
];

interface Ticket<Id> {
  readonly id: Id;
  readonly accountId: AccountId;
  readonly keyId: KeyId;
  readonly secretSha256: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}
export type SignInLink = Ticket<SignInLinkId>;
export type ConsoleSession = Ticket<ConsoleSessionId>;

interface TicketRow {
  readonly id: string;
  readonly account_id: AccountId;
  readonly key_id: KeyId;
  readonly secret_sha256: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
}

type Table = "sign_in_links" | "console_sessions";

/** Keeps a link; the oldest of its key go when there are too many. */
export function* insertSignInLink(tx: Tx, link: SignInLink): TxStep<void> {
  yield* insertTicket(tx, "sign_in_links", link);
  yield* makeRoom(tx, "sign_in_links", { ...link, keepMax: LINKS_MAX });
}

/**
 * The link, which is then gone: a second call finds nothing. Undefined also for a wrong secret and
 * for one whose time is over; a wrong secret leaves it as it is.
 */
export function* takeSignInLink(
  tx: Tx,
  args: { readonly presented: PresentedSecret<SignInLinkId>; readonly wallMs: number },
): TxStep<SignInLink | undefined> {
  const { presented, wallMs } = args;
  const row = yield* findTicket(tx, "sign_in_links", presented.id);
  if (!isSecretOf(presented.secret, row?.secret_sha256) || row === undefined) return undefined;
  // Counted, so that of two that took it at once only one has it.
  const removed = yield* tx.run("DELETE FROM sign_in_links WHERE id = ?", [presented.id]);
  return removed === 1 && row.expires_at_ms > wallMs ? (ticketOf(row) as SignInLink) : undefined;
}

/** Keeps a session; the oldest of its key end when there are too many. */
export function* insertConsoleSession(tx: Tx, session: ConsoleSession): TxStep<void> {
  yield* insertTicket(tx, "console_sessions", session);
  yield* makeRoom(tx, "console_sessions", { ...session, keepMax: SESSIONS_MAX });
}

/** A session and the key it acts as; undefined when it has ended, or its key is revoked. */
export function* findConsoleSession(
  tx: Tx,
  args: { readonly id: ConsoleSessionId; readonly wallMs: number },
): TxStep<{ readonly session: ConsoleSession; readonly key: KeyRecord } | undefined> {
  const row = yield* findTicket(tx, "console_sessions", args.id);
  if (row === undefined || row.expires_at_ms <= args.wallMs) return undefined;
  const key = yield* findKey(tx, row.key_id);
  return key === undefined ? undefined : { session: ticketOf(row) as ConsoleSession, key };
}

/** Sessions of the account that have not ended, oldest first. */
export function* listConsoleSessions(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly wallMs: number },
): TxStep<readonly ConsoleSession[]> {
  const rows = yield* tx.all<TicketRow>(
    "SELECT * FROM console_sessions WHERE account_id = ? AND expires_at_ms > ? ORDER BY id",
    [args.accountId, args.wallMs],
  );
  return rows.map((row) => ticketOf(row) as ConsoleSession);
}

/** Ends a session; false when there is none of that account. */
export function* removeConsoleSession(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly id: ConsoleSessionId },
): TxStep<boolean> {
  const removed = yield* tx.run("DELETE FROM console_sessions WHERE account_id = ? AND id = ?", [
    args.accountId,
    args.id,
  ]);
  return removed === 1;
}

/** Ends the sessions of a key that is revoked, and takes its links away. */
export function* removeSignInsOf(tx: Tx, keyId: KeyId): TxStep<void> {
  yield* tx.run("DELETE FROM sign_in_links WHERE key_id = ?", [keyId]);
  yield* tx.run("DELETE FROM console_sessions WHERE key_id = ?", [keyId]);
}

/** Takes away what has ended; returns how many. Both tables are bounded by key. */
export function* expireSignIns(tx: Tx, args: { readonly wallMs: number }): TxStep<number> {
  const links = yield* tx.run("DELETE FROM sign_in_links WHERE expires_at_ms <= ?", [args.wallMs]);
  const sessions = yield* tx.run("DELETE FROM console_sessions WHERE expires_at_ms <= ?", [
    args.wallMs,
  ]);
  return links + sessions;
}

function* insertTicket(tx: Tx, table: Table, ticket: Ticket<string>): TxStep<void> {
  const { id, accountId, keyId, secretSha256, createdAtMs, expiresAtMs } = ticket;
  yield* tx.run(
    `INSERT INTO ${table} (id, account_id, key_id, secret_sha256, created_at_ms, expires_at_ms)
     VALUES (?, ?, ?, ?, ?, ?)`,
    [id, accountId, keyId, secretSha256, createdAtMs, expiresAtMs],
  );
}

/** Ids sort by age. */
function* makeRoom(
  tx: Tx,
  table: Table,
  args: { readonly keyId: KeyId; readonly keepMax: number },
): TxStep<void> {
  yield* tx.run(
    `DELETE FROM ${table} WHERE key_id = ? AND id NOT IN
       (SELECT id FROM ${table} WHERE key_id = ? ORDER BY id DESC LIMIT ?)`,
    [args.keyId, args.keyId, args.keepMax],
  );
}

function* findTicket(tx: Tx, table: Table, id: string): TxStep<TicketRow | undefined> {
  return yield* tx.get<TicketRow>(`SELECT * FROM ${table} WHERE id = ?`, [id]);
}

function ticketOf(row: TicketRow): Ticket<string> {
  return {
    id: row.id,
    accountId: row.account_id,
    keyId: row.key_id,
    secretSha256: row.secret_sha256,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
}

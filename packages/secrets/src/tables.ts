/**
 * One row for each secret, with its newest value only: an earlier one would be a leak without a
 * use. `app` is empty for the whole account. `key_id` repeats what `sealed_json` says, so that a
 * rotation finds what it has yet to wrap anew.
 */
export const SECRET_TABLES: readonly string[] = [
  `CREATE TABLE secrets (
    id @text PRIMARY KEY, account_id @text NOT NULL, app @text NOT NULL, name @text NOT NULL,
    version @integer NOT NULL, key_id @text NOT NULL, sealed_json @text NOT NULL,
    created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL,
    UNIQUE (account_id, app, name))`,
];

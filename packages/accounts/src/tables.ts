/**
 * Statements of the first version of the tables. Times are wall milliseconds; `json` columns hold
 * JSON text.
 */
export const ACCOUNT_TABLES: readonly string[] = [
  `CREATE TABLE accounts (
    id @text PRIMARY KEY, name @text NOT NULL UNIQUE, created_at_ms @integer NOT NULL)`,
  `CREATE TABLE access_keys (
    id @text PRIMARY KEY, account_id @text NOT NULL, name @text NOT NULL, role @text NOT NULL,
    apps_json @text, secret_sha256 @text NOT NULL, local @integer NOT NULL,
    created_at_ms @integer NOT NULL)`,
  "CREATE INDEX access_keys_by_account ON access_keys (account_id, id)",
  `CREATE TABLE audit_records (
    id @text PRIMARY KEY, account_id @text NOT NULL, at_ms @integer NOT NULL, key_id @text NOT NULL,
    action @text NOT NULL, resource @text NOT NULL, request_id @text NOT NULL,
    details_json @text NOT NULL)`,
  "CREATE INDEX audit_records_by_account ON audit_records (account_id, id)",
];

/**
 * The catalogue's tables: what is deployed, what was deployed, and the config log that tells it to
 * gateways and agents. Records are keyed by id and names are attributes, so that a recreated name
 * is a new thing. Of a row of `revisions` only `in_force_at_ms` changes. Times are wall
 * milliseconds. `json` columns hold JSON text that only this package reads.
 */

/** Statements of the first version of the tables. Later versions get a constant of their own. */
export const CATALOGUE_TABLES: readonly string[] = [
  `CREATE TABLE apps (
    id @text PRIMARY KEY, account_id @text NOT NULL, name @text NOT NULL,
    created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL, UNIQUE (account_id, name))`,
  `CREATE TABLE functions (
    id @text PRIMARY KEY, account_id @text NOT NULL, app_id @text NOT NULL, name @text NOT NULL,
    latest_revision_id @text NOT NULL, version @integer NOT NULL,
    created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL, UNIQUE (app_id, name))`,
  `CREATE TABLE revisions (
    id @text PRIMARY KEY, function_id @text NOT NULL, source_digest @text NOT NULL,
    config_hash @text NOT NULL, config_json @text NOT NULL, artefact_key @text NOT NULL,
    handler_kind @text NOT NULL, runtime_build @text NOT NULL, created_at_ms @integer NOT NULL,
    UNIQUE (function_id, source_digest, config_hash, artefact_key))`,
  `CREATE TABLE sources (
    account_id @text NOT NULL, app @text NOT NULL, digest @text NOT NULL, bytes @integer NOT NULL,
    files @integer NOT NULL, created_at_ms @integer NOT NULL,
    PRIMARY KEY (account_id, app, digest))`,
  `CREATE TABLE deployments (
    id @text PRIMARY KEY, account_id @text NOT NULL, app @text NOT NULL, phase @text NOT NULL,
    ended @integer NOT NULL, format @integer NOT NULL, state_json @text NOT NULL,
    key_id @text NOT NULL, request_id @text NOT NULL,
    created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL, ended_at_ms @integer)`,
  "CREATE INDEX deployments_by_app ON deployments (account_id, app, id)",
  "CREATE INDEX deployments_unfinished ON deployments (id) WHERE ended = 0",
  "CREATE TABLE config_log (key @text PRIMARY KEY, seq @integer NOT NULL UNIQUE, value @text)",
  "CREATE INDEX config_log_removed ON config_log (seq) WHERE value IS NULL",
  `CREATE TABLE config_counter (
    id @integer PRIMARY KEY, seq @integer NOT NULL, horizon @integer NOT NULL)`,
  "INSERT INTO config_counter (id, seq, horizon) VALUES (1, 0, 0)",
];

/** Statements of the second version of the catalogue's tables. */
export const CODE_SWEEP_TABLES: readonly string[] = [
  `CREATE TABLE code_marks (
    name @text PRIMARY KEY, since_ms @integer NOT NULL, seq @integer NOT NULL)`,
  "ALTER TABLE revisions ADD COLUMN in_force_at_ms @integer NOT NULL DEFAULT 0",
  "CREATE INDEX revisions_by_source ON revisions (source_digest)",
  "CREATE INDEX revisions_by_artefact ON revisions (artefact_key)",
  "CREATE INDEX sources_by_digest ON sources (digest)",
];

/** The logs of deployments' builds. */
export const DEPLOYMENT_LOG_TABLES: readonly string[] = [
  `CREATE TABLE deployment_log (
    deployment_id @text NOT NULL, first_seq @integer NOT NULL, last_seq @integer NOT NULL,
    bytes @integer NOT NULL, lines_json @text NOT NULL, PRIMARY KEY (deployment_id, first_seq))`,
];

/** What keeps the sources of a revision's layers; a JSON list, or null. */
export const LAYER_COLUMNS: readonly string[] = [
  "ALTER TABLE revisions ADD COLUMN layers @text",
  "CREATE INDEX revisions_layered ON revisions (id) WHERE layers IS NOT NULL",
];

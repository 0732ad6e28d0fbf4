/**
 * Tables of topics. Messages lie in chunks: what one append brought to one partition, up to a bound
 * (see records.ts), so that a thousand messages cost a few rows. A partition owns a range of the
 * hashes of keys, from `hash_from` to the next partition's. Adding one splits a range: the new
 * partition takes its upper half, and whoever reads in order begins with it only after the `parent`
 * is settled up to `parent_offset`.
 *
 * A position belongs to one group and partition. All before `position` is settled, and of what
 * follows up to `read_offset` all but what `open` lists. `token` grows with each holder, and every
 * write of a holder names the token it was given: one that was taken over changes nothing.
 */
import type { Migration } from "@skerry/store";

/** Came later. */
export const TOPIC_MAKER_COLUMNS: readonly string[] = [
  "ALTER TABLE topic_groups ADD COLUMN made_by @text",
];

/**
 * Came later. `redrive` of a letter that is put through again: empty while it waits, then the id of
 * its invocation.
 */
export const TOPIC_REDRIVE_COLUMNS: readonly string[] = [
  "ALTER TABLE topic_dead_letters ADD COLUMN redrive @text",
  "ALTER TABLE topic_dead_letters ADD COLUMN redrive_to @text",
  `CREATE INDEX topic_dead_letters_redriven ON topic_dead_letters (redrive, group_id)
    WHERE redrive IS NOT NULL`,
];

/** Came later: which redrive has taken a letter last, also after it died again. */
export const TOPIC_REDRIVEN_COLUMN: readonly string[] = [
  "ALTER TABLE topic_dead_letters ADD COLUMN redriven_by @text",
];

export const TOPIC_TABLES: Migration["sql"] = [
  `CREATE TABLE topics (
    id @text PRIMARY KEY, account_id @text NOT NULL, name @text NOT NULL,
    created_ms @integer NOT NULL, retention_ms @integer NOT NULL, retention_bytes @integer,
    removed @integer NOT NULL, UNIQUE (account_id, name))`,
  // `first_offset` is the oldest message kept, `bytes` what its chunks hold.
  `CREATE TABLE topic_partitions (
    topic_id @text NOT NULL, partition @integer NOT NULL, hash_from @integer NOT NULL,
    parent @integer, parent_offset @integer,
    first_offset @integer NOT NULL, next_offset @integer NOT NULL, last_ms @integer NOT NULL,
    bytes @integer NOT NULL, PRIMARY KEY (topic_id, partition))`,
  `CREATE UNIQUE INDEX topic_partitions_by_hash ON topic_partitions (topic_id, hash_from)`,
  `CREATE TABLE topic_chunks (
    topic_id @text NOT NULL, partition @integer NOT NULL, first_offset @integer NOT NULL,
    next_offset @integer NOT NULL, at_ms @integer NOT NULL, bytes @integer NOT NULL,
    body @bytes NOT NULL, PRIMARY KEY (topic_id, partition, first_offset))`,
  `CREATE TABLE topic_groups (
    id @text PRIMARY KEY, topic_id @text NOT NULL, account_id @text NOT NULL, name @text NOT NULL,
    target @text NOT NULL, settings @text NOT NULL, paused @integer NOT NULL,
    created_ms @integer NOT NULL, UNIQUE (topic_id, name))`,
  `CREATE UNIQUE INDEX topic_groups_by_name ON topic_groups (account_id, name)`,
  // `flight` numbers a group's batches of a partition, and no number is ever used twice.
  `CREATE TABLE topic_positions (
    group_id @text NOT NULL, partition @integer NOT NULL, topic_id @text NOT NULL,
    position @integer NOT NULL, read_offset @integer NOT NULL, open @text NOT NULL,
    open_count @integer NOT NULL, flight @integer NOT NULL, token @integer NOT NULL, holder @text,
    settled @integer NOT NULL, dead @integer NOT NULL, expired @integer NOT NULL,
    PRIMARY KEY (group_id, partition))`,
  `CREATE INDEX topic_positions_free ON topic_positions (group_id, partition)
    WHERE holder IS NULL`,
  `CREATE INDEX topic_positions_held ON topic_positions (holder, group_id, partition)
    WHERE holder IS NOT NULL`,
  // Who runs consumers, and until when that is believed.
  `CREATE TABLE topic_members (holder @text PRIMARY KEY, until_ms @integer NOT NULL)`,
  `CREATE TABLE topic_dead_letters (
    group_id @text NOT NULL, partition @integer NOT NULL, offset_number @integer NOT NULL,
    attempts @integer NOT NULL, reason @text NOT NULL, at_ms @integer NOT NULL,
    record @bytes NOT NULL, PRIMARY KEY (group_id, partition, offset_number))`,
];

/**
 * Opening a database of PostgreSQL: what is refused, and the tables brought up to date in one
 * transaction.
 */
import type { Pool, PoolClient, QueryConfig } from "pg";
import { storeError } from "./errors.ts";
import { STORE_LIMITS } from "./limits.ts";
import {
  pendingMigrations,
  SCHEMA_INSERT_SQL,
  SCHEMA_READ_SQL,
  SCHEMA_TABLE_SQL,
} from "./migrations.ts";
import { translateMigration, translateStatement } from "./portable-sql.ts";
import type { StoreModule } from "./port.ts";

const VERSION_NUM_MIN = 150_000;

/** Values of a setting that keep what was acknowledged. `local` is enough without a standby. */
const DURABLE: Readonly<Record<string, readonly string[]>> = {
  fsync: ["on"],
  full_page_writes: ["on"],
  synchronous_commit: ["on", "local", "remote_write", "remote_apply"],
};

interface MigrateOptions {
  readonly modules: readonly StoreModule[];
  readonly schema: string;
  readonly wallMs: number;
  /** Called before the first step, when there is any. */
  readonly onMigrating: () => void;
}

/**
 * Checks version and settings, then migrates. Several programs may open the same schema at once.
 */
export async function migratePostgres(pool: Pool, options: MigrateOptions): Promise<void> {
  const client = await pool.connect();
  let isDone = false;
  try {
    await assertServer(client);
    await client.query("BEGIN ISOLATION LEVEL READ COMMITTED");
    await migrate(client, options);
    await client.query("COMMIT");
    isDone = true;
  } finally {
    client.release(!isDone);
  }
}

async function assertServer(client: PoolClient): Promise<void> {
  const found = await setting(client, "server_version");
  if (Number(await setting(client, "server_version_num")) < VERSION_NUM_MIN) {
    throw storeError("STORE_ENGINE_TOO_OLD", { engine: "PostgreSQL", found, needed: "15" });
  }
  for (const [name, accepted] of Object.entries(DURABLE)) {
    const value = await setting(client, name);
    if (!accepted.includes(value)) {
      const details = { setting: name, found: value, needed: accepted[0] ?? "on" };
      throw storeError("STORE_SETTING_REFUSED", details);
    }
  }
}

async function setting(client: PoolClient, name: string): Promise<string> {
  const sql = "SELECT current_setting($1) AS value";
  const { rows } = await client.query<{ value: string }>(sql, [name]);
  return rows[0]?.value ?? "";
}

async function migrate(client: PoolClient, options: MigrateOptions): Promise<void> {
  const { modules, schema, wallMs, onMigrating } = options;
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`skerry.${schema}`]);
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await client.query(translateMigration(SCHEMA_TABLE_SQL, "postgres"));
  const { rows } = await client.query<{ module: string; version: number }>(SCHEMA_READ_SQL);
  const applied = new Map(rows.map(({ module, version }) => [module, version]));
  const insert = translateStatement(SCHEMA_INSERT_SQL, "postgres").text;
  const pending = pendingMigrations({ modules, applied, dialect: "postgres" });
  if (pending.length > 0) onMigrating();
  // A step takes as long as its tables are large, unlike any other statement.
  await client.query("SET LOCAL statement_timeout = 0");
  for (const step of pending) {
    for (const sql of step.statements) await client.query(patient(sql));
    await client.query(insert, [step.module, step.version, Math.floor(wallMs)]);
  }
}

/** The driver's own patience is for statements that answer requests. */
function patient(text: string): QueryConfig & { readonly query_timeout: number } {
  return { text, query_timeout: STORE_LIMITS.migrationMsMax };
}

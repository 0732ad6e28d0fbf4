/**
 * Which migrations an opened database still needs. Decided purely; each engine performs the list in
 * one transaction. The table `skerry_schema` says what each module has; the row of module `store`
 * is the format of the whole.
 */
import { storeError } from "./errors.ts";
import { translateMigration, translateRebuild, type Dialect } from "./portable-sql.ts";
import type { StoreModule } from "./port.ts";

/**
 * The format of a store's files and of `skerry_schema` itself. Grows when an older release could
 * not read them.
 */
export const STORE_FORMAT = 1;

/** The name under which `STORE_FORMAT` is recorded; no module may have it. */
export const STORE_MODULE_NAME = "store";

/** Portable, so that both engines keep the same record of what they hold. */
export const SCHEMA_TABLE_SQL = `CREATE TABLE IF NOT EXISTS skerry_schema (
  module @text NOT NULL, version @integer NOT NULL, applied_at_ms @integer NOT NULL,
  PRIMARY KEY (module, version))`;
export const SCHEMA_READ_SQL =
  "SELECT module, MAX(version) AS version FROM skerry_schema GROUP BY module";
export const SCHEMA_INSERT_SQL =
  "INSERT INTO skerry_schema (module, version, applied_at_ms) VALUES (?, ?, ?)";

/** One step to perform: the statements in the engine's dialect, then the row that records them. */
export interface PendingMigration {
  readonly module: string;
  readonly version: number;
  readonly statements: readonly string[];
}

/**
 * The steps from `applied` (module → version) to what `modules` state, in order.
 * Throws `STORE_FORMAT_NEWER` when the database is ahead of this release.
 */
export function pendingMigrations(options: {
  readonly modules: readonly StoreModule[];
  readonly applied: ReadonlyMap<string, number>;
  readonly dialect: Dialect;
}): readonly PendingMigration[] {
  const { modules, applied, dialect } = options;
  const pending: PendingMigration[] = [];
  assertNotNewer("The store", applied.get(STORE_MODULE_NAME) ?? 0, STORE_FORMAT);
  if (!applied.has(STORE_MODULE_NAME)) {
    pending.push({ module: STORE_MODULE_NAME, version: STORE_FORMAT, statements: [] });
  }
  for (const { name, migrations } of modules) {
    const found = applied.get(name) ?? 0;
    assertNotNewer(`The store's part ${name}`, found, migrations.length);
    for (const { version, sql, sqlite } of migrations.slice(found)) {
      const statements = sql.map((text) => translateMigration(text, dialect));
      const own = dialect === "sqlite" ? (sqlite ?? []).map(translateRebuild) : [];
      pending.push({ module: name, version, statements: [...statements, ...own] });
    }
  }
  return pending;
}

function assertNotNewer(what: string, found: number, known: number): void {
  if (found > known) throw storeError("STORE_FORMAT_NEWER", { what, found, known });
}

/**
 * Throws `STORE_MODULE_INVALID` for duplicate names, gaps in versions, or reads that do not exist.
 */
export function assertModules(modules: readonly StoreModule[]): void {
  const seen = new Set([STORE_MODULE_NAME]);
  for (const module of modules) {
    const problem = seen.has(module.name) ? "its name is taken" : problemOfModule(module);
    if (problem !== undefined) {
      throw storeError("STORE_MODULE_INVALID", { module: module.name, problem });
    }
    seen.add(module.name);
  }
}

function problemOfModule(module: StoreModule): string | undefined {
  const gap = module.migrations.findIndex(({ version }, index) => version !== index + 1);
  if (gap >= 0) return `migration ${gap + 1} does not have version ${gap + 1}`;
  const missing = module.reads?.find((name) => !Object.hasOwn(module.procedures, name));
  return missing === undefined ? undefined : `reads names ${missing}, which is no procedure`;
}

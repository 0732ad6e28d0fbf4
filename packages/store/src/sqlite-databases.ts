/**
 * The databases of one embedded store: opens those that its modules use, migrated, and runs groups
 * on them.
 */
import { join } from "node:path";
import { assert, PlatformError } from "@skerry/base";
import { GroupCommit, type CallOutcome, type GroupCall } from "./group-commit.ts";
import {
  pendingMigrations,
  SCHEMA_INSERT_SQL,
  SCHEMA_READ_SQL,
  SCHEMA_TABLE_SQL,
} from "./migrations.ts";
import { translateMigration } from "./portable-sql.ts";
import type { DatabaseName, SqlValue, StoreModule } from "./port.ts";
import type { Caller } from "./procedure.ts";
import type { Connection } from "./sqlite-connection.ts";
import { sqliteFault } from "./sqlite-faults.ts";

/** Opens the connection to one file; tests wrap it to inject faults. */
export type OpenConnection = (location: string) => Connection;

export interface DatabasesDeps {
  readonly openConnection: OpenConnection;
  /** Called before the first step of each file whose tables are not up to date. */
  readonly onMigrating: () => void;
}

export interface Databases {
  run(database: DatabaseName, calls: readonly GroupCall[]): readonly CallOutcome[];
  close(): void;
}

interface AppliedRow {
  readonly module: string;
  readonly version: number;
}

interface OpenedDatabase {
  readonly connection: Connection;
  readonly group: GroupCommit;
}

const MIGRATOR: Caller = { label: "store.migrate", readOnly: false };

/**
 * Opens and migrates. Throws a PlatformError, with everything closed again, when one of them cannot
 * be used.
 */
export function openDatabases(
  deps: DatabasesDeps,
  options: {
    readonly directory: string | undefined;
    readonly modules: readonly StoreModule[];
    readonly wallMs: number;
  },
): Databases {
  const { directory, modules, wallMs } = options;
  const opened = new Map<DatabaseName, OpenedDatabase>();
  const close = (): void => opened.forEach(({ connection }) => connection.close());
  try {
    for (const name of new Set(modules.map(({ database }) => database))) {
      const location = directory === undefined ? ":memory:" : join(directory, `${name}.db`);
      const connection = deps.openConnection(location);
      opened.set(name, { connection, group: new GroupCommit(connection) });
      const own = modules.filter((one) => one.database === name);
      migrate(connection, { modules: own, wallMs, onMigrating: deps.onMigrating });
    }
  } catch (thrown) {
    close();
    throw PlatformError.is(thrown) ? thrown : sqliteFault(thrown, MIGRATOR.label).error;
  }
  return {
    run(name, calls) {
      const database = opened.get(name);
      assert(database !== undefined, `database ${name} is not open`);
      return database.group.run(calls);
    },
    close,
  };
}

/** One transaction for all steps: the file has the old tables or the new ones. */
function migrate(
  connection: Connection,
  options: {
    readonly modules: readonly StoreModule[];
    readonly wallMs: number;
    readonly onMigrating: () => void;
  },
): void {
  const execute = (sql: string, params: readonly SqlValue[] = []) =>
    connection.execute({ kind: "rows", sql, params }, MIGRATOR);
  connection.begin("write");
  try {
    connection.control(translateMigration(SCHEMA_TABLE_SQL, "sqlite"));
    const rows = execute(SCHEMA_READ_SQL) as unknown as readonly AppliedRow[];
    const applied = new Map(rows.map(({ module, version }) => [module, version]));
    const { modules, wallMs, onMigrating } = options;
    const pending = pendingMigrations({ modules, applied, dialect: "sqlite" });
    if (pending.length > 0) onMigrating();
    for (const step of pending) {
      for (const sql of step.statements) connection.control(sql);
      execute(SCHEMA_INSERT_SQL, [step.module, step.version, Math.floor(wallMs)]);
    }
    connection.commit();
  } catch (error) {
    connection.rollback();
    throw error;
  }
}

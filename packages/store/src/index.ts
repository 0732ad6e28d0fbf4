export { storeError } from "./errors.ts";
export { STORE_LIMITS } from "./limits.ts";
export { STORE_FORMAT } from "./migrations.ts";
export { defineStoreModule } from "./port.ts";
export type {
  ArgsOf,
  DatabaseName,
  Migration,
  ModuleSource,
  Procedure,
  Procedures,
  ResultOf,
  Row,
  SqlValue,
  Store,
  StoreModule,
  Tx,
  TxReply,
  TxRequest,
  TxStep,
} from "./port.ts";
export { openPostgresStore } from "./postgres.ts";
export type { PostgresStoreDeps, PostgresStoreOptions } from "./postgres-store.ts";
export {
  openMemoryStore,
  openSqliteStore,
  openSqliteStoreHere,
  prepareSqliteStore,
  type PreparedStore,
  type SqliteStoreDeps,
  type SqliteStoreOptions,
} from "./sqlite-store.ts";

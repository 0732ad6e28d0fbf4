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
export {
  openPostgresStore,
  type PostgresStoreDeps,
  type PostgresStoreOptions,
} from "./postgres-store.ts";
export {
  openMemoryStore,
  openSqliteStore,
  type SqliteStoreDeps,
  type SqliteStoreOptions,
} from "./sqlite-store.ts";

export { findPostgres, hasPostgres, startPostgres, type PostgresServer } from "./postgres.ts";
export { openRaw, type RawConnection } from "./raw-connection.ts";

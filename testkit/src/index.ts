export { findPostgres, hasPostgres, startPostgres, type PostgresServer } from "./postgres.ts";

/**
 * The door to PostgreSQL. Its driver is loaded when somebody asks for it: most platforms never do,
 * and the store's worker threads, which load this package too, never.
 */
import type { Store } from "./port.ts";
import type { PostgresStoreDeps, PostgresStoreOptions } from "./postgres-store.ts";

/**
 * Connects, checks the server and brings the tables up to date. Rejects with `STORE_UNAVAILABLE`,
 * `STORE_ENGINE_TOO_OLD`, `STORE_SETTING_REFUSED`, `STORE_FORMAT_NEWER`, `STORE_MODULE_INVALID` or
 * `STORE_URL_REFUSED`.
 */
export async function openPostgresStore(
  deps: PostgresStoreDeps,
  options: PostgresStoreOptions,
): Promise<Store> {
  const driver = await import("./postgres-store.ts");
  return driver.openPostgresStore(deps, options);
}

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { hasPostgres, startPostgres, type PostgresServer } from "@skerry/testkit";
import { testStoreConformance } from "../test/conformance.ts";
import { postgresPlaces, storeDeps } from "../test/places.ts";
import { defineStoreModule, openPostgresStore } from "./index.ts";
import type { Tx } from "./port.ts";

describe("postgres", { skip: !hasPostgres() && "PostgreSQL is not installed" }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server?.stop());
  testStoreConformance(
    "postgres",
    postgresPlaces(() => server?.url ?? ""),
  );

  test("runs nothing by a plan from when its tables were smaller", async () => {
    const modules = [{ module: plansModule, url: import.meta.url }];
    const options = { url: server?.url ?? "", modules, poolMax: 1, schema: "plans" };
    const store = await openPostgresStore(storeDeps, options);
    for (let id = 0; id < 20; id += 1) await store.call(plansModule, "read", id);
    assert.deepEqual(await store.call(plansModule, "countKept", null), { kept: 0, fresh: 20 });
    await store.close();
  });
});

/** What the server itself counts of the connection's prepared statements. */
const plansModule = defineStoreModule({
  name: "plans",
  database: "state",
  migrations: [{ version: 1, sql: ["CREATE TABLE few (id @integer PRIMARY KEY)"] }],
  procedures: {
    *read(tx: Tx, id: number) {
      return yield* tx.all("SELECT id FROM few WHERE id IN (?, ?)", [id, id + 1]);
    },
    *countKept(tx: Tx, _args: null) {
      return yield* tx.get<{ kept: number; fresh: number }>(
        `SELECT generic_plans AS kept, custom_plans AS fresh FROM pg_prepared_statements
         WHERE statement = 'SELECT id FROM few WHERE id IN ($1, $2)'`,
      );
    },
  },
});

/** The conformance module with a second migration that fails at its second statement. */
import { defineStoreModule } from "../src/index.ts";
import { storeModule as newest } from "./conformance-module.ts";

export const storeModule = defineStoreModule({
  name: newest.name,
  database: newest.database,
  migrations: [
    ...newest.migrations.slice(0, 1),
    {
      version: 2,
      sql: [
        "ALTER TABLE conf_counters ADD COLUMN note @text NOT NULL DEFAULT 'half'",
        "CREATE INDEX conf_missing ON conf_nowhere (at)",
      ],
    },
  ],
  procedures: { add: newest.procedures.add },
});

export const brokenSource = { module: storeModule, url: import.meta.url };

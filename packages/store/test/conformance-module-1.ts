/** The conformance module as an older release had it: its first migration and two procedures. */
import { defineStoreModule } from "../src/index.ts";
import { storeModule as newest } from "./conformance-module.ts";

export const storeModule = defineStoreModule({
  name: newest.name,
  database: newest.database,
  migrations: newest.migrations.slice(0, 1),
  procedures: { add: newest.procedures.add, listNames: newest.procedures.listNames },
});

export const olderSource = { module: storeModule, url: import.meta.url };

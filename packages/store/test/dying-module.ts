/** A module whose procedure ends the thread that runs it. */
import { defineStoreModule, type Tx } from "../src/index.ts";

export const storeModule = defineStoreModule({
  name: "dying",
  database: "state",
  migrations: [{ version: 1, sql: ["CREATE TABLE dying_rows (n @integer)"] }],
  procedures: {
    *write(tx: Tx, args: { n: number }) {
      return yield* tx.run("INSERT INTO dying_rows (n) VALUES (?)", [args.n]);
    },
    *die(tx: Tx) {
      yield* tx.run("INSERT INTO dying_rows (n) VALUES (0)");
      process.exit(1);
    },
  },
});

export const dyingSource = { module: storeModule, url: import.meta.url };

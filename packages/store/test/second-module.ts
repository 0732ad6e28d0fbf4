/** A second module, in a database of its own on SQLite. */
import { defineStoreModule, type Tx } from "../src/index.ts";

export const storeModule = defineStoreModule({
  name: "second",
  database: "ledger",
  migrations: [
    {
      version: 1,
      sql: ["CREATE TABLE second_notes (at @integer PRIMARY KEY, note @text NOT NULL)"],
    },
  ],
  reads: ["list"],
  procedures: {
    *write(tx: Tx, args: { at: number; note: string }) {
      return yield* tx.run("INSERT INTO second_notes (at, note) VALUES (?, ?)", [
        args.at,
        args.note,
      ]);
    },
    *list(tx: Tx) {
      return yield* tx.all<{ at: number; note: string }>(
        "SELECT at, note FROM second_notes ORDER BY at",
      );
    },
  },
});

export const secondSource = { module: storeModule, url: import.meta.url };

/** The tables and transactions on which every store is tested. */
import { PlatformError } from "@skerry/base";
import { defineStoreModule, type SqlValue, type Tx } from "../src/index.ts";

export interface ValueRow {
  readonly id: number;
  readonly t: string | null;
  readonly n: number | null;
  readonly r: number | null;
  readonly b: Uint8Array | null;
}

const SELECT_VALUE = "SELECT id, t, n, r, b FROM conf_values WHERE id = ?";

/** What a procedure throws on purpose. */
function refusal(): PlatformError {
  return new PlatformError({
    code: "NOT_FOUND",
    reason: "CONFORMANCE_REFUSED",
    message: "Refused, as asked.",
    hint: "Ask for something else.",
    retryable: true,
    httpStatus: 410,
    audience: "operator",
    details: { name: "kite", tries: 3 },
  });
}

export const storeModule = defineStoreModule({
  name: "conformance",
  database: "state",
  migrations: [
    {
      version: 1,
      sql: [
        "CREATE TABLE conf_counters (name @text PRIMARY KEY, n @integer NOT NULL)",
        `CREATE TABLE conf_values (
          id @integer PRIMARY KEY, t @text, n @integer, r @real, b @bytes)`,
        `CREATE TABLE conf_children (
          name @text NOT NULL REFERENCES conf_counters(name), at @integer NOT NULL)`,
      ],
    },
    {
      version: 2,
      sql: [
        "ALTER TABLE conf_counters ADD COLUMN note @text NOT NULL DEFAULT 'none'",
        "CREATE INDEX conf_children_at ON conf_children (at) WHERE at > 0",
      ],
    },
  ],
  reads: ["readCounter", "readSum", "listNames", "readAndWrite"],
  procedures: {
    *add(tx: Tx, args: { name: string; by: number }) {
      const row = yield* tx.get<{ n: number }>(
        `INSERT INTO conf_counters (name, n) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET n = conf_counters.n + excluded.n RETURNING n`,
        [args.name, args.by],
      );
      return row?.n ?? 0;
    },
    /** Reads, then writes what it computed: lost unless transactions are serialised. */
    *readThenWrite(tx: Tx, args: { name: string }) {
      const row = yield* tx.get<{ n: number }>("SELECT n FROM conf_counters WHERE name = ?", [
        args.name,
      ]);
      const n = (row?.n ?? 0) + 1;
      yield* tx.run("UPDATE conf_counters SET n = ? WHERE name = ?", [n, args.name]);
      return n;
    },
    /** Moves between counters only while their sum allows it: write skew unless serialised. */
    *takeIfSumPositive(tx: Tx, args: { from: string; names: [string, string] }) {
      const row = yield* tx.get<{ total: number }>(
        "SELECT SUM(n) AS total FROM conf_counters WHERE name = ? OR name = ?",
        args.names,
      );
      if ((row?.total ?? 0) < 1) return false;
      yield* tx.run("UPDATE conf_counters SET n = n - 1 WHERE name = ?", [args.from]);
      return true;
    },
    *readCounter(tx: Tx, args: { name: string }) {
      return yield* tx.get<{ n: number; note: string }>(
        "SELECT n, note FROM conf_counters WHERE name = ?",
        [args.name],
      );
    },
    *readSum(tx: Tx, args: { prefix: string }) {
      const row = yield* tx.get<{ total: number | null; rows: number }>(
        "SELECT SUM(n) AS total, COUNT(*) AS rows FROM conf_counters WHERE name >= ?",
        [args.prefix],
      );
      return { total: row?.total ?? 0, rows: row?.rows ?? 0 };
    },
    *listNames(tx: Tx, args: { limit: number }) {
      const rows = yield* tx.all<{ name: string }>(
        "SELECT name FROM conf_counters ORDER BY name LIMIT ?",
        [args.limit],
      );
      return rows.map(({ name }) => name);
    },
    *addThenRefuse(tx: Tx, args: { name: string }) {
      yield* tx.run("INSERT INTO conf_counters (name, n) VALUES (?, 1)", [args.name]);
      throw refusal();
    },
    *addThenBreak(tx: Tx, args: { name: string }) {
      yield* tx.run("INSERT INTO conf_counters (name, n) VALUES (?, 1)", [args.name]);
      return JSON.parse("{") as number;
    },
    *insertTwice(tx: Tx, args: { name: string }) {
      yield* tx.run("INSERT INTO conf_counters (name, n) VALUES (?, 1)", [args.name]);
      try {
        yield* tx.run("INSERT INTO conf_counters (name, n) VALUES (?, 2)", [args.name]);
      } catch {
        return "caught";
      }
      return "inserted twice";
    },
    *insertOrphan(tx: Tx, args: { name: string }) {
      return yield* tx.run("INSERT INTO conf_children (name, at) VALUES (?, 1)", [args.name]);
    },
    *insertIfAbsent(tx: Tx, args: { name: string }) {
      return yield* tx.run(
        "INSERT INTO conf_counters (name, n) VALUES (?, 1) ON CONFLICT (name) DO NOTHING",
        [args.name],
      );
    },
    *putValue(tx: Tx, args: ValueRow) {
      yield* tx.run("DELETE FROM conf_values WHERE id = ?", [args.id]);
      yield* tx.run("INSERT INTO conf_values (id, t, n, r, b) VALUES (?, ?, ?, ?, ?)", [
        args.id,
        args.t,
        args.n,
        args.r,
        args.b,
      ]);
      return yield* tx.get<ValueRow>(SELECT_VALUE, [args.id]);
    },
    *overflow(tx: Tx, args: { id: number; n: number }) {
      yield* tx.run("INSERT INTO conf_values (id, n) VALUES (?, ?)", [args.id, args.n]);
      return yield* tx.get<{ n: number }>("SELECT n + n AS n FROM conf_values WHERE id = ?", [
        args.id,
      ]);
    },
    *fillValues(tx: Tx, args: { from: number; count: number; text: string }) {
      for (let id = args.from; id < args.from + args.count; id += 1) {
        yield* tx.run("INSERT INTO conf_values (id, t) VALUES (?, ?)", [id, args.text]);
      }
      return yield* tx.all<ValueRow>(
        "SELECT id, t, n, r, b FROM conf_values WHERE id >= ? AND id < ? ORDER BY id",
        [args.from, args.from + args.count],
      );
    },
    *readAndWrite(tx: Tx, args: { name: string }) {
      return yield* tx.run("INSERT INTO conf_counters (name, n) VALUES (?, 1)", [args.name]);
    },
    *statement(tx: Tx, args: { sql: string; params: readonly SqlValue[] }) {
      return yield* tx.all(args.sql, args.params);
    },
    *giveFunction(tx: Tx) {
      yield* tx.run("UPDATE conf_counters SET n = n");
      return () => 1;
    },
  },
});

export const conformanceSource = { module: storeModule, url: import.meta.url };

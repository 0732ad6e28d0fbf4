/** What every store must do, asked of each implementation with its real engine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "@skerry/base";
import { STORE_LIMITS, type ModuleSource, type SqlValue, type Store } from "../src/index.ts";
import { brokenSource } from "./conformance-module-broken.ts";
import { olderSource } from "./conformance-module-1.ts";
import { conformanceSource, storeModule as conformance } from "./conformance-module.ts";
import type { MakePlace, Place } from "./places.ts";
import { secondSource, storeModule as second } from "./second-module.ts";

type StoreTest = (store: Store, place: Place) => Promise<void>;

/** Declares the whole suite for one implementation. */
export function testStoreConformance(engine: string, makePlace: MakePlace): void {
  const check = (title: string, run: StoreTest): void => {
    void test(`${engine}: ${title}`, () => inPlace(makePlace, run));
  };
  declareTransactions(check);
  declareIsolation(check);
  declareErrors(check);
  declareValues(check);
  declareBounds(check);
  declareFormats(engine, makePlace);
}

type Check = (title: string, run: StoreTest) => void;

async function inPlace(makePlace: MakePlace, run: StoreTest): Promise<void> {
  const place = makePlace();
  try {
    const store = await place.open();
    try {
      await run(store, place);
    } finally {
      await store.close();
    }
  } finally {
    place.remove();
  }
}

/** The reason with which a call was refused; fails when it was not. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    assert.ok(PlatformError.is(error), `not a PlatformError: ${String(error)}`);
    return error.reason;
  }
  return assert.fail("the call succeeded");
}

function declareTransactions(check: Check): void {
  check(
    "a committed change is there for the next call and after reopening",
    async (store, place) => {
      assert.equal(await store.call(conformance, "add", { name: "a", by: 2 }), 2);
      assert.equal(await store.call(conformance, "add", { name: "a", by: 3 }), 5);
      await store.close();
      const again = await place.open();
      const row = await again.call(conformance, "readCounter", { name: "a" });
      assert.deepEqual(row, { n: 5, note: "none" });
      await again.close();
    },
  );

  check("a procedure that fails takes back its own writes and no others", async (store) => {
    const outcomes = await Promise.allSettled([
      store.call(conformance, "add", { name: "first", by: 1 }),
      store.call(conformance, "addThenRefuse", { name: "refused" }),
      store.call(conformance, "insertTwice", { name: "twice" }),
      store.call(conformance, "addThenBreak", { name: "broken" }),
      store.call(conformance, "add", { name: "last", by: 1 }),
    ]);
    const kinds = outcomes.map(({ status }) => status);
    assert.deepEqual(kinds, ["fulfilled", "rejected", "rejected", "rejected", "fulfilled"]);
    const names = await store.call(conformance, "listNames", { limit: 10 });
    assert.deepEqual(names, ["first", "last"]);
  });

  check("modules in different databases are served by one store", async (_, place) => {
    await _.close();
    const store = await place.open([conformanceSource, secondSource]);
    await Promise.all([
      store.call(second, "write", { at: 1, note: "one" }),
      store.call(conformance, "add", { name: "one", by: 1 }),
      store.call(second, "write", { at: 2, note: "two" }),
    ]);
    assert.deepEqual(await store.call(second, "list", {}), [
      { at: 1, note: "one" },
      { at: 2, note: "two" },
    ]);
    await store.close();
  });

  check("run counts the rows it changed", async (store) => {
    assert.equal(await store.call(conformance, "insertIfAbsent", { name: "a" }), 1);
    assert.equal(await store.call(conformance, "insertIfAbsent", { name: "a" }), 0);
  });
}

function declareIsolation(check: Check): void {
  check("concurrent read-then-write transactions lose no update", async (store) => {
    for (const name of ["x", "y"]) await store.call(conformance, "add", { name, by: 0 });
    // So few that the last waits for a connection no longer than one may, on a busy machine too.
    const count = 120;
    const calls = Array.from({ length: count }, (_, i) =>
      store.call(conformance, "readThenWrite", { name: i % 2 === 0 ? "x" : "y" }),
    );
    const seen = await Promise.all(calls);
    assert.equal(new Set(seen.filter((_, i) => i % 2 === 0)).size, count / 2);
    const sum = await store.call(conformance, "readSum", { prefix: "" });
    assert.deepEqual(sum, { total: count, rows: 2 });
  });

  check("two transactions that each read what the other writes cannot both win", async (store) => {
    for (let round = 0; round < 20; round += 1) {
      const names: [string, string] = [`left${round}`, `right${round}`];
      await store.call(conformance, "add", { name: names[0], by: 1 });
      await store.call(conformance, "add", { name: names[1], by: 0 });
      const taken = await Promise.all(
        [names[0], names[1], names[0], names[1]].map((from) =>
          store.call(conformance, "takeIfSumPositive", { from, names }),
        ),
      );
      assert.equal(taken.filter(Boolean).length, 1, `round ${round}`);
    }
  });
}

function declareErrors(check: Check): void {
  check("a procedure's own error arrives whole", async (store) => {
    const call = store.call(conformance, "addThenRefuse", { name: "a" });
    const error = await call.then(
      () => assert.fail("the call succeeded"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof PlatformError);
    const { code, reason, message, hint, retryable, httpStatus, audience, details } = error;
    const seen = { code, reason, message, hint, retryable, httpStatus, audience, details };
    assert.deepEqual(seen, {
      code: "NOT_FOUND",
      reason: "CONFORMANCE_REFUSED",
      message: "Refused, as asked.",
      hint: "Ask for something else.",
      retryable: true,
      httpStatus: 410,
      audience: "operator",
      details: { name: "kite", tries: 3 },
    });
  });

  check("each failure has its own reason", async (store) => {
    const reasons = await Promise.all([
      reasonOf(store.call(conformance, "insertTwice", { name: "a" })),
      reasonOf(store.call(conformance, "insertOrphan", { name: "nobody" })),
      reasonOf(store.call(conformance, "addThenBreak", { name: "a" })),
      reasonOf(store.call(conformance, "readAndWrite", { name: "a" })),
      reasonOf(store.call(conformance, "giveFunction", {})),
      reasonOf(store.call(conformance, "add", { name: (() => 1) as never, by: 1 })),
      reasonOf(store.call(conformance, "absent" as "add", { name: "a", by: 1 })),
    ]);
    assert.deepEqual(reasons, [
      "STORE_CONSTRAINT",
      "STORE_CONSTRAINT",
      "STORE_PROCEDURE_FAILED",
      "STORE_READ_ONLY",
      "STORE_NOT_CLONEABLE",
      "STORE_NOT_CLONEABLE",
      "STORE_MODULE_INVALID",
    ]);
    assert.deepEqual(await store.call(conformance, "listNames", { limit: 10 }), []);
  });

  const refused: readonly (readonly [sql: string, params: readonly SqlValue[], reason: string])[] =
    [
      ["PRAGMA user_version", [], "STORE_STATEMENT_REFUSED"],
      ["BEGIN", [], "STORE_STATEMENT_REFUSED"],
      ["COMMIT", [], "STORE_STATEMENT_REFUSED"],
      ["DROP TABLE conf_values", [], "STORE_STATEMENT_REFUSED"],
      ["SELECT 1; SELECT 2", [], "STORE_STATEMENT_REFUSED"],
      ["SELECT name FROM conf_counters WHERE name LIKE 'A%'", [], "STORE_STATEMENT_REFUSED"],
      ["SELECT name FROM conf_counters WHERE n = ?", [], "STORE_STATEMENT_REFUSED"],
      ["SELECT name FROM conf_counters WHERE n = ?", [1, 2], "STORE_STATEMENT_REFUSED"],
      ["SELECT name FROM conf_nowhere", [], "STORE_STATEMENT_FAILED"],
      ["INSERT INTO conf_values (id, n) VALUES (?, ?)", [1, "abc"], "STORE_STATEMENT_FAILED"],
      ["INSERT INTO conf_values (id, n) VALUES (?, ?)", [1, 1.5], "STORE_STATEMENT_FAILED"],
    ];
  for (const [sql, params, reason] of refused) {
    check(`refuses ${sql} with [${params.join(", ")}] as ${reason}`, async (store) => {
      const call = store.call(conformance, "statement", { sql, params });
      assert.equal(await reasonOf(call), reason);
      assert.equal(await store.call(conformance, "add", { name: "after", by: 1 }), 1);
    });
  }
}

const BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);
const KEPT: readonly (readonly [what: string, t: string | null, n: number | null])[] = [
  ["empty text and zero", "", 0],
  ["nulls", null, null],
  ["quotes, question marks and tokens", `'?'"@text" $1 -- ; /*`, 1],
  ["text of every plane", "Ærøskøbing 中文 العربية 👩‍🚀 \u{10FFFF}\u0001\r\n\t", -1],
  ["the largest whole numbers", "max", Number.MAX_SAFE_INTEGER],
  ["the smallest whole numbers", "min", Number.MIN_SAFE_INTEGER],
  ["a long text", "skerry ".repeat(100_000), 2 ** 31],
];

function declareValues(check: Check): void {
  check("values come back as they went in", async (store) => {
    for (const [id, [what, t, n]] of KEPT.entries()) {
      const value = { id, t, n, r: n === null ? null : id + 0.1, b: t === null ? null : BYTES };
      assert.deepEqual(await store.call(conformance, "putValue", value), value, what);
    }
    const empty = { id: 99, t: null, n: null, r: Number.MIN_VALUE, b: new Uint8Array(0) };
    assert.deepEqual(await store.call(conformance, "putValue", empty), empty);
    const big = { id: 100, t: null, n: null, r: 2, b: new Uint8Array(3_000_000).fill(7) };
    assert.deepEqual(await store.call(conformance, "putValue", big), big);
  });

  const refused: readonly (readonly [what: string, value: unknown])[] = [
    ["a whole number beyond 2^53", 2 ** 53],
    ["a bigint", 5n],
    ["not-a-number", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["a boolean", true],
    ["a date", new Date(0)],
    ["a plain object", { a: 1 }],
    ["undefined", undefined],
    ["text with NUL", "a\0b"],
    ["half a surrogate pair", "a\uD800"],
  ];
  for (const [what, value] of refused) {
    check(`refuses ${what} before anything is written`, async (store) => {
      const call = store.call(conformance, "add", { name: value as string, by: 1 });
      assert.equal(await reasonOf(call), "STORE_VALUE_REFUSED");
      assert.deepEqual(await store.call(conformance, "readSum", { prefix: "" }), {
        total: 0,
        rows: 0,
      });
    });
  }

  check("a stored whole number beyond 2^53 is an error, never rounded", async (store) => {
    const call = store.call(conformance, "overflow", { id: 1, n: Number.MAX_SAFE_INTEGER });
    assert.equal(await reasonOf(call), "STORE_VALUE_REFUSED");
  });

  check("text sorts and compares by code point", async (store) => {
    const names = ["z", "Z", "a", "é", "😀", "\uFF5E", "_", "B", "10", "9", "a b", "ab"];
    for (const name of names) await store.call(conformance, "add", { name, by: 1 });
    const sorted = ["10", "9", "B", "Z", "_", "a", "a b", "ab", "z", "é", "\uFF5E", "😀"];
    assert.deepEqual(await store.call(conformance, "listNames", { limit: 20 }), sorted);
    const sum = await store.call(conformance, "readSum", { prefix: "ab" });
    assert.deepEqual(sum, { total: 5, rows: 5 });
  });

  check("truth is 0 or 1", async (store) => {
    const sql = "SELECT 1 = 1 AS yes, 1 = 2 AS no";
    const rows = await store.call(conformance, "statement", { sql, params: [] });
    assert.deepEqual(rows, [{ yes: 1, no: 0 }]);
  });
}

function declareBounds(check: Check): void {
  check("a large result arrives whole and in order", async (store) => {
    const args = { from: 0, count: 5_000, text: "x".repeat(1_000) };
    const rows = await store.call(conformance, "fillValues", args);
    assert.equal(rows.length, 5_000);
    assert.ok(rows.every(({ id, t }, index) => id === index && t?.length === 1_000));
  });

  check("calls beyond the backlog are refused at once, the others are served", async (store) => {
    const beyond = 25;
    const calls = Array.from({ length: STORE_LIMITS.backlogCallsMax + beyond }, () =>
      store.call(conformance, "readCounter", { name: "a" }),
    );
    const outcomes = await Promise.allSettled(calls);
    const reasons = outcomes.map((one) =>
      one.status === "fulfilled" ? "served" : PlatformError.from(one.reason).reason,
    );
    const told = Map.groupBy(reasons, (reason) => reason);
    assert.equal(told.get("STORE_BACKLOG_FULL")?.length, beyond);
    // A busy machine serves for as long as one waits for a connection, and no longer.
    const late = told.get("STORE_UNAVAILABLE")?.length ?? 0;
    assert.equal((told.get("served")?.length ?? 0) + late, STORE_LIMITS.backlogCallsMax);
    assert.ok(late < STORE_LIMITS.backlogCallsMax / 2, `${late} came too late`);
    assert.equal(await reasonOf(calls.at(-1) ?? assert.fail()), "STORE_BACKLOG_FULL");
    assert.equal(await store.call(conformance, "add", { name: "a", by: 1 }), 1);
  });

  check("close lets accepted calls finish and refuses new ones", async (store, place) => {
    const accepted = Array.from({ length: 50 }, (_, i) =>
      store.call(conformance, "add", { name: `n${i}`, by: 1 }),
    );
    const closing = store.close();
    const late = store.call(conformance, "add", { name: "late", by: 1 });
    assert.equal(await reasonOf(late), "STORE_CLOSED");
    await Promise.all(accepted);
    await Promise.all([closing, store.close()]);
    const again = await place.open();
    const sum = await again.call(conformance, "readSum", { prefix: "" });
    assert.deepEqual(sum, { total: 50, rows: 50 });
    await again.close();
  });
}

function declareFormats(engine: string, makePlace: MakePlace): void {
  const check = (title: string, run: (place: Place) => Promise<void>): void => {
    void test(`${engine}: ${title}`, async () => {
      const place = makePlace();
      try {
        await run(place);
      } finally {
        place.remove();
      }
    });
  };
  const older = olderSource.module;

  check("an older release's tables are brought up to date with their rows", async (place) => {
    const before = await place.open([olderSource]);
    await before.call(older, "add", { name: "kept", by: 7 });
    await before.close();
    const after = await place.open();
    const row = await after.call(conformance, "readCounter", { name: "kept" });
    assert.deepEqual(row, { n: 7, note: "none" });
    await after.close();
  });

  check(
    "who opens it is told when tables are to be brought up to date, and only then",
    async (place) => {
      let told = 0;
      const open = async (source?: ModuleSource): Promise<number> => {
        told = 0;
        const modules = source === undefined ? undefined : [source];
        await (await place.open(modules, () => (told += 1))).close();
        return told;
      };
      assert.equal(await open(olderSource), 1);
      assert.equal(await open(olderSource), 0);
      assert.equal(await open(), 1);
      assert.equal(await open(), 0);
    },
  );

  check("tables of a newer release are refused and left alone", async (place) => {
    const newer = await place.open();
    await newer.call(conformance, "add", { name: "kept", by: 7 });
    await newer.close();
    assert.equal(await reasonOf(place.open([olderSource])), "STORE_FORMAT_NEWER");
    const again = await place.open();
    assert.equal(await again.call(conformance, "add", { name: "kept", by: 1 }), 8);
    await again.close();
  });

  check("a migration that fails leaves the tables as they were", async (place) => {
    const before = await place.open([olderSource]);
    await before.call(older, "add", { name: "kept", by: 7 });
    await before.close();
    await assert.rejects(place.open([brokenSource]), PlatformError);
    const after = await place.open();
    const row = await after.call(conformance, "readCounter", { name: "kept" });
    assert.deepEqual(row, { n: 7, note: "none" });
    await after.close();
  });

  check("a module that cannot be opened is refused with its name", async (place) => {
    const twice = place.open([conformanceSource, olderSource]);
    assert.equal(await reasonOf(twice), "STORE_MODULE_INVALID");
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { runSource } from "../test/harness.ts";

test("every console method makes one entry with its level, formatted as Node does", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = () => {
       console.log("a %s %d", "b", 1, { deep: { er: { x: { y: 1 } } } });
       console.info("info"); console.debug("debug"); console.warn("warn"); console.error("error");
       console.dir({ a: 1 }); console.table([{ a: 1 }]); console.assert(false, "claim"); console.assert(true);
       console.group("G"); console.log("in\\nside"); console.groupEnd(); console.log("out");
       console.count("c"); console.trace("here"); console.log();
     };`,
  );
  await instance.invoke({});
  await instance.until(() => instance.entries.length === 14);
  assert.deepEqual(
    instance.entries.map(({ l, m }) => [l, m.startsWith("Trace") ? m.slice(0, 19) : m]),
    [
      ["info", "a b 1 { deep: { er: { x: [Object] } } }"],
      ["info", "info"],
      ["debug", "debug"],
      ["warn", "warn"],
      ["error", "error"],
      ["info", "{ a: 1 }"],
      [
        "info",
        "┌─────────┬───┐\n│ (index) │ a │\n├─────────┼───┤\n│ 0       │ 1 │\n└─────────┴───┘",
      ],
      ["error", "Assertion failed: claim"],
      ["info", "G"],
      ["info", "  in\n  side"],
      ["info", "out"],
      ["info", "c: 1"],
      ["error", "Trace: here\n    at "],
      ["info", ""],
    ],
  );
});

test("lines of interleaved requests carry their own ids, through timers, promises and I/O", async (t) => {
  const instance = await runSource(
    t,
    `const fs = require("node:fs"); const { EventEmitter } = require("node:events");
     exports.handler = async (e) => {
       console.log(e.n + " start");
       await new Promise((r) => setTimeout(r, e.n % 5)); console.log(e.n + " timer");
       await Promise.all([1, 2].map(async () => { await null; console.log(e.n + " all"); }));
       await new Promise((r) => fs.stat("/", r)); console.log(e.n + " io");
       await new Promise((r) => setImmediate(() => process.nextTick(r))); console.log(e.n + " tick");
     };`,
  );
  const ids = new Map(Array.from({ length: 40 }, (_, n) => [n, instance.nextId()]));
  await Promise.all([...ids].map(([n, id]) => instance.invoke({ n }, { id })));
  await instance.until(() => instance.entries.length === 240);
  for (const [n, id] of ids) {
    const of = (word: string): string => `${n} ${word}`;
    assert.deepEqual(instance.messages(id), ["start", "timer", "all", "all", "io", "tick"].map(of));
  }
});

test("lines outside a request carry no id", async (t) => {
  const instance = await runSource(
    t,
    `console.log("loading"); setTimeout(() => console.log("later"), 1); exports.handler = () => 1;`,
  );
  await instance.until(() => instance.entries.length === 2);
  assert.deepEqual(
    instance.entries.map(({ r, m }) => [r, m]),
    [
      [undefined, "loading"],
      [undefined, "later"],
    ],
  );
});

test("what user code writes to stdout passes raw and in order, on lines of its own", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = async () => {
       console.log("before"); process.stdout.write("raw "); process.stdout.write("text"); console.log("after");
       await new Promise((r) => process.stdout.write("x".repeat(300000) + "\\n", r));
       process.stderr.write("to stderr\\n");
     };`,
  );
  await instance.invoke({});
  await instance.until(() => instance.rawOutput.length > 300_000 && instance.stderr !== "");
  assert.equal(instance.rawOutput, `raw text\n${"x".repeat(300_000)}\n`);
  assert.deepEqual(instance.messages(), ["before", "after"]);
  assert.equal(instance.stderr, "to stderr\n");
});

test("a reader that does not read slows nobody down: lines are dropped and counted", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = (e) => { for (let n = 0; n < e.lines; n += 1) console.log(n + "y".repeat(1000)); };`,
  );
  instance.child.stdout?.pause();
  await instance.invoke({ lines: 3000 });
  await instance.invoke({ lines: 1 });
  instance.child.stdout?.resume();
  await instance.until(() =>
    instance.messages().some((message) => message.includes("lines dropped")),
  );
  const dropped = instance
    .messages()
    .flatMap((message) => /… (\d+) lines dropped/.exec(message)?.[1] ?? []);
  const kept = instance.messages().filter((message) => message.includes("yyy")).length;
  assert.equal(kept + dropped.map(Number).reduce((sum, n) => sum + n, 0), 3001);
});

test("a line above the limit is cut and marked", async (t) => {
  const instance = await runSource(t, `exports.handler = () => console.log("z".repeat(100000));`);
  await instance.invoke({});
  await instance.until(() => instance.entries.length === 1);
  const message = instance.messages()[0] ?? "";
  assert.ok(message.length < 17_000);
  assert.match(message, /z… \[cut: \d+ bytes more\]$/);
});

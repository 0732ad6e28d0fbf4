import assert from "node:assert/strict";
import { test } from "node:test";
import { runSource, type Instance } from "../test/harness.ts";
import { HEAP_OUT_OF_MEMORY_SIGNAL, HEAP_OUT_OF_MEMORY_TEXT } from "./node-flags.ts";

async function crashOf(
  instance: Instance,
  event: unknown,
): Promise<{ id: string; code: number | null; signal: string | null }> {
  const id = instance.nextId();
  const { replied } = instance.open({ method: "EVENT", id, body: JSON.stringify(event) });
  await assert.rejects(replied, { reason: "LINK_CLOSED" });
  const exit = await instance.exited;
  return { id, ...exit };
}

const THROWS = `exports.handler = (e) => new Promise(() => {
  console.log("last words");
  if (e.how === "timer") setTimeout(() => { throw new RangeError("in a timer"); }, 1);
  if (e.how === "reject") void (async () => { await null; throw new RangeError("rejected"); })();
  if (e.how === "exit") process.exit(7);
  if (e.how === "exit handler") { process.on("exit", () => console.log("really last")); process.exit(); }
  if (e.how === "flood") { for (let n = 0; n < 3000; n += 1) console.log("line " + n); process.exit(3); }
});`;

for (const [how, text] of [
  ["timer", "Uncaught exception: RangeError: in a timer"],
  ["reject", "Unhandled rejection: RangeError: rejected"],
] as const) {
  test(`an error that nothing handles (${how}) ends the process, logged with its request`, async (t) => {
    const instance = await runSource(t, THROWS);
    const { id, code } = await crashOf(instance, { how });
    assert.equal(code, 1);
    await instance.until(() => instance.messages(id).length === 2);
    assert.equal(instance.messages(id)[0], "last words");
    assert.equal((instance.messages(id)[1] ?? "").slice(0, text.length), text);
    assert.equal(instance.stderr, "");
  });
}

test("process.exit keeps its code and every line, also those of exit handlers", async (t) => {
  const plain = await runSource(t, THROWS);
  assert.equal((await crashOf(plain, { how: "exit" })).code, 7);
  await plain.until(() => plain.messages().includes("last words"));
  const handled = await runSource(t, THROWS);
  assert.equal((await crashOf(handled, { how: "exit handler" })).code, 0);
  await handled.until(() => handled.messages().includes("really last"));
  const flood = await runSource(t, THROWS);
  assert.equal((await crashOf(flood, { how: "flood" })).code, 3);
  await flood.until(() => flood.messages().includes("line 2999"));
  assert.equal(flood.messages().length, 3001);
});

test("user code that listens for uncaught exceptions by itself decides", async (t) => {
  const instance = await runSource(
    t,
    `process.on("uncaughtException", (e) => console.log("mine: " + e.message));
     exports.handler = () => { setTimeout(() => { throw new Error("caught"); }, 1); };`,
  );
  await instance.invoke({});
  await instance.until(() => instance.messages().includes("mine: caught"));
  assert.equal((await instance.invoke({})).text(), "null");
});

test("an endless loop has its earlier lines written, and does not outlive a kill", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = () => { console.log("one"); console.log("two"); for (;;); };`,
  );
  const { replied } = instance.open({ method: "EVENT" });
  await instance.until(() => instance.messages().includes("two"));
  instance.child.kill("SIGKILL");
  await assert.rejects(replied, { reason: "LINK_CLOSED" });
  assert.equal((await instance.exited).signal, "SIGKILL");
});

test("a full heap ends with V8's message and signal, below the instance's memory", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = () => { const all = []; for (;;) all.push(new Array(1000).fill({})); };`,
    { memoryMb: 64 },
  );
  const { signal } = await crashOf(instance, {});
  assert.equal(signal, HEAP_OUT_OF_MEMORY_SIGNAL);
  assert.ok(instance.stderr.includes(HEAP_OUT_OF_MEMORY_TEXT));
});

test("the end of the link ends the process at once, whatever user code holds on to", async (t) => {
  const instance = await runSource(
    t,
    `setInterval(() => {}, 1000); process.exit = () => {}; exports.handler = () => new Promise(() => {});`,
  );
  instance.open({ method: "EVENT" });
  instance.link.close("the gateway went");
  assert.deepEqual(await instance.exited, { code: 0, signal: null });
});

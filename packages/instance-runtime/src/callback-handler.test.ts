/** Handlers that call back, as Lambda, SCF and FC have them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runSource, type Answered, type Instance } from "../test/harness.ts";

const LATE = "(run) => setTimeout(run, 5)";

/** One handler for each thing that may be done with a callback. */
const HANDLERS = `
const late = ${LATE};
const ways = {
  now: (event, context, callback) => callback(null, event.value),
  later: (event, context, callback) => { late(() => callback(null, event.value)); },
  returnsAlso: (event, context, callback) => late(() => callback(undefined, event.value)),
  nothing: (event, context, callback) => callback(),
  error: (event, context, callback) => { late(() => callback(new RangeError("on purpose"))); },
  text: (event, context, callback) => { callback("just text"); },
  object: (event, context, callback) => { callback({ code: 7 }); },
  both: (event, context, callback) => { callback(new TypeError("it counts"), "not this"); },
  empty: (event, context, callback) => { callback("", "not this"); },
  thrown: (event, context, callback) => { callback(null, 1); throw new SyntaxError("thrown"); },
  thrownAfterError: (event, context, callback) => { callback(new Error("a")); throw new SyntaxError("thrown"); },
  twice: (event, context, callback) => { callback(null, 1); callback(null, 2); callback(new Error("3")); },
  promise: async (event, context, callback) => event.value,
  promiseWins: async (event, context, callback) => { callback(null, "called"); return "promised"; },
  promiseFails: async (event, context, callback) => { callback(null, "called"); throw new EvalError("late"); },
  promiseSaysNothing: async (event, context, callback) => { await null; callback(null, "called"); },
  promiseOfError: async (event, context, callback) => { callback(new URIError("called")); },
  promiseEndsFirst: async (event, context, callback) => { late(() => callback(null, "too late")); },
  done: (event, context, callback) => { late(() => context.done(null, event.value)); },
  succeed: (event, context, callback) => { late(() => context.succeed(event.value)); },
  fail: (event, context, callback) => { late(() => context.fail(new RangeError("on purpose"))); },
  failWithNothing: (event, context, callback) => { context.fail(); },
  waits: (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; callback(null, "set"); },
  never: (event, context, callback) => { console.log("begun"); },
};
exports.handler = (event, context, callback) => ways[event.way](event, context, callback);
`;

const outcomeOf = ({ head, body }: Answered): unknown =>
  head.e === undefined ? (JSON.parse(body.toString()) as unknown) : [head.e.name, head.e.message];

async function ways(instance: Instance, expected: Readonly<Record<string, unknown>>) {
  for (const [way, outcome] of Object.entries(expected)) {
    const answered = await instance.invoke({ way, value: { way } });
    assert.deepEqual(outcomeOf(answered), outcome, way);
  }
}

test("the answer is what a handler calls back with, whenever it does and whatever it returns", async (t) => {
  const instance = await runSource(t, HANDLERS);
  const answered = ["now", "later", "returnsAlso", "done", "succeed"];
  await ways(instance, Object.fromEntries(answered.map((way) => [way, { way }])));
  await ways(instance, { nothing: null, waits: "set" });
});

test("what is called back as error is the function's error, whatever it is", async (t) => {
  const instance = await runSource(t, HANDLERS);
  await ways(instance, {
    error: ["RangeError", "on purpose"],
    text: ["Thrown", "just text"],
    object: ["Thrown", "{ code: 7 }"],
    both: ["TypeError", "it counts"],
    empty: ["Thrown", ""],
    fail: ["RangeError", "on purpose"],
    failWithNothing: ["TypeError", "The handler failed."],
    thrown: ["SyntaxError", "thrown"],
    thrownAfterError: ["SyntaxError", "thrown"],
  });
  await instance.until(() => instance.messages().some((text) => text.startsWith("RangeError")));
  const stack = instance.messages().find((text) => text.startsWith("RangeError")) ?? "";
  assert.match(stack, /^RangeError: on purpose\n {4}at .*bundle\.cjs:\d+/, "with its stack");
});

test("a promise is the answer, and where it resolves to nothing what was called back by then", async (t) => {
  const instance = await runSource(t, HANDLERS);
  await ways(instance, {
    promise: { way: "promise" },
    promiseWins: "promised",
    promiseFails: ["EvalError", "late"],
    promiseSaysNothing: "called",
    promiseOfError: ["URIError", "called"],
    promiseEndsFirst: null,
  });
});

test("the first call counts; others are ignored, with one warning for a request", async (t) => {
  const instance = await runSource(t, HANDLERS);
  for (const [way, outcome] of [
    ["twice", 1],
    ["promiseEndsFirst", null],
  ] as const) {
    const id = instance.nextId();
    assert.equal(outcomeOf(await instance.invoke({ way }, { id })), outcome);
    await instance.until(() => instance.messages(id).length > 0);
    assert.deepEqual(await warningsOf(instance, id), [
      "The handler called back again, or after its end: that is ignored.",
    ]);
  }
});

/** Once a later request of the same process has been answered. */
async function warningsOf(instance: Instance, id: string): Promise<readonly string[]> {
  await instance.invoke({ way: "now" });
  return instance.messages(id);
}

test("one that never calls back holds up nobody else, and its caller leaves", async (t) => {
  const instance = await runSource(t, HANDLERS);
  const id = instance.nextId();
  const body = JSON.stringify({ way: "never" });
  const { stream } = instance.open({ method: "EVENT", id, body });
  await instance.until(() => instance.messages(id).includes("begun"));
  await ways(instance, { later: { way: "later" } });
  stream.cancel("it takes too long");
  await ways(instance, { now: { way: "now" } });
  assert.equal(instance.link.streams, 0);
});

const NOT_WAITED_FOR: Readonly<Record<string, string>> = {
  "no parameters": "() => {}",
  "one parameter": "(event) => {}",
  "two parameters": "(event, context) => {}",
  "a third with a default": "(event, context, own = 'own') => { if (own !== 'own') throw own; }",
  "a rest": "(event, ...rest) => { if (rest.length !== 1) throw rest; }",
  "`arguments`": "function () { if (arguments.length !== 2) throw arguments; }",
};

for (const [what, handler] of Object.entries(NOT_WAITED_FOR)) {
  test(`a handler with ${what} that returns nothing is answered at once, and given no callback`, async (t) => {
    const instance = await runSource(t, `exports.handler = ${handler};`);
    assert.equal(outcomeOf(await instance.invoke({})), null);
  });
}

const PLACES: Readonly<Record<string, readonly ["cjs" | "esm", string, string]>> = {
  "an export": ["cjs", "exports.handler = ", "handler"],
  "another name": ["cjs", "exports.main_handler = ", "main_handler"],
  "the module itself": ["cjs", "module.exports = ", "handler"],
  "an ES module": ["esm", "export const handler = ", "handler"],
  "an ES module's default": ["esm", "export default ", "handler"],
  "a member that needs its object": [
    "cjs",
    "module.exports = { value: 7, handler(event, context, callback) { callback(null, this.value); } };",
    "handler",
  ],
};

for (const [what, [format, source, handler]] of Object.entries(PLACES)) {
  test(`a handler calls back from ${what}`, async (t) => {
    const own = source.endsWith(";") ? "" : "(event, context, callback) => callback(null, 7);";
    const instance = await runSource(t, source + own, { format, specialise: { handler } });
    assert.equal(outcomeOf(await instance.invoke({})), 7);
  });
}

test("a URL call is answered with what is called back, in parts and as bytes", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = (event, context, callback) => {
       if (event.path === "/bytes") return callback(null, Buffer.from([0, 255]));
       callback(null, { statusCode: 201, headers: { "x-one": "1" }, body: "aGk=", isBase64Encoded: true });
     };`,
  );
  const parts = await instance.request({ path: "/" });
  assert.deepEqual([parts.head.s, parts.text()], [201, "hi"]);
  assert.deepEqual([...(await instance.request({ path: "/bytes" })).body], [0, 255]);
});

/** Hooks of Node, Python and PHP, and what ends a program. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { mkdirSync, writeFileSync } from "node:fs";
import type { SpecialiseHead, SpecialiseReply } from "@skerry/contracts";
import { plainArtefact, scratch, startInstance, type Instance } from "../test/harness.ts";
import { php, python } from "../test/languages.ts";

interface Language {
  readonly name: string;
  readonly missing: string | false;
  /**
   * A source whose `init` and `preStop` do as `HOOKS` says, and whose handler tells what they saw.
   */
  readonly source: string;
  readonly failing: string;
  /** Functions of these names that are the code's own affair. */
  readonly unrelated: string;
  start(t: TestContext): Promise<Instance> | Instance;
  artefact(t: TestContext, source: string): { readonly directory: string };
}

const nodeArtefact: Language["artefact"] = (t, source) =>
  plainArtefact(
    join(
      scratch((run) => t.after(run)),
      "code",
    ),
    source,
  );

const LANGUAGES: readonly Language[] = [
  {
    ...{ name: "Node", missing: false },
    source: `let seen = [];
      exports.init = async (context) => { await null; seen.push(context.app, context.function); };
      exports.preStop = async () => { await null; console.log("stopping", seen.length); throw new Error("on purpose"); };
      exports.handler = () => seen;`,
    failing: `exports.init = async () => { throw new TypeError("on purpose"); }; exports.handler = () => 1;`,
    unrelated: `exports.init = (a, b) => { throw new Error("not yours"); }; exports.handler = () => 1;`,
    start: (t) => startInstance((run) => t.after(run)),
    artefact: nodeArtefact,
  },
  {
    ...{ name: "Node, a default object", missing: false },
    source: `let seen = [];
      module.exports = {
        default: { fetch: () => Response.json(seen),
          init(context) { seen.push(context.app, context.function); },
          preStop() { console.log("stopping", seen.length); throw new Error("on purpose"); } } };`,
    failing: `exports.init = () => { throw new TypeError("on purpose"); }; exports.handler = () => 1;`,
    unrelated: `exports.init = "later"; exports.handler = () => 1;`,
    start: (t) => startInstance((run) => t.after(run)),
    artefact: nodeArtefact,
  },
  {
    ...{ name: "Python, functions", missing: python.missing },
    source: `seen = []
async def init(context): seen.extend([context.app, context.function])
def pre_stop():
    print("stopping", len(seen))
    raise ValueError("on purpose")
def handler(event, context): return seen`,
    failing: `def init(context): raise TypeError("on purpose")\ndef handler(e, c): return 1`,
    unrelated: `def init(a, b): raise TypeError("not yours")\ndef handler(e, c): return 1`,
    start: (t) => python.start(t),
    artefact: python.artefact,
  },
  {
    ...{ name: "Python, coroutines", missing: python.missing },
    source: `import asyncio
seen = []
async def init(context):
    await asyncio.sleep(0)
    seen.extend([context.app, context.function])
async def pre_stop(context):
    await asyncio.sleep(0)
    print("stopping", len(seen))
    raise ValueError("on purpose")
async def handler(event, context): return seen`,
    failing: `async def init(context): raise TypeError("on purpose")\nasync def handler(e, c): return 1`,
    unrelated: `init = 1\nasync def handler(e, c): return 1`,
    start: (t) => python.start(t),
    artefact: python.artefact,
  },
  {
    ...{ name: "PHP", missing: php.missing },
    source: `namespace Shop; $seen = [];
      function init(array $context) { global $seen; $seen = [$context["app"], $context["function"]]; }
      function preStop() { global $seen; echo "stopping " . count($seen); throw new \\Exception("on purpose"); }
      function handler() { global $seen; return $seen; }`,
    failing: `function init() { throw new TypeError("on purpose"); } function handler() { return 1; }`,
    unrelated: `function init($a, $b) { throw new TypeError("not yours"); } function handler() { return 1; }`,
    start: (t) => php.start(t),
    artefact: php.artefact,
  },
];

async function specialised(
  t: TestContext,
  language: Language,
  which: { readonly source: string; readonly head?: Partial<SpecialiseHead> },
): Promise<{ readonly instance: Instance; readonly reply: SpecialiseReply }> {
  const instance = await language.start(t);
  const artefact = language.artefact(t, which.source);
  return { instance, reply: await instance.specialise(artefact, which.head) };
}

for (const language of LANGUAGES) {
  const { name, source, failing, unrelated, missing: skip } = language;

  test(
    `init runs once before the first request, and preStop when asked (${name})`,
    { skip },
    async (t) => {
      const { instance, reply } = await specialised(t, language, { source });
      assert.partialDeepStrictEqual(reply, { ok: true, preStop: true });
      for (let n = 0; n < 2; n += 1) {
        assert.deepEqual((await instance.invoke({})).json(), ["shop", "hello"]);
      }
      assert.equal((await instance.ask('{"op":"pre-stop"}')).head, "{}");
      await instance.until(() => instance.messages().includes("stopping 2"));
      await instance.until(() => instance.messages().some((text) => text.includes("on purpose")));
    },
  );

  test(
    `an init that fails is the start's failure, with its stack in the log (${name})`,
    { skip },
    async (t) => {
      const { instance, reply } = await specialised(t, language, { source: failing });
      assert.deepEqual(reply, { ok: false, name: "TypeError", message: "on purpose" });
      await instance.until(() => instance.messages().some((text) => text.includes("on purpose")));
    },
  );

  test(`a build runs no init (${name})`, { skip }, async (t) => {
    const head = { noInit: true } as const;
    const { reply } = await specialised(t, language, { source: failing, head });
    assert.equal(reply.ok, true);
  });

  test(`what takes more than the context is no hook (${name})`, { skip }, async (t) => {
    const { instance, reply } = await specialised(t, language, { source: unrelated });
    assert.equal(reply.ok, true);
    assert.equal("preStop" in reply, false);
    assert.equal((await instance.ask('{"op":"pre-stop"}')).head, "{}");
    assert.equal((await instance.invoke({})).json(), 1);
  });
}

test("a program is asked to end by SIGTERM, and has its time", async (t) => {
  const directory = scratch((run) => t.after(run));
  mkdirSync(directory, { recursive: true });
  const code = `const server = require("node:http").createServer((q, a) => a.end("ok")).listen(process.env.PORT);
    process.on("SIGTERM", () => setTimeout(() => { console.log("tidied"); process.exit(0); }, 100));`;
  writeFileSync(join(directory, "server.js"), code);
  const program = { command: ["/bin/sh", "-c", "node server.js"], serves: "http", port: 9_000 };
  const manifest = { format: 2, entry: null, program, handlerKind: null, initFailure: null };
  writeFileSync(join(directory, "artefact.json"), JSON.stringify(manifest));
  const instance = await startInstance((run) => t.after(run));
  assert.partialDeepStrictEqual(await instance.specialise({ directory }), { preStop: true });
  assert.equal((await instance.request({})).text(), "ok");
  assert.equal((await instance.ask('{"op":"pre-stop"}')).head, "{}");
  await instance.until(() => instance.rawOutput.includes("tidied"));
  assert.deepEqual(instance.messages(), []);
});

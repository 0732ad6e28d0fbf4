import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { SpecialiseReply } from "@skerry/contracts";
import {
  plainArtefact,
  runSource,
  scratch,
  startInstance,
  writeManifest,
  type Artefact,
  type StartOptions,
} from "../test/harness.ts";

function artefactOf(t: TestContext, source: string, format: "cjs" | "esm" = "cjs"): Artefact {
  return plainArtefact(
    join(
      scratch((run) => t.after(run)),
      "code",
    ),
    source,
    { format },
  );
}

async function replyTo(
  t: TestContext,
  source: string,
  format?: "cjs" | "esm",
): Promise<SpecialiseReply> {
  const instance = await startInstance((run) => t.after(run));
  return instance.specialise(artefactOf(t, source, format));
}

test("an instance is silent until spoken to, then says what it is", async (t) => {
  const instance = await startInstance((run) => t.after(run));
  await instance.until(() => instance.instanceFacts !== undefined);
  assert.equal(instance.instanceFacts?.["role"], "instance");
  assert.equal(instance.instanceFacts?.["runtimeBuild"], process.version);
  assert.equal(instance.rawOutput + instance.stderr, "");
});

test("a second specialise is refused and changes nothing, also after a failed first one", async (t) => {
  const instance = await runSource(t, `exports.handler = () => "first";`);
  const other = artefactOf(t, `console.log("ran"); exports.handler = () => "second";`);
  const reply = await instance.specialise(other);
  assert.ok(!reply.ok && reply.name === "AlreadySpecialised");
  assert.equal((await instance.invoke({})).text(), '"first"');
  assert.deepEqual(instance.messages(), []);

  const failed = await startInstance((run) => t.after(run));
  assert.equal((await failed.specialise(artefactOf(t, `throw new Error("no");`))).ok, false);
  const again = await failed.specialise(other);
  assert.ok(!again.ok && again.name === "AlreadySpecialised");
});

test("told by a last word, it loads while its link is parked and tells the next peer", async (t) => {
  for (const [source, said] of [
    [`exports.handler = () => "up";`, { ok: true, handlerKind: "event" }],
    [`throw new RangeError("no");`, { ok: false, name: "RangeError", message: "no" }],
  ] as const) {
    const instance = await startInstance((run) => t.after(run));
    await instance.until(() => instance.instanceFacts !== undefined);
    assert.equal(instance.instanceFacts?.["takesLastWord"], 1);
    instance.leaveWith(artefactOf(t, source));
    const loaded = JSON.parse((await instance.ask(`{"op":"loaded"}`)).head) as SpecialiseReply;
    assert.deepEqual({ ...loaded, ...said }, loaded);
    if (said.ok) assert.equal((await instance.invoke({})).text(), '"up"');
    else await assert.rejects(instance.invoke({}), { reason: "LINK_STREAM_CANCELLED" });
  }
});

test("a last word that specialises again is refused and changes nothing", async (t) => {
  const instance = await runSource(t, `exports.handler = () => "first";`);
  instance.leaveWith(artefactOf(t, `console.log("ran"); exports.handler = () => "second";`));
  const again = JSON.parse((await instance.ask(`{"op":"loaded"}`)).head) as SpecialiseReply;
  assert.ok(!again.ok && again.name === "AlreadySpecialised");
  assert.equal((await instance.invoke({})).text(), '"first"');
  assert.deepEqual(instance.messages(), []);
});

test("nobody is told of a load that was no last word", async (t) => {
  const instance = await runSource(t, `exports.handler = () => 1;`);
  await assert.rejects(instance.ask(`{"op":"loaded"}`), { reason: "LINK_STREAM_CANCELLED" });
});

test("a blank refuses requests and code caches", async (t) => {
  const instance = await startInstance((run) => t.after(run));
  await assert.rejects(instance.invoke({}), { reason: "LINK_STREAM_CANCELLED" });
  assert.equal((await instance.codeCache()).reply.ok, false);
  await instance.load(artefactOf(t, `exports.handler = () => 1;`));
  assert.equal((await instance.invoke({})).text(), "1");
});

const KINDS: Readonly<
  Record<string, readonly [source: string, kind: "event" | "fetch", esm?: true]>
> = {
  "a named export": [`exports.handler = () => 1;`, "event"],
  "a default function": [`exports.default = () => 1; exports.__esModule = true;`, "event"],
  "module.exports as a function": [`module.exports = () => 1;`, "event"],
  "a named export of the default object": [
    `module.exports = { default: { handler: () => 1 } };`,
    "event",
  ],
  "a default object with fetch": [`exports.default = { fetch: () => new Response("1") };`, "fetch"],
  "module.exports with fetch": [`module.exports = { fetch: () => new Response("1") };`, "fetch"],
  "fetch before a handler": [
    `exports.handler = () => 2; exports.default = { fetch: () => new Response("1") };`,
    "fetch",
  ],
  "fetch that needs its object": [
    `module.exports = new (class { n = "1"; fetch() { return new Response(this.n); } })();`,
    "fetch",
  ],
  "an ES module's export": [`export const handler = () => 1;`, "event", true],
  "an ES module's default with fetch": [
    `export default { fetch: () => new Response("1") };`,
    "fetch",
    true,
  ],
  "an ES module with top-level await": [`await null; export default async () => 1;`, "event", true],
};

for (const [name, [source, kind, esm]] of Object.entries(KINDS)) {
  test(`${name} is found and called`, async (t) => {
    const instance = await startInstance((run) => t.after(run));
    const reply = await instance.specialise(artefactOf(t, source, esm === true ? "esm" : "cjs"));
    assert.ok(reply.ok, JSON.stringify(reply));
    assert.equal(reply.handlerKind, kind);
    assert.ok(reply.codeUs > 0 && reply.initUs >= 0);
    assert.equal((await instance.invoke({})).text(), "1");
  });
}

test("the configured handler name is the one that is called", async (t) => {
  const source = `exports.handler = () => 1; exports.other = () => 2;`;
  const instance = await runSource(t, source, { specialise: { handler: "other" } });
  assert.equal((await instance.invoke({})).text(), "2");
});

test("a module without a handler fails with what it does export", async (t) => {
  const named = await replyTo(t, `exports.Handler = () => 1; exports.list = [];`);
  assert.ok(!named.ok && named.name === "HandlerMissing");
  assert.match(named.message, /`handler`.*Handler \(function\), list \(array\)/);
  const empty = await replyTo(t, ``);
  assert.ok(!empty.ok && /exports nothing/.test(empty.message));
  const none = await replyTo(t, `module.exports = null;`);
  assert.ok(!none.ok && none.name === "HandlerMissing");
});

test("code that fails while it is loaded fails the specialise, with its stack in the log", async (t) => {
  const instance = await startInstance((run) => t.after(run));
  const reply = await instance.specialise(artefactOf(t, `\nnull.x;`));
  assert.ok(!reply.ok && reply.name === "TypeError");
  assert.match(reply.message, /null/);
  await instance.until(() => instance.entries.length === 1);
  assert.match(instance.messages()[0] ?? "", /bundle\.cjs:2:6/);
  const syntax = await replyTo(t, `const = 1;`);
  assert.ok(!syntax.ok && syntax.name === "SyntaxError");
  const esm = await replyTo(t, `import "missing-package";`, "esm");
  assert.ok(!esm.ok && /missing-package/.test(esm.message));
  const gone = await startInstance((run) => t.after(run));
  const missing = await gone.specialise({ ...artefactOf(t, ""), directory: "/nonexistent" });
  assert.ok(!missing.ok && /artefact\.json/.test(missing.message));
});

const ENV_SOURCE = `exports.handler = () => ({ env: process.env, argv: process.argv.length,
  globals: Object.getOwnPropertyNames(globalThis) });`;

test("the environment is exactly the function's own and the platform's names", async (t) => {
  const options: StartOptions = {
    env: { SECRET_OF_THE_AGENT: "x", HOME: "/home/me", NODE_NO_WARNINGS: "1", TMPDIR: "/scratch" },
  };
  const env = { A: "1", TZ: "Asia/Shanghai" };
  const instance = await runSource(t, ENV_SOURCE, { ...options, specialise: { env } });
  const seen = (await instance.invoke({})).json() as { env: Record<string, string> };
  const proxy = seen.env["HTTPS_PROXY"] ?? "";
  assert.match(proxy, /^http:\/\/127\.0\.0\.1:\d+$/);
  const direct = "localhost,127.0.0.1,::1,[::1]";
  assert.deepEqual(seen.env, {
    ...{ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy },
    ...{ NO_PROXY: direct, no_proxy: direct, NODE_USE_ENV_PROXY: "1" },
    A: "1",
    HOME: "/home/me",
    NODE_ENV: "production",
    PATH: "/usr/local/bin:/usr/bin:/bin",
    SKERRY_APP: "shop",
    SKERRY_FUNCTION: "hello",
    SKERRY_INSTANCE_ID: "inst_1",
    SKERRY_MEMORY_MB: "128",
    SKERRY_REVISION: "rev_1",
    TMPDIR: "/scratch",
    TZ: "Asia/Shanghai",
  });
});

test("user code finds no global and no descriptor of the runtime by ordinary means", async (t) => {
  for (const warm of ["none", "event", "fetch"] as const) {
    const instance = await runSource(t, ENV_SOURCE, { warm });
    const { globals } = (await instance.invoke({})).json() as { globals: string[] };
    const own = Object.getOwnPropertyNames(globalThis);
    assert.deepEqual(
      globals.filter((name) => !own.includes(name)),
      [],
      warm,
    );
  }
});

test("a time zone given to the function is in force", async (t) => {
  const instance = await runSource(t, `exports.handler = () => new Date(0).getHours();`, {
    specialise: { env: { TZ: "Asia/Shanghai" } },
    warm: "event",
  });
  assert.equal((await instance.invoke({})).text(), "8");
});

test("files beside the code are found by __dirname, require and the working directory", async (t) => {
  const instance = await runSource(
    t,
    `const fs = require("node:fs"); const path = require("node:path");
     exports.handler = async () => [
       fs.readFileSync(path.join(__dirname, "a/b.txt"), "utf8"), fs.readFileSync("a/b.txt", "utf8"),
       require("./c.json").c, (await import("node:os")).EOL, module.exports === exports, require.main === module];`,
    { files: { "a/b.txt": "B", "c.json": '{"c":1}' } },
  );
  assert.deepEqual((await instance.invoke({})).json(), ["B", "B", 1, "\n", true, false]);
});

test("a code cache of the build is taken by a later instance, also of another memory size", async (t) => {
  const source = `const f = () => 1; exports.handler = () => f(); f();`;
  const artefact = artefactOf(t, source);
  const builder = await startInstance((run) => t.after(run));
  await builder.load(artefact);
  const { reply, bytes } = await builder.codeCache();
  assert.equal(reply.ok, true);
  assert.ok(bytes.length > 100);
  writeFileSync(join(artefact.directory, "bundle.cache"), bytes);
  const { bundle, bundleFormat, assetFiles } = artefact.manifest;
  writeManifest(artefact.directory, {
    bundle,
    bundleFormat,
    assetFiles,
    codeCache: "bundle.cache",
  });
  for (const memoryMb of [128, 1024]) {
    const instance = await startInstance((run) => t.after(run), { memoryMb, warm: "event" });
    const taken = await instance.specialise(artefact);
    assert.ok(taken.ok && taken.codeCacheUsed, `${memoryMb} MiB`);
    assert.equal((await instance.invoke({})).text(), "1");
  }
});

test("a damaged or missing code cache is not used and does no harm", async (t) => {
  const artefact = artefactOf(t, `exports.handler = () => 1;`);
  for (const content of [undefined, "", "nonsense", "x".repeat(5000)]) {
    writeManifest(artefact.directory, { ...artefact.manifest, codeCache: "bundle.cache" });
    if (content !== undefined) writeFileSync(join(artefact.directory, "bundle.cache"), content);
    const instance = await startInstance((run) => t.after(run));
    const reply = await instance.specialise(artefact);
    assert.ok(reply.ok && !reply.codeCacheUsed);
    assert.equal((await instance.invoke({})).text(), "1");
  }
});

test("an ES module has no code cache and says so", async (t) => {
  const instance = await runSource(t, `export const handler = () => 1;`, { format: "esm" });
  const { reply, bytes } = await instance.codeCache();
  assert.equal(reply.ok, false);
  assert.equal(bytes.length, 0);
});

for (const warm of ["event", "fetch"] as const) {
  test(`a blank warmed for ${warm} can be parked, changes hands, and serves either kind`, async (t) => {
    const instance = await startInstance((run) => t.after(run), { warm });
    const source =
      warm === "event"
        ? `exports.default = { fetch: () => new Response("1") };`
        : `exports.handler = () => 1;`;
    await instance.until(() => instance.instanceFacts !== undefined);
    await instance.link.park();
    instance.pipe.detach();
    instance.connect();
    await instance.load(artefactOf(t, source));
    await instance.link.park();
    instance.pipe.detach();
    instance.connect();
    const [one, two] = await Promise.all([instance.invoke({}), instance.invoke({})]);
    assert.deepEqual([one.text(), two.text()], ["1", "1"]);
    assert.equal(instance.rawOutput + instance.stderr, "");
    assert.deepEqual(instance.messages(), [], "nothing of the warm-up is seen");
  });
}

test("the bundle of the bootstrap holds the runtime and little else", async () => {
  const { bundledRuntime } = await import("../test/harness.ts");
  const text = readFileSync(await bundledRuntime(), "utf8");
  assert.ok(text.length < 240_000, `${text.length} characters`);
  assert.ok(!text.includes("node_modules/"), "no npm package runs beside user code");
});

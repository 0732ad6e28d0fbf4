/** Layers as code sees them, in each rung and from each language. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { BuildReply, FunctionConfigInput, InstanceGrant } from "@skerry/contracts";
import type { SandboxRung } from "@skerry/sandbox";
import { GATEWAY, Node, rungOrSkip } from "../test/world.ts";
import type { SourceFiles } from "../test/zip.ts";
import { layersEnvironment } from "./layers.ts";

const PACKAGE = '{"name":"left","main":"m.js"}';
const TOOLS: SourceFiles = {
  "nodejs/node_modules/left/package.json": PACKAGE,
  "nodejs/node_modules/left/m.js": 'exports.left = () => "of tools from " + __dirname;',
  "python/pied.py": "def piper():\n    return 'piper'\n",
  "bin/greet": "#!/bin/sh\necho hello from a tool\n",
  "text/word.txt": "tools",
};
const FONTS: SourceFiles = { "text/word.txt": "fonts", "text/font.txt": "Garamond" };
const READER = `import { readFileSync, writeFileSync } from "node:fs";
const at = (path) => readFileSync(process.env.SKERRY_LAYERS + "/" + path, "utf8");
const attempt = (run) => { try { run(); return "done"; } catch ({ code }) { return code; } };`;

class Layered {
  readonly rung: SandboxRung;
  tools = "";
  fonts = "";
  #node: Node | undefined;

  constructor(rung: SandboxRung) {
    this.rung = rung;
  }

  async open(): Promise<void> {
    this.#node = await Node.open(this.rung);
    this.tools = await this.node.put(TOOLS);
    this.fonts = await this.node.put(FONTS);
  }

  get node(): Node {
    assert.ok(this.#node !== undefined);
    return this.#node;
  }

  async close(): Promise<void> {
    await this.#node?.close();
  }

  async started(
    files: SourceFiles,
    config: FunctionConfigInput,
  ): Promise<{ readonly answer: unknown; readonly grant: InstanceGrant }> {
    const instances = this.node.instances({ blanks: 1 });
    const ref = await this.node.revision(files, config);
    const outcome = await instances.start(ref, GATEWAY, "first_instance");
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const used = instances.artefactsInUse();
    for (const layer of config.layers ?? []) assert.ok(used.includes(layer), "it may not go");
    const held = this.node.heldOf(outcome.grant);
    assert.ok(held !== undefined);
    const { body } = await this.node.call(held, 1);
    await instances.close();
    return { answer: JSON.parse(body) as unknown, grant: outcome.grant };
  }

  /** `/opt`, or where the layers stand without mounts. */
  where(answer: string): string {
    return this.rung === "bubblewrap"
      ? answer
      : answer.replace(/from .*\/nodejs/, "from /opt/nodejs");
  }
}

const CASES: Readonly<Record<string, (c: Layered) => Promise<void>>> = {
  "Node's code loads packages of a layer from there": async (c) => {
    const code = 'import { left } from "left"; export const handler = () => left();';
    const { answer, grant } = await c.started({ "index.mjs": code }, { layers: [c.tools] });
    assert.equal(c.where(String(answer)), "of tools from /opt/nodejs/node_modules/left");
    assert.equal(grant.startKind, "fresh", "no blank has layers");
  },

  "a package that the source brings along wins over a layer's": async (c) => {
    const code = 'import { left } from "left"; export const handler = () => left();';
    const own = { "node_modules/left/package.json": PACKAGE };
    const files = { ...own, "node_modules/left/m.js": 'exports.left = () => "own";' };
    const config = { layers: [c.tools] };
    assert.equal((await c.started({ ...files, "index.mjs": code }, config)).answer, "own");
  },

  "several layers are merged in their order, and nobody may write to them": async (c) => {
    const code = `${READER}
      export const handler = () => [at("text/word.txt"), at("text/font.txt"), at("bin/greet").length > 0,
        attempt(() => writeFileSync(process.env.SKERRY_LAYERS + "/text/new.txt", ""))];`;
    const inOrder = await c.started({ "index.mjs": code }, { layers: [c.tools, c.fonts] });
    const refused = c.rung === "bubblewrap" ? ["EROFS"] : ["EACCES", "done"];
    const [word, font, hasTool, written] = inOrder.answer as readonly unknown[];
    assert.deepEqual([word, font, hasTool], ["fonts", "Garamond", true]);
    assert.ok(refused.includes(String(written)), String(written));
    const other = await c.started({ "index.mjs": code }, { layers: [c.fonts, c.tools] });
    assert.equal((other.answer as readonly unknown[])[0], "tools");
  },

  "what layers were merged into is made again when it went before the build that used it": async (
    c,
  ) => {
    const code = `${READER}\nexport const handler = () => at("text/word.txt") + " again";`;
    const config = { layers: [c.fonts, c.tools] };
    const start = async (): Promise<unknown> =>
      (await c.started({ "index.mjs": code }, config)).answer;
    assert.equal(await start(), "tools again");
    const merged = (await c.node.code.list()).filter(({ builtFrom }) => builtFrom === c.fonts);
    assert.equal(merged.length, 1);
    for (const { name } of merged) await c.node.code.remove(name);
    assert.equal(await start(), "tools again");
  },

  "programs of a layer are found, from code and from a program of its own": async (c) => {
    const run = 'require("node:child_process").execFileSync("greet").toString()';
    const config = { layers: [c.tools], command: "node server.cjs" };
    const server = `require("node:http").createServer((q, r) => r.end(JSON.stringify(${run}))).listen(process.env.PORT);`;
    const { answer } = await c.started({ "server.cjs": server }, config);
    assert.equal(answer, "hello from a tool\n");
  },

  "Python's code imports modules of a layer": async (c) => {
    const code = "import pied\ndef handler(event, context):\n    return pied.piper()\n";
    const { answer } = await c.started(
      { "index.py": code },
      { layers: [c.tools], runtime: "python3" },
    );
    assert.equal(answer, "piper");
  },

  "without layers there is no /opt and nothing of theirs (control)": async (c) => {
    const code =
      'export const handler = () => [process.env.SKERRY_LAYERS, process.env.NODE_PATH].join("|");';
    assert.equal((await c.started({ "index.mjs": code }, {})).answer, "|");
    const reply: BuildReply = await c.node.build({
      "index.mjs": 'import { left } from "left"; export const handler = () => left();',
    });
    assert.ok(!reply.ok && reply.error.reason === "BUILD_FAILED", JSON.stringify(reply));
  },

  "layers that do not fit together refuse the build": async (c) => {
    const clash = await c.node.put({ text: "a file" });
    const reply = await c.node.build(
      { "index.mjs": "export const handler = () => 1;" },
      { layers: [c.tools, clash] },
    );
    assert.ok(!reply.ok && reply.error.reason === "LAYERS_CLASH", JSON.stringify(reply));
  },

  "another list of layers is another artefact, and a missing layer is told": async (c) => {
    const source = { "index.mjs": "export const handler = () => 'same';" };
    const [one, two] = [
      await c.node.build(source, { layers: [c.tools] }),
      await c.node.build(source, { layers: [c.fonts] }),
    ];
    assert.ok(one.ok && two.ok && one.artefactKey !== two.artefactKey);
    const missing = await c.node.build(source, { layers: [`src_${"0".repeat(64)}`] });
    assert.ok(!missing.ok && missing.error.reason === "SOURCE_MISSING_ON_NODE");
  },
};

for (const rung of ["bubblewrap", "process"] as const) {
  const skipped = await rungOrSkip(rung);
  describe(`layers in ${rung}`, { ...skipped, timeout: 240_000 }, () => {
    const context = new Layered(rung);
    before(() => context.open());
    after(() => context.close());
    for (const [title, run] of Object.entries(CASES)) test(title, () => run(context));
  });
}

test("libraries are looked for where the function says first, then in its layers", () => {
  const env = layersEnvironment("/opt", { env: { LD_LIBRARY_PATH: "/code/lib" }, code: "/code" });
  assert.deepEqual(env, {
    SKERRY_LAYERS: "/opt",
    NODE_PATH: "/opt/nodejs/node_modules",
    PYTHONPATH: "/code/python_packages:/opt/python",
    PATH: "/opt/bin:/usr/local/bin:/usr/bin:/bin",
    LD_LIBRARY_PATH: "/code/lib:/opt/lib",
  });
});

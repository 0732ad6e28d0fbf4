import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { BuildReply } from "@skerry/contracts";
import type { SandboxRung } from "@skerry/sandbox";
import { Registry, REGISTRY_HOST } from "../test/registry.ts";
import { GATEWAY, Node, rungOrSkip } from "../test/world.ts";
import type { SourceFiles } from "../test/zip.ts";

const NPMRC = `registry=http://${REGISTRY_HOST}/\n`;
const wants = (name: string): SourceFiles => ({
  ".npmrc": NPMRC,
  "package.json": JSON.stringify({ dependencies: { [name]: "1.0.0" } }),
});
const CALLS = {
  "index.mjs": 'import { left } from "left"; export const handler = () => left("a");',
};
const PIP = `--index-url http://${REGISTRY_HOST}/simple\n--trusted-host ${REGISTRY_HOST}\n`;

class Installs {
  readonly rung: SandboxRung;
  readonly packages = new Registry();
  #node: Node | undefined;

  constructor(rung: SandboxRung) {
    this.rung = rung;
  }

  async open(): Promise<void> {
    await this.packages.listen();
    await this.packages.addNpm("left", {
      "package.json": '{"name":"left","version":"1.0.0","bin":{"left":"cli.js"}}',
      "index.js": 'exports.left = (word) => word + " of left";',
      "cli.js": "process.exit(0);",
    });
    await this.packages.addNpm("native", {
      "package.json": '{"name":"native","version":"1.0.0"}',
      "index.js": 'exports.left = () => require("node:fs").readdirSync(__dirname).join();',
      "some.node": "no machine code at all",
    });
    await this.packages.addNpm("deep", {
      "package.json": `{"name":"deep","version":"1.0.0","scripts":{"postinstall":"sh deep.sh"}}`,
      "deep.sh": `for i in $(seq 60); do mkdir ${"d".repeat(200)} && cd -P ${"d".repeat(200)} || exit 0; done`,
    });
    await this.packages.addNpm("sparse", {
      "package.json": `{"name":"sparse","version":"1.0.0","scripts":{"postinstall":"truncate -s 3G big"}}`,
    });
    this.packages.addPip("pied", "def piper():\n    return 'piper'\n");
    this.#node = await Node.open(this.rung);
    this.node.network = this.packages.network;
  }

  get node(): Node {
    assert.ok(this.#node !== undefined);
    return this.#node;
  }

  async close(): Promise<void> {
    await this.#node?.close();
    this.packages.close();
  }

  /** What the function answers to 1. */
  async answer(files: SourceFiles, config: Parameters<Node["revision"]>[1] = {}): Promise<unknown> {
    const instances = this.node.instances();
    const ref = await this.node.revision(files, config);
    const outcome = await instances.start(ref, GATEWAY, "first_instance");
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const held = this.node.held.find(({ grant }) => grant === outcome.grant);
    assert.ok(held !== undefined);
    const { body } = await this.node.call(held, 1);
    await instances.close();
    return body === "" ? "" : (JSON.parse(body) as unknown);
  }

  async message(files: SourceFiles): Promise<string> {
    const reply: BuildReply = await this.node.build(files);
    return reply.ok ? "" : `${reply.error.reason} ${reply.error.message}`;
  }

  get kept(): readonly string[] {
    return readdirSync(join(this.node.home, "dependencies")).toSorted();
  }
}

const CASES: Readonly<Record<string, (c: Installs) => Promise<void>>> = {
  "npm's packages are installed and bundled": async (c) => {
    assert.equal(await c.answer({ ...wants("left"), ...CALLS }), "a of left");
  },

  "the same manifests are installed once": async (c) => {
    const asked = c.packages.asked.length;
    const other = { "index.mjs": `${CALLS["index.mjs"]}\n// another source` };
    assert.equal(await c.answer({ ...wants("left"), ...other }), "a of left");
    assert.equal(c.packages.asked.length, asked);
  },

  "packages with machine code are loaded from beside the bundle": async (c) => {
    const code = 'import { left } from "native"; export const handler = () => left();';
    const answer = await c.answer({ ...wants("native"), "index.mjs": code });
    assert.equal(answer, "index.js,package.json,some.node");
  },

  "a package's command is a program of the function": async (c) => {
    const files = { ...wants("left"), "run.sh": "left && exec node server.cjs" };
    const server = `require("node:http").createServer((q, r) => r.end('"up"')).listen(process.env.PORT);`;
    const config = { command: "sh ./run.sh" };
    assert.equal(await c.answer({ ...files, "server.cjs": server }, config), "up");
  },

  "what a source brings along is not installed": async (c) => {
    const own = { "node_modules/left/package.json": '{"name":"left","main":"m.js"}' };
    const main = { "node_modules/left/m.js": 'exports.left = () => "own";' };
    assert.equal(await c.answer({ ...wants("left"), ...CALLS, ...own, ...main }), "own");
  },

  "pip's packages are installed for Python": async (c) => {
    const code = "import pied\ndef handler(event, context):\n    return pied.piper()\n";
    const files = { "index.py": code, "requirements.txt": `${PIP}pied==1.0\n` };
    assert.equal(await c.answer(files, { runtime: "python3" }), "piper");
  },

  "a package that is not there refuses the build in the manager's words": async (c) => {
    const kept = c.kept;
    const message = await c.message({ ...wants("absent"), ...CALLS });
    assert.match(message, /^DEPENDENCIES_FAILED npm could not install .*404/s);
    assert.deepEqual(c.kept, kept);
    assert.deepEqual(c.node.leftovers(), []);
  },

  "a package's tree too deep for any path is refused, and nothing of it stays": async (c) => {
    const kept = c.kept;
    assert.match(await c.message({ ...wants("deep"), ...CALLS }), /^DEPENDENCIES_FAILED/);
    assert.deepEqual(c.kept, kept);
    assert.deepEqual(c.node.leftovers(), []);
  },

  "a sparse file larger than an artefact may be is refused before it is copied": async (c) => {
    const kept = c.kept;
    assert.match(await c.message({ ...wants("sparse"), ...CALLS }), /^DEPENDENCIES_FAILED .*MiB/);
    assert.deepEqual(c.kept, kept);
  },

  "an empty manifest beside another is as good as none": async (c) => {
    const project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["pied==1.0"]\n';
    const files = { "index.py": "def handler(event, context):\n    return 1\n" };
    const poison = { ...files, "pyproject.toml": project, "requirements.txt": "" };
    // Without an index of its own the package cannot be had: the build must fail, not be empty.
    const reply = await c.node.build(poison, { runtime: "python3" });
    assert.ok(!reply.ok && reply.error.reason === "DEPENDENCIES_FAILED", JSON.stringify(reply));
  },

  "what was not used for a month goes with the next install": async (c) => {
    const old = join(c.node.home, "dependencies", "npm-old");
    mkdirSync(join(old, "node_modules"), { recursive: true });
    utimesSync(old, 0, 0);
    const other = '{"dependencies":{"left":"1.0.0"},"name":"another"}';
    assert.equal(
      await c.answer({ ...wants("left"), "package.json": other, ...CALLS }),
      "a of left",
    );
    assert.equal(existsSync(old), false);
  },

  "a build that asks for no package reaches no network": async (c) => {
    const asked = c.packages.asked.length;
    assert.equal(await c.message({ "index.mjs": "export const handler = () => 1;" }), "");
    assert.equal(c.packages.asked.length, asked);
  },

  "what was installed is the platform's own, and only plain files": async (c) => {
    const root = join(c.node.home, "dependencies");
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const { uid, mode } = statSync(join(entry.parentPath, entry.name));
      assert.ok(entry.isFile() || entry.isDirectory(), entry.name);
      assert.deepEqual([uid, mode & 0o022], [process.getuid?.(), 0], entry.name);
    }
    const left = c.kept.find((name) => existsSync(join(root, name, "node_modules/.bin/left")));
    assert.ok(left !== undefined);
    const command = readFileSync(join(root, left, "node_modules/.bin/left"), "utf8");
    assert.match(command, /exec node .*\.\.\/left\/cli\.js/);
  },
};

for (const rung of ["bubblewrap", "process"] as const) {
  const skipped = await rungOrSkip(rung);
  describe(`dependencies in ${rung}`, { ...skipped, timeout: 120_000 }, () => {
    const context = new Installs(rung);
    before(() => context.open());
    after(() => context.close());
    for (const [title, run] of Object.entries(CASES)) test(title, () => run(context));
  });
}

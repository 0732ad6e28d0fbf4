import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { BundleManifest, BuildReply } from "@skerry/contracts";
import type { SandboxRung } from "@skerry/sandbox";
import { Node, rungOrSkip } from "../test/world.ts";
import type { SourceFiles } from "../test/zip.ts";

type Built = BuildReply & { readonly ok: true };

const TOP_LEVEL_AWAIT = "await Promise.resolve();\n";
const HANDLER = "export const handler = () => 1;\n";

class Builds {
  readonly rung: SandboxRung;
  #node: Node | undefined;

  constructor(rung: SandboxRung) {
    this.rung = rung;
  }

  async open(): Promise<void> {
    this.#node = await Node.open(this.rung);
  }

  get node(): Node {
    assert.ok(this.#node !== undefined);
    return this.#node;
  }

  async good(files: SourceFiles, over: object = {}): Promise<Built> {
    const reply = await this.node.build(files, over);
    assert.ok(reply.ok, JSON.stringify(reply));
    return reply;
  }

  async refused(files: SourceFiles, over: object = {}): Promise<[string, string]> {
    const reply = await this.node.build(files, over);
    assert.ok(!reply.ok, JSON.stringify(reply));
    return [reply.error.reason, reply.error.message];
  }

  directoryOf({ artefactKey }: Built): string {
    return this.node.code.artefactDirectory(artefactKey);
  }

  manifestOf(reply: Built): BundleManifest {
    const text = readFileSync(join(this.directoryOf(reply), "artefact.json"), "utf8");
    return JSON.parse(text) as BundleManifest;
  }
}

/** Properties of a build, by title; the same on every rung. */
const CASES: Readonly<Record<string, (c: Builds) => Promise<void> | void>> = {
  "TypeScript with several files, JSON and a package of its own becomes one script": async (c) => {
    const reply = await c.good({
      "index.ts": `
          import { twice } from "./lib/twice.ts";
          import numbers from "./numbers.json" with { type: "json" };
          import left from "left";
          enum Kind { A = "a" }
          export const handler = (event: { n: number }): unknown =>
            [twice(event.n), numbers, left(1), Kind.A, import.meta.url.slice(0, 5)];`,
      "lib/twice.ts": "export const twice = (n: number): number => n * 2;",
      "numbers.json": '{"one": 1}',
      "node_modules/left/package.json": '{"name": "left", "main": "main.js"}',
      "node_modules/left/main.js": "module.exports = (n) => n - 1;",
    });
    assert.deepEqual([reply.handlerKind, reply.initFailure, reply.reused], ["event", null, false]);
    const manifest = c.manifestOf(reply);
    assert.equal(manifest.bundleFormat, "cjs");
    assert.ok(manifest.codeCache !== null);
    assert.ok(existsSync(join(c.directoryOf(reply), manifest.codeCache)));
    assert.ok(!existsSync(join(c.directoryOf(reply), "node_modules")));
  },

  "packages that look for machine code while they run lie beside the bundle": async (c) => {
    const lookup = {
      "index.mjs": 'import look from "prebuilt"; export const handler = () => look();',
      "node_modules/prebuilt/package.json": JSON.stringify({
        name: "prebuilt",
        optionalDependencies: { "@pre/any": "1.0.0", "../../..": "1.0.0", "@pre/other": "1.0.0" },
      }),
      "node_modules/prebuilt/index.js":
        "module.exports = () => require(['@pre', 'any'].join('/') + '/any.node');",
    };
    const code = "node_modules/@pre/any/any.node";
    const has = await c.good({ ...lookup, [code]: "machine code" });
    assert.ok(existsSync(join(c.directoryOf(has), code)));
    const bundle = readFileSync(join(c.directoryOf(has), c.manifestOf(has).bundle), "utf8");
    assert.ok(!bundle.includes("@pre"), "the package is loaded from where its machine code is");
    const unused = await c.good({ ...lookup, [code]: "machine code", "index.mjs": HANDLER });
    assert.ok(!existsSync(join(c.directoryOf(unused), "node_modules")), "nothing asks for it");
    const hasNone = await c.good(lookup);
    assert.ok(!existsSync(join(c.directoryOf(hasNone), "node_modules")));
  },

  "packages that only a source map tells of are no packages": async (c) => {
    const map = {
      ...{ version: 3, file: "main.js", names: [], mappings: "AAAA" },
      sources: ["node_modules/inlined/main.ts", "../gone\u0000/main.ts"],
    };
    const reply = await c.good({
      "index.mjs": 'import said from "mapped"; export const handler = () => said;',
      "node_modules/mapped/package.json": '{"name": "mapped", "main": "main.js"}',
      "node_modules/mapped/main.js": "module.exports = 1;\n//# sourceMappingURL=main.js.map\n",
      "node_modules/mapped/main.js.map": JSON.stringify(map),
    });
    const text = readFileSync(
      join(c.directoryOf(reply), `${c.manifestOf(reply).bundle}.map`),
      "utf8",
    );
    assert.match(text, /node_modules\/mapped\/node_modules\/inlined\/main\.ts/);
    assert.ok(!existsSync(join(c.directoryOf(reply), "node_modules")));
  },

  "the source map names the user's files as the user does": async (c) => {
    const reply = await c.good(
      {
        "src/index.ts": 'import { a } from "./deep/a.ts";\nexport const handler = () => a;\n',
        "src/deep/a.ts": "export const a: number = 1;\n",
      },
      { entry: "src/index.ts" },
    );
    const map = readFileSync(
      join(c.directoryOf(reply), `${c.manifestOf(reply).bundle}.map`),
      "utf8",
    );
    const { sources } = JSON.parse(map) as { sources: string[] };
    assert.deepEqual(sources.toSorted(), ["src/deep/a.ts", "src/index.ts"]);
    assert.ok(!map.includes(c.node.home));
  },

  "a fetch handler is recognised, whatever else is exported": async (c) => {
    const reply = await c.good({
      "index.mjs": "export default { fetch: () => new Response('x') };\n" + HANDLER,
    });
    assert.equal(reply.handlerKind, "fetch");
  },

  "a package beside the bundle that awaits at top level leaves it a module, and the only one":
    async (c) => {
      const reply = await c.good({
        "index.mjs": 'import one from "waits"; export const handler = () => one;\n',
        "node_modules/waits/package.json": '{"name": "waits", "type": "module", "main": "it.js"}',
        "node_modules/waits/it.js": `${TOP_LEVEL_AWAIT}export default 1;\n`,
        "node_modules/waits/it.node": "machine code",
      });
      assert.deepEqual([reply.handlerKind, reply.initFailure], ["event", null]);
      assert.equal(c.manifestOf(reply).bundleFormat, "esm");
      const laid = readdirSync(c.directoryOf(reply)).filter((name) => name.startsWith("__skerry_"));
      assert.deepEqual(laid.toSorted(), ["__skerry_bundle.mjs", "__skerry_bundle.mjs.map"]);
    },

  "code that awaits at top level stays a module, without a code cache": async (c) => {
    const reply = await c.good({ "index.mjs": TOP_LEVEL_AWAIT + HANDLER });
    const { bundleFormat, codeCache, handlerKind } = c.manifestOf(reply);
    assert.deepEqual([bundleFormat, codeCache, handlerKind], ["esm", null, "event"]);
  },

  "other files of the source lie beside the bundle; sources and the platform's own do not": async (
    c,
  ) => {
    const reply = await c.good({
      "index.ts": `
          import { readFileSync } from "node:fs";
          import { join } from "node:path";
          const text = readFileSync(join(import.meta.dirname, "views/page.html"), "utf8");
          export const handler = () => text;`,
      "views/page.html": "<p>",
      "skerry.yaml": "app: a",
      "artefact.json": "mine",
      "__skerry_bundle.cjs": "throw 1",
      "lib.ts": "export {};",
    });
    assert.equal(reply.initFailure, null);
    assert.equal(c.manifestOf(reply).assetFiles, 1);
    assert.equal(readFileSync(join(c.directoryOf(reply), "views/page.html"), "utf8"), "<p>");
    for (const name of ["skerry.yaml", "lib.ts"])
      assert.equal(existsSync(join(c.directoryOf(reply), name)), false, name);
  },

  "a mistake in the code is told with file and line": async (c) => {
    const [reason, message] = await c.refused({
      "index.ts": "const a = 1;\nconst b = ;\n" + HANDLER,
    });
    assert.equal(reason, "BUILD_FAILED");
    assert.match(message, /index\.ts:2:10/);
    assert.ok(!message.includes(c.node.home));
  },

  "an import that is nowhere is told with its name, and where packages are named": async (c) => {
    for (const load of ['import "no-such-package";\n', 'require("no-such-package");\n']) {
      const [reason, message] = await c.refused({ "index.ts": load + HANDLER });
      assert.equal(reason, "BUILD_FAILED");
      assert.match(message, /no-such-package[^]*under "dependencies" in package\.json/);
      assert.doesNotMatch(message, /as external/);
    }
  },

  "an entry that is missing, a folder or outside of the source is refused": async (c) => {
    const files = { "lib/index.ts": HANDLER, "..hidden.ts": HANDLER };
    for (const entry of [
      null,
      "main.ts",
      "",
      ".",
      "lib",
      "../x.ts",
      "lib/../../x.ts",
      "/etc/passwd",
      "..",
      "a\0b",
    ]) {
      const [reason] = await c.refused(files, { entry });
      assert.equal(reason, "BUILD_ENTRY_MISSING", String(entry));
    }
    assert.equal((await c.good(files, { entry: "..hidden.ts" })).handlerKind, "event");
    assert.equal((await c.good(files, { entry: "lib/../lib/index.ts" })).handlerKind, "event");
  },

  "an import from outside of the source finds nothing there": async (c) => {
    if (c.rung === "process") return;
    for (const path of ["../../../../etc/passwd", "/etc/passwd", "../out/x", "/tool/esbuild"]) {
      const files = { "index.ts": `import x from "${path}";\nexport const handler = () => x;` };
      const [reason] = await c.refused(files);
      assert.equal(reason, "BUILD_FAILED", path);
    }
  },

  "code that throws while it loads is no failed build, and is tried again each time": async (c) => {
    const files = {
      "index.ts": "if (!process.env.TOKEN) throw new RangeError('no token');\n" + HANDLER,
    };
    for (let n = 0; n < 2; n += 1) {
      const reply = await c.good(files);
      assert.deepEqual(reply.initFailure, { name: "RangeError", message: "no token" });
      assert.equal(await c.node.code.hasArtefact(reply.artefactKey), false);
    }
    const reply = await c.good(files, { env: { TOKEN: "x" } });
    assert.deepEqual([reply.initFailure, reply.handlerKind], [null, "event"]);
  },

  "what code printed before it threw while it loaded is in the log of its build": async (c) => {
    const lines: string[] = [];
    const code = "console.log('looking for', { token: 1 });\nprocess.stdout.write('raw\\n');\n";
    const throws = "console.error('none');\nthrow new RangeError('no token');\n";
    await c.node.build({ "index.mjs": code + throws + HANDLER }, {}, (line) => lines.push(line));
    const said = ["looking for { token: 1 }", "raw", "none"];
    assert.deepEqual(
      lines.filter((line) => said.includes(line)),
      said,
      lines.join("\n"),
    );
  },

  "code that ends, hangs or fills its memory while it loads is told as such": async (c) => {
    const loads = async (code: string, over: object = {}): Promise<string> => {
      const { initFailure } = await c.good({ "index.mjs": code + HANDLER }, over);
      return `${initFailure?.name}: ${initFailure?.message}`;
    };
    assert.match(await loads("process.exit(3);\n"), /^Crashed: the process ended \(code 3\)/);
    assert.match(
      await loads("for (;;);\n", { initTimeoutMs: 700 }),
      /^InitTimeout: loading the code took longer than 700 ms$/,
    );
    assert.match(
      await loads("await new Promise(() => setInterval(() => {}, 1e6));\n", {
        initTimeoutMs: 700,
      }),
      /^InitTimeout: /,
    );
    const hog = "const all = [];\nfor (;;) all.push(new Array(1e5).fill(all.length));\n";
    assert.match(await loads(hog, { memoryMb: 64 }), /^OutOfMemory: /);
    assert.match(await loads("export const other = 1;\n", { handler: "missing" }), /missing/);
  },

  "code that ends right after it loaded has no code cache and is built all the same": async (c) => {
    const reply = await c.good({ "index.ts": "setImmediate(() => process.exit(1));\n" + HANDLER });
    assert.equal(reply.handlerKind === "event" || reply.initFailure !== null, true);
  },

  "a build that is there already is used again; what differs is another": async (c) => {
    const files = { "index.ts": "export const again = 1;\n" + HANDLER };
    const first = await c.good(files);
    const second = await c.good(files);
    assert.deepEqual([first.reused, second.reused], [false, true]);
    assert.equal(second.artefactKey, first.artefactKey);
    assert.equal(second.handlerKind, "event");
    for (const over of [{ handler: "again" }, { memoryMb: 256 }, { entry: "index.ts" }]) {
      assert.notEqual((await c.good(files, over)).artefactKey, first.artefactKey);
    }
  },

  "what an app's environment made of code while it was loaded, no other app runs": async (c) => {
    const web =
      "export default process.env.WEB ? { fetch: () => new Response('x') } : undefined;\n";
    const files = { "index.mjs": web + HANDLER };
    const app = (name: string): object => ({ app: { accountId: "acct_test", name } });
    const first = await c.good(files, { ...app("one"), env: { WEB: "yes" } });
    assert.equal(first.handlerKind, "fetch");
    const other = await c.good(files, app("two"));
    assert.deepEqual([other.handlerKind, other.reused], ["event", false]);
    assert.equal((await c.good(files, app("one"))).reused, true);
  },

  "with another environment an artefact is told of anew, and not made again": async (c) => {
    const code = `
if (!process.env.TOKEN) throw new RangeError("no token");
export default process.env.WEB ? { fetch: () => new Response("x") } : undefined;
`;
    const files = { "index.mjs": code + HANDLER };
    const built = async (env: object): Promise<unknown> => {
      const { handlerKind, initFailure, artefactKey, reused } = await c.good(files, { env });
      keys.add(artefactKey);
      return [handlerKind, initFailure?.message ?? null, reused];
    };
    const keys = new Set<string>();
    assert.deepEqual(await built({ TOKEN: "x" }), ["event", null, false]);
    assert.deepEqual(await built({ TOKEN: "x", WEB: "1" }), ["fetch", null, true]);
    assert.deepEqual(await built({}), [null, "no token", true]);
    assert.deepEqual(await built({ TOKEN: "x" }), ["event", null, true], "which others spoil not");
    assert.equal(keys.size, 1);
  },

  "of one source with two environments at once, each is told of its own failure": async (c) => {
    const files = {
      "index.ts": "if (!process.env.NEEDED) throw new RangeError('not given');\n" + HANDLER,
    };
    const [without, given] = await Promise.all([
      c.good(files),
      c.good(files, { env: { NEEDED: "yes" } }),
    ]);
    assert.equal(given.initFailure, null);
    assert.equal(without.artefactKey, given.artefactKey);
  },

  "equal builds at once are one": async (c) => {
    const files = { "index.ts": "export const once = 1;\n" + HANDLER };
    const replies = await Promise.all([1, 2, 3, 4].map(() => c.good(files)));
    assert.equal(replies.filter(({ reused }) => reused).length, 0);
    assert.equal(new Set(replies.map(({ artefactKey }) => artefactKey)).size, 1);
    assert.equal((await c.good(files)).reused, true);
  },

  "V8 takes the code cache when the artefact is loaded": async (c) => {
    const reply = await c.good({ "index.ts": "export const cached = () => 2;\n" + HANDLER });
    const runtime = await c.node.instances().startForBuild({
      runtime: await c.node.runtimes.of("node26"),
      memoryMb: 128,
      codeDirectory: c.directoryOf(reply),
    });
    const head = {
      op: "specialise",
      codeDirectory: runtime.codeDirectoryInside,
      handler: "handler",
      names: { app: "a", fn: "f", revision: "r" },
      instanceId: runtime.id,
      env: {},
      memoryMb: 128,
      timeoutMs: 1_000,
      payloadBytesMax: 1_000,
    };
    const answer = await runtime.ask({ head, timeoutMs: 10_000, bodyBytesMax: 0 });
    await runtime.destroy();
    assert.equal((answer.head as { codeCacheUsed?: boolean }).codeCacheUsed, true);
  },

  "a source that is not here is said to be missing": async (c) => {
    const [reason] = await c.refused(
      { "index.ts": HANDLER },
      { sourceDigest: `src_${"0".repeat(64)}` },
    );
    assert.equal(reason, "SOURCE_MISSING_ON_NODE");
  },

  "a source that would make a huge bundle is refused, and what ran leaves nothing": async (c) => {
    if (c.rung === "process") return;
    // In the bundle each of these characters takes six bytes.
    const big = `export const text = "${"語".repeat(11_300_000)}";\n`;
    const files = { "index.ts": 'export { text } from "./a.ts";\n' + HANDLER, "a.ts": big };
    const [reason, message] = await c.refused(files);
    assert.equal(reason, "BUILD_FAILED");
    assert.match(message, /too large|more than 1024 MiB/);
  },

  "after all builds nothing of them is left on disk": (c) => {
    assert.deepEqual(c.node.leftovers(), []);
  },
};

function inNode(rung: SandboxRung, options: { readonly skip?: string }): void {
  describe(`builds on the rung ${rung}`, options, () => {
    const builds = new Builds(rung);
    before(() => builds.open());
    after(() => builds.node.close());
    for (const [title, run] of Object.entries(CASES)) test(title, () => run(builds));
  });
}

inNode("bubblewrap", await rungOrSkip("bubblewrap"));
inNode("process", {});

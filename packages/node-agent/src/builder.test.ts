import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ArtefactManifest, BuildReply } from "@skerry/contracts";
import type { SandboxRung } from "@skerry/sandbox";
import { Node, rungOrSkip } from "../test/world.ts";
import type { SourceFiles } from "../test/zip.ts";

type Built = BuildReply & { readonly ok: true };

const TOP_LEVEL_AWAIT = "await Promise.resolve();\n";
const HANDLER = "export const handler = () => 1;\n";

function inNode(rung: SandboxRung, options: { readonly skip?: string }): void {
  describe(`builds on the rung ${rung}`, options, () => {
    let node: Node;
    before(async () => {
      node = await Node.open(rung);
    });
    after(() => node.close());

    const good = async (files: SourceFiles, over: object = {}): Promise<Built> => {
      const reply = await node.build(files, over);
      assert.ok(reply.ok, JSON.stringify(reply));
      return reply;
    };
    const refused = async (files: SourceFiles, over: object = {}): Promise<[string, string]> => {
      const reply = await node.build(files, over);
      assert.ok(!reply.ok, JSON.stringify(reply));
      return [reply.error.reason, reply.error.message];
    };
    const directoryOf = ({ artefactKey }: Built): string =>
      node.code.artefactDirectory(artefactKey);
    const manifestOf = (reply: Built): ArtefactManifest =>
      JSON.parse(
        readFileSync(join(directoryOf(reply), "artefact.json"), "utf8"),
      ) as ArtefactManifest;

    test("TypeScript with several files, JSON and a package of its own becomes one script", async () => {
      const reply = await good({
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
      assert.deepEqual(
        [reply.handlerKind, reply.initFailure, reply.reused],
        ["event", null, false],
      );
      const manifest = manifestOf(reply);
      assert.equal(manifest.bundleFormat, "cjs");
      assert.ok(manifest.codeCache !== null);
      assert.ok(existsSync(join(directoryOf(reply), manifest.codeCache)));
      assert.ok(!existsSync(join(directoryOf(reply), "node_modules")));
    });

    test("the source map names the user's files as the user does", async () => {
      const reply = await good(
        {
          "src/index.ts": 'import { a } from "./deep/a.ts";\nexport const handler = () => a;\n',
          "src/deep/a.ts": "export const a: number = 1;\n",
        },
        { entry: "src/index.ts" },
      );
      const map = readFileSync(join(directoryOf(reply), `${manifestOf(reply).bundle}.map`), "utf8");
      const { sources } = JSON.parse(map) as { sources: string[] };
      assert.deepEqual(sources.toSorted(), ["src/deep/a.ts", "src/index.ts"]);
      assert.ok(!map.includes(node.home));
    });

    test("a fetch handler is recognised, whatever else is exported", async () => {
      const reply = await good({
        "index.mjs": "export default { fetch: () => new Response('x') };\n" + HANDLER,
      });
      assert.equal(reply.handlerKind, "fetch");
    });

    test("code that awaits at top level stays a module, without a code cache", async () => {
      const reply = await good({ "index.mjs": TOP_LEVEL_AWAIT + HANDLER });
      const { bundleFormat, codeCache, handlerKind } = manifestOf(reply);
      assert.deepEqual([bundleFormat, codeCache, handlerKind], ["esm", null, "event"]);
    });

    test("other files of the source lie beside the bundle; sources and the platform's own do not", async () => {
      const reply = await good({
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
      assert.equal(manifestOf(reply).assetFiles, 1);
      assert.equal(readFileSync(join(directoryOf(reply), "views/page.html"), "utf8"), "<p>");
      for (const name of ["skerry.yaml", "lib.ts"])
        assert.equal(existsSync(join(directoryOf(reply), name)), false, name);
    });

    test("a mistake in the code is told with file and line", async () => {
      const [reason, message] = await refused({
        "index.ts": "const a = 1;\nconst b = ;\n" + HANDLER,
      });
      assert.equal(reason, "BUILD_FAILED");
      assert.match(message, /index\.ts:2:10/);
      assert.ok(!message.includes(node.home));
    });

    test("an import that is nowhere is told with its name", async () => {
      const [reason, message] = await refused({
        "index.ts": 'import "no-such-package";\n' + HANDLER,
      });
      assert.equal(reason, "BUILD_FAILED");
      assert.match(message, /no-such-package/);
    });

    test("an entry that is missing, a folder or outside of the source is refused", async () => {
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
        const [reason] = await refused(files, { entry });
        assert.equal(reason, "BUILD_ENTRY_MISSING", String(entry));
      }
      assert.equal((await good(files, { entry: "..hidden.ts" })).handlerKind, "event");
      assert.equal((await good(files, { entry: "lib/../lib/index.ts" })).handlerKind, "event");
    });

    test("an import from outside of the source finds nothing there", async () => {
      if (rung === "process") return;
      for (const path of ["../../../../etc/passwd", "/etc/passwd", "../out/x", "/tool/esbuild"]) {
        const files = { "index.ts": `import x from "${path}";\nexport const handler = () => x;` };
        const [reason] = await refused(files);
        assert.equal(reason, "BUILD_FAILED", path);
      }
    });

    test("code that throws while it loads is no failed build, and is tried again each time", async () => {
      const files = {
        "index.ts": "if (!process.env.TOKEN) throw new RangeError('no token');\n" + HANDLER,
      };
      for (let n = 0; n < 2; n += 1) {
        const reply = await good(files);
        assert.deepEqual(reply.initFailure, { name: "RangeError", message: "no token" });
        assert.equal(await node.code.hasArtefact(reply.artefactKey), false);
      }
      const reply = await good(files, { env: { TOKEN: "x" } });
      assert.deepEqual([reply.initFailure, reply.handlerKind], [null, "event"]);
    });

    test("code that ends, hangs or fills its memory while it loads is told as such", async () => {
      const loads = async (code: string, over: object = {}): Promise<string> => {
        const { initFailure } = await good({ "index.mjs": code + HANDLER }, over);
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
    });

    test("code that ends right after it loaded has no code cache and is built all the same", async () => {
      const reply = await good({ "index.ts": "setImmediate(() => process.exit(1));\n" + HANDLER });
      assert.equal(reply.handlerKind === "event" || reply.initFailure !== null, true);
    });

    test("a build that is there already is used again; what differs is another", async () => {
      const files = { "index.ts": "export const again = 1;\n" + HANDLER };
      const first = await good(files);
      const second = await good(files);
      assert.deepEqual([first.reused, second.reused], [false, true]);
      assert.equal(second.artefactKey, first.artefactKey);
      assert.equal(second.handlerKind, "event");
      for (const over of [{ handler: "again" }, { memoryMb: 256 }, { entry: "index.ts" }]) {
        assert.notEqual((await good(files, over)).artefactKey, first.artefactKey);
      }
    });

    test("equal builds at once are one", async () => {
      const files = { "index.ts": "export const once = 1;\n" + HANDLER };
      const replies = await Promise.all([1, 2, 3, 4].map(() => good(files)));
      assert.equal(replies.filter(({ reused }) => reused).length, 0);
      assert.equal(new Set(replies.map(({ artefactKey }) => artefactKey)).size, 1);
      assert.equal((await good(files)).reused, true);
    });

    test("V8 takes the code cache when the artefact is loaded", async () => {
      const reply = await good({ "index.ts": "export const cached = () => 2;\n" + HANDLER });
      const runtime = await node.instances().startForBuild({
        memoryMb: 128,
        codeDirectory: directoryOf(reply),
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
    });

    test("a source that is not here is said to be missing", async () => {
      const [reason] = await refused(
        { "index.ts": HANDLER },
        { sourceDigest: `src_${"0".repeat(64)}` },
      );
      assert.equal(reason, "SOURCE_MISSING_ON_NODE");
    });

    test("a source that would make a huge bundle is refused, and what ran leaves nothing", async () => {
      if (rung === "process") return;
      // In the bundle each of these characters takes six bytes.
      const big = `export const text = "${"語".repeat(11_300_000)}";\n`;
      const files = { "index.ts": 'export { text } from "./a.ts";\n' + HANDLER, "a.ts": big };
      const [reason, message] = await refused(files);
      assert.equal(reason, "BUILD_FAILED");
      assert.match(message, /too large|more than 1024 MiB/);
    });

    test("after all builds nothing of them is left on disk", () => {
      assert.deepEqual(node.leftovers(), []);
    });
  });
}

inNode("bubblewrap", await rungOrSkip("bubblewrap"));
inNode("process", {});

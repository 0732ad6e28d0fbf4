import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
} from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { failReach, type BuildReply } from "@skerry/contracts";
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
const PHP = `<?php
require __DIR__ . "/vendor/autoload.php";
function handler($event, $context) { return Acme\\Left\\Side::of("a"); }
`;
const composerOf = (wanted: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    repositories: [{ type: "composer", url: `http://${REGISTRY_HOST}` }, { packagist: false }],
    require: wanted,
    config: { "secure-http": false },
  });
const LOW = { bytes: 0 };
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
      "package.json": `{"name":"sparse","version":"1.0.0","scripts":{"postinstall":"truncate -s 600M a b"}}`,
    });
    await this.packages.addNpm("huge", {
      "package.json": `{"name":"huge","version":"1.0.0","scripts":{"postinstall":"truncate -s 1025M big"}}`,
    });
    await this.packages.addNpm("greedy", {
      "package.json": `{"name":"greedy","version":"1.0.0","scripts":{"postinstall":"exec yes > big"}}`,
    });
    await this.packages.addNpm("sleeper", {
      "package.json": `{"name":"sleeper","version":"1.0.0","scripts":{"postinstall":"sleep 60"}}`,
    });
    await this.packages.addNpm("wordy", {
      "package.json": `{"name":"wordy","version":"1.0.0","scripts":{"preinstall":"echo the cause; seq 1000; exit 7"}}`,
    });
    this.packages.addComposer({
      "acme/left": {
        "composer.json": JSON.stringify({
          ...{ version: "1.0.0", type: "library", require: { "acme/words": "^1.0" } },
          autoload: { "psr-4": { "Acme\\Left\\": "src/" } },
        }),
        "src/Side.php":
          "<?php\nnamespace Acme\\Left;\nclass Side { static function of($w) { return \\acme\\join($w, 'left'); } }\n",
      },
      "acme/words": {
        "composer.json": JSON.stringify({
          ...{ version: "1.2.0", type: "library", autoload: { files: ["join.php"] } },
          scripts: { "post-install-cmd": "touch /build/ran" },
        }),
        "join.php": '<?php\nnamespace acme;\nfunction join($a, $b) { return "$a of $b"; }\n',
      },
    });
    this.packages.addPip("pied", "def piper():\n    return 'piper'\n");
    this.#node = await Node.open(this.rung, { disk: { treeBytesMax: 64 << 20 } });
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
    const held = this.node.heldOf(outcome.grant);
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

  "pip's packages are installed for Python": async (c) => {
    const code = "import pied\ndef handler(event, context):\n    return pied.piper()\n";
    const files = { "index.py": code, "requirements.txt": `${PIP}pied==1.0\n` };
    assert.equal(await c.answer(files, { runtime: "python3" }), "piper");
  },

  "Python's packages are compiled for good: no instance looks at their sources": async (c) => {
    const code = `import pied
def handler(event, context):
    with open(pied.__spec__.cached, "rb") as compiled:
        return compiled.read(8)[4]
`;
    const files = { "index.py": code, "requirements.txt": `${PIP}pied==1.0\n` };
    const hashUnchecked = 1;
    assert.equal(await c.answer(files, { runtime: "python3" }), hashUnchecked);
  },

  "Composer's packages are installed for PHP, and by a lock file without asking what there is":
    async (c) => {
      const files = { "index.php": PHP, "composer.json": composerOf({ "acme/left": "^1.0" }) };
      assert.equal(await c.answer(files, { runtime: "php8" }), "a of left");
      const dist = c.packages.asked.filter((path) => path.startsWith("/dist/acme/"));
      assert.deepEqual(dist.toSorted(), ["/dist/acme/left.zip", "/dist/acme/words.zip"]);
      const first = c.packages.asked.length;
      const locked = { ...files, "composer.lock": c.packages.composerLock };
      assert.equal(await c.answer(locked, { runtime: "php8" }), "a of left");
      const asked = c.packages.asked.slice(first);
      assert.deepEqual(
        asked.filter((path) => path.startsWith("/p2/")),
        [],
      );
      assert.equal(asked.filter((path) => path.startsWith("/dist/")).length, 2, "control");
    },

  "an install that writes without end is ended while it writes": async (c) => {
    const kept = c.kept;
    const message = await c.message({ ...wants("greedy"), ...CALLS });
    assert.match(message, /^BUILD_TREE_TOO_LARGE .*64 MiB/);
    assert.deepEqual(c.kept, kept);
    assert.deepEqual(c.node.leftovers(), []);
  },

  "nobody but the build's own user may enter its directory": async (c) => {
    const modes: number[] = [];
    c.node.network = (opened) => {
      const builds = join(c.node.home, "builds");
      for (const name of readdirSync(builds)) modes.push(statSync(join(builds, name)).mode & 0o777);
      return c.packages.network(opened);
    };
    const named = JSON.stringify({ name: "modes", dependencies: { left: "1.0.0" } });
    await c.message({ ...wants("left"), "package.json": named, ...CALLS });
    c.node.network = c.packages.network;
    assert.ok(modes.length > 0 && modes.every((mode) => mode === 0o700), modes.join());
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

/** The same in every rung: in the strongest there is. */
const CASES_ONCE: Readonly<Record<string, (c: Installs) => Promise<void>>> = {
  "packages that the disk does not take have no name that a later build would trust": async (c) => {
    const earlier = c.kept;
    const manifest = JSON.stringify({ name: "power-cut", dependencies: { left: "1.0.0" } });
    const files = { ...wants("left"), "package.json": manifest, ...CALLS };
    const probe = await open(c.node.home);
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const { sync } = handles;
    handles.sync = async function (this: FileHandle) {
      const path = readlinkSync(`/proc/self/fd/${this.fd}`);
      if (/\/dependencies\/.*\/left\/index\.js$/.test(path)) throw new TypeError("broken disk");
      await sync.call(this);
    };
    try {
      assert.notEqual(await c.message(files), "");
      assert.deepEqual(c.kept, earlier);
    } finally {
      handles.sync = sync;
    }
    assert.equal(await c.answer(files), "a of left");
  },

  "what a source brings along is not installed": async (c) => {
    const own = { "node_modules/left/package.json": '{"name":"left","main":"m.js"}' };
    const main = { "node_modules/left/m.js": 'exports.left = () => "own";' };
    assert.equal(await c.answer({ ...wants("left"), ...CALLS, ...own, ...main }), "own");
  },

  "a Composer package that is not there refuses the build in Composer's words": async (c) => {
    const files = { "index.php": PHP, "composer.json": composerOf({ "acme/absent": "^1.0" }) };
    const reply = await c.node.build(files, { runtime: "php8" });
    assert.ok(!reply.ok);
    assert.match(
      reply.error.message,
      /composer could not install .*acme\/absent.* could not be found/s,
    );
  },

  "a package that is not there refuses the build in the manager's words": async (c) => {
    const kept = c.kept;
    const message = await c.message({ ...wants("absent"), ...CALLS });
    assert.match(message, /^DEPENDENCIES_FAILED npm could not install .*404/s);
    assert.deepEqual(c.kept, kept);
    assert.deepEqual(c.node.leftovers(), []);
  },

  "what begins a long complaint is told as well as what ends it": async (c) => {
    const message = await c.message({ ...wants("wordy"), ...CALLS });
    assert.match(
      message,
      /^DEPENDENCIES_FAILED .*npm error code 7$.*the cause$.*left out.* 1000$/ms,
    );
  },

  "where the platform refused a source of packages, what permits it is told": async (c) => {
    const { network } = c.node;
    const why = failReach("TARGET_NOT_PUBLIC", { target: REGISTRY_HOST });
    c.node.network = ({ stream }) => {
      c.node.refused(why);
      stream.reply(JSON.stringify({ e: why.toWire() }), undefined, true);
      const nothing = (): void => undefined;
      return { onReply: nothing, onBody: nothing, onWritable: nothing, onFailed: nothing };
    };
    const reply = await c.node.build({ ...wants("refused"), ...CALLS });
    c.node.network = network;
    assert.ok(!reply.ok);
    const { reason, message, hint } = reply.error;
    assert.deepEqual([reason, /buildHosts/.test(hint)], ["DEPENDENCIES_REFUSED", true]);
    assert.match(message, /not public\. .*npm error .*403/s);
  },

  "a package's tree too deep for any path is refused, and nothing of it stays": async (c) => {
    const kept = c.kept;
    const message = await c.message({ ...wants("deep"), ...CALLS });
    // It is seen while it grows, or at the end.
    assert.match(message, /^(?:DEPENDENCIES_FAILED|BUILD_TREE_TOO_LARGE)/);
    assert.deepEqual(c.kept, kept);
    assert.deepEqual(c.node.leftovers(), []);
  },

  "sparse files larger than an artefact may be are refused before they are copied": async (c) => {
    const kept = c.kept;
    assert.match(await c.message({ ...wants("sparse"), ...CALLS }), /^DEPENDENCIES_FAILED .*MiB/);
    assert.deepEqual(c.kept, kept);
  },

  "no one file grows larger than an artefact may be": async (c) => {
    const kept = c.kept;
    assert.match(
      await c.message({ ...wants("huge"), ...CALLS }),
      /^DEPENDENCIES_FAILED .*truncate/s,
    );
    assert.deepEqual(c.kept, kept);
  },

  "an install is ended when the disk runs low under it": async (c) => {
    const { freeSpace } = c.node;
    let looks = 0;
    c.node.freeSpace = async () => ({ ...(await freeSpace()), ...((looks += 1) > 3 && LOW) });
    const message = await c.message({ ...wants("sleeper"), ...CALLS });
    c.node.freeSpace = freeSpace;
    assert.match(message, /^BUILD_DISK_LOW /);
    assert.deepEqual(c.node.leftovers(), []);
  },

  "on a low disk no build begins, once packages that no build used lately have gone": async (c) => {
    const { freeSpace } = c.node;
    const old = join(c.node.home, "dependencies", "npm-older");
    const lately = c.kept;
    mkdirSync(join(old, "node_modules"), { recursive: true });
    const yesterday = new Date(Date.now() - 86_400_000);
    utimesSync(old, yesterday, yesterday);
    const hadOld: boolean[] = [];
    c.node.freeSpace = async () => {
      hadOld.push(existsSync(old));
      return { ...(await freeSpace()), ...LOW };
    };
    const message = await c.message({ "index.mjs": "export const handler = () => 'low';" });
    c.node.freeSpace = freeSpace;
    assert.match(message, /^BUILD_DISK_LOW /);
    assert.deepEqual(hadOld, [true, false]);
    assert.deepEqual(c.kept, lately);
  },

  "without a network what was installed before is used, and nothing else installed": async (c) => {
    c.node.isOffline = true;
    const other = { "index.mjs": `${CALLS["index.mjs"]}\n// offline` };
    const known = await c.answer({ ...wants("left"), ...other });
    const unknown = JSON.stringify({ name: "offline", dependencies: { left: "1.0.0" } });
    const message = await c.message({ ...wants("left"), "package.json": unknown, ...CALLS });
    c.node.isOffline = false;
    assert.equal(known, "a of left");
    assert.match(message, /^BUILD_OFFLINE npm .*node_modules|^BUILD_OFFLINE npm /);
  },

  "another version of the package manager installs anew, the same one does not": async (c) => {
    const { toolVersion } = c.node;
    const source = { "index.py": "def handler(event, context):\n    return 1\n" };
    const asked = async (version: string, remark: string): Promise<number> => {
      const first = c.packages.asked.length;
      c.node.toolVersion = () => Promise.resolve(version);
      const files = { ...source, "requirements.txt": `${PIP}pied==1.0\n`, "remark.txt": remark };
      const reply = await c.node.build(files, { runtime: "python3" });
      assert.ok(reply.ok, JSON.stringify(reply));
      return c.packages.asked.length - first;
    };
    assert.notEqual(await asked("pip 900", "a"), 0);
    assert.equal(await asked("pip 900", "b"), 0);
    assert.notEqual(await asked("pip 901", "c"), 0);
    c.node.toolVersion = toolVersion;
    assert.match(await toolVersion(["/usr/bin/python3", "-m", "pip", "--version"]), /^pip \d/);
  },

  "what an installer prints is told as it comes": async (c) => {
    const named = JSON.stringify({ name: "told", dependencies: { left: "1.0.0" } });
    const lines: string[] = [];
    const files = { ...wants("left"), "package.json": named, ...CALLS };
    await c.node.build(files, {}, (line) => lines.push(line));
    assert.match(lines.join("\n"), /npm http fetch GET 200 .*left[^]*added 1 package/);
    assert.deepEqual(lines.slice(-2), ["bundling", "loading it once"]);
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
};

/** Where the suite must be whole, a missing program fails instead of being left out. */
function withoutComposer(title: string): string | false {
  const isLeftOut = process.env["CI"] === undefined && !existsSync("/usr/bin/composer");
  return isLeftOut && title.includes("Composer") ? "Composer is absent" : false;
}

let once = CASES_ONCE;
for (const rung of ["bubblewrap", "process"] as const) {
  const skipped = await rungOrSkip(rung);
  const cases = { ...CASES, ...once };
  if (skipped.skip === undefined) once = {};
  describe(`dependencies in ${rung}`, { ...skipped, timeout: 480_000 }, () => {
    const context = new Installs(rung);
    before(() => context.open());
    after(() => context.close());
    for (const [title, run] of Object.entries(cases)) {
      test(title, { skip: withoutComposer(title) }, () => run(context));
    }
  });
}

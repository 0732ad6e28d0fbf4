/**
 * Each rule of tidy is shown a planted violation, which it must find, and the clean twin, which it
 * must pass.
 */
import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { checkTree } from "./check.ts";
import { readHouse, type House } from "./house.ts";
import { applyRatchet } from "./ratchet.ts";
import { checkReasons, loadReasons, REFERENCE, renderReference } from "./rules/reasons.ts";
import { parseSource, parseTree } from "./syntax.ts";
import { treeOf } from "./tree.ts";
import { violation, type Rule } from "./violation.ts";
import { wrapComments } from "./wrap.ts";

const HOUSE: House = {
  packages: {
    base: { layer: 0, pure: true },
    contracts: { layer: 1, pure: true },
    link: { layer: 1, pure: true },
    store: { layer: 2 },
    http: { layer: 2 },
    "instance-runtime": { layer: 2, imports: ["base", "link"], importedBy: ["node-agent"] },
    functions: { layer: 3, engine: true },
    invocations: { layer: 3, engine: true },
    gateway: { layer: 4 },
    "node-agent": { layer: 4 },
    sdk: { layer: 5, imports: ["base"] },
  },
  exceptions: {
    clock: ["packages/base/src/clock.ts"],
    process: ["packages/sdk/src/main.ts"],
    removesTrees: ["packages/node-agent/src/"],
    generated: ["packages/store/src/table.ts"],
  },
};

/** Manifests that declare everything, so that only the planted violation shows. */
function manifests(): Record<string, string> {
  const own = Object.keys(HOUSE.packages);
  const manifest = (name: string, imports: readonly string[]): string =>
    JSON.stringify({
      name: `@skerry/${name}`,
      exports: { ".": "./src/index.ts", "./second-door": "./src/second-door.ts" },
      dependencies: Object.fromEntries(imports.map((one) => [`@skerry/${one}`, "0.1.0"])),
    });
  const layerOf = (name: string): number => HOUSE.packages[name]?.layer ?? 0;
  const below = (name: string): readonly string[] =>
    own.filter((other) => {
      const room = HOUSE.packages[other];
      const admits = room?.importedBy?.includes(name) !== false;
      const wants = HOUSE.packages[name]?.imports?.includes(other) !== false;
      return layerOf(other) < layerOf(name) && admits && wants;
    });
  return {
    "package.json": JSON.stringify({ devDependencies: { "@skerry/testkit": "0.1.0" } }),
    "apps/platform/package.json": manifest("platform", own),
    "testkit/package.json": manifest("testkit", own),
    ...Object.fromEntries(
      own.flatMap((name) => [
        [`packages/${name}/package.json`, manifest(name, below(name))],
        [`packages/${name}/README.md`, `# ${name}\n`],
        [`packages/${name}/src/index.ts`, "export {};\n"],
      ]),
    ),
  };
}

/** The rules that complain about these files, added to a house in order. */
function rulesAgainst(files: Readonly<Record<string, string>>): readonly string[] {
  const found = checkTree(treeOf({ ...manifests(), ...files }), HOUSE);
  return [...new Set(found.map(({ rule }) => rule))].sort();
}

const SHIPPED = "packages/http/src/listen.ts";
const TESTED = "packages/http/src/listen.test.ts";
const lines = (count: number): string => "export {};\n".repeat(count);

/**
 * Rules whose violation takes more than one file; the compiler sees to it that no rule is left out.
 */
type PlantedBelow =
  | "cycle"
  | "package-size"
  | "package-shape"
  | "exact-version"
  | "reason"
  | "reasons"
  | "lock"
  | "ratchet"
  | "syntax";

/** Rule → [what it is about, the planted file, its clean twin]. Both are path and text. */
type Planted = readonly [
  about: string,
  bad: readonly [string, string],
  good: readonly [string, string],
];

const CASES: Readonly<Record<Exclude<Rule, PlantedBelow>, readonly Planted[]>> = {
  layer: [
    [
      "an import upwards",
      ["packages/store/src/a.ts", 'import { x } from "@skerry/functions";'],
      ["packages/functions/src/a.ts", 'import type { x } from "@skerry/store";'],
    ],
    [
      "an import sideways, of types too",
      ["packages/functions/src/a.ts", 'import type { x } from "@skerry/invocations";'],
      ["packages/gateway/src/a.ts", 'import { x } from "@skerry/invocations";'],
    ],
    [
      "a re-export upwards",
      ["packages/store/src/a.ts", 'export { x } from "@skerry/gateway";'],
      ["packages/store/src/a.ts", 'export { x } from "@skerry/base";'],
    ],
    [
      "a dynamic import upwards",
      ["packages/store/src/a.ts", 'export const x = () => import("@skerry/gateway");'],
      ["packages/store/src/a.ts", 'export const x = () => import("@skerry/base");'],
    ],
    [
      "a room beyond the narrower list",
      ["packages/sdk/src/a.ts", 'import { x } from "@skerry/http";'],
      ["packages/sdk/src/a.ts", 'import { x } from "@skerry/base";'],
    ],
    [
      "a room that admits few",
      ["packages/gateway/src/a.ts", 'import { x } from "@skerry/instance-runtime";'],
      ["packages/node-agent/src/a.ts", 'import { x } from "@skerry/instance-runtime";'],
    ],
    [
      "an import of the composition root",
      ["packages/gateway/src/a.ts", 'import { x } from "@skerry/platform";'],
      ["apps/platform/src/a.ts", 'import { x } from "@skerry/gateway";'],
    ],
    [
      "testkit in shipped code",
      ["packages/store/src/a.ts", 'import { x } from "@skerry/testkit";'],
      ["packages/store/src/a.test.ts", 'import { x } from "@skerry/testkit";'],
    ],
  ],
  "layer-type-only": [
    [
      "an engine that runs a port's code",
      ["packages/functions/src/a.ts", 'import { x } from "@skerry/store";'],
      ["packages/functions/src/a.ts", 'import { type x } from "@skerry/store";'],
    ],
  ],
  "deep-import": [
    [
      "a subpath of another package",
      ["packages/store/src/a.ts", 'import { x } from "@skerry/base/src/ids.ts";'],
      ["packages/store/src/a.ts", 'import { x } from "@skerry/base";'],
    ],
    [
      "a subpath that another package's exports do not list",
      ["packages/store/src/a.ts", 'import { x } from "@skerry/base/third-door";'],
      ["packages/store/src/a.ts", 'import { x } from "@skerry/base/second-door";'],
    ],
    [
      "a relative path into another package",
      ["packages/store/src/a.ts", 'import { x } from "../../base/src/ids.ts";'],
      ["packages/store/src/a.ts", 'import { x } from "./ids.ts";'],
    ],
  ],
  phantom: [
    [
      "a package that only another one declares",
      ["packages/store/src/a.ts", 'import { x } from "zod";'],
      ["packages/store/src/a.ts", 'import { x } from "node:fs";'],
    ],
  ],
  purity: [
    [
      "a Node API in a pure package",
      ["packages/link/src/a.ts", 'import { x } from "node:net";'],
      ["packages/link/src/a.test.ts", 'import { x } from "node:net";'],
    ],
  ],
  "file-length": [
    ["601 lines", [SHIPPED, lines(601)], [SHIPPED, lines(600)]],
    [
      "a long file that is not exempt by name",
      [SHIPPED, lines(700)],
      ["packages/store/src/table.ts", lines(700)],
    ],
  ],
  "function-length": [
    [
      "71 lines",
      [SHIPPED, `export const long = () => {\n${"go();\n".repeat(69)}};`],
      [SHIPPED, `export const long = () => {\n${"go();\n".repeat(68)}};`],
    ],
    [
      "a long test, while describe() is only a list of tests",
      [TESTED, `test("x", () => {\n${"go();\n".repeat(80)}});`],
      [TESTED, `describe("x", () => {\n${"go();\n".repeat(80)}});`],
    ],
  ],
  word: [
    ["a file's name", ["packages/http/src/utils.ts", ""], ["packages/http/src/target.ts", ""]],
    [
      "a folder's name",
      ["packages/http/src/common/a.ts", ""],
      ["packages/http/src/plain/a.ts", ""],
    ],
    [
      "an exported function",
      [SHIPPED, "export function headerHelper() {}"],
      [SHIPPED, "export function metadataOf() {}"],
    ],
    [
      "an exported pattern",
      [SHIPPED, "export const { requestInfo } = x;"],
      [SHIPPED, "export const { requestInfo: head } = x;"],
    ],
    [
      "a bare word with several meanings",
      [SHIPPED, "export interface Server {}"],
      [SHIPPED, "export interface HttpServer {}"],
    ],
  ],
  "file-name": [
    ["capitals", ["packages/http/src/bodyReader.ts", ""], ["packages/http/src/body-reader.ts", ""]],
  ],
  clock: [
    [
      "the wall clock",
      [SHIPPED, "export const at = () => Date.now();"],
      [TESTED, "export const at = () => Date.now();"],
    ],
    [
      "a date of now",
      [SHIPPED, "export const at = () => new Date();"],
      [SHIPPED, "export const at = (ms) => new Date(ms);"],
    ],
    [
      "chance",
      [SHIPPED, "export const r = () => globalThis.Math.random();"],
      [SHIPPED, "export const r = () => Math.round(1);"],
    ],
    [
      "a bare timer, not a socket's",
      [SHIPPED, "setTimeout(go, 1);"],
      [SHIPPED, "socket.setTimeout(1);"],
    ],
    [
      "timers as a module",
      [SHIPPED, 'import { setTimeout } from "node:timers/promises";'],
      ["apps/platform/src/a.ts", 'import { setTimeout } from "node:timers/promises";'],
    ],
    [
      "a clock outside its declared place",
      ["packages/base/src/random.ts", "export const at = () => performance.now();"],
      ["packages/base/src/clock.ts", "export const at = () => performance.now();"],
    ],
  ],
  process: [
    [
      "the environment",
      [SHIPPED, "export const home = () => process.env.HOME;"],
      ["apps/platform/src/a.ts", "export const home = () => process.env.HOME;"],
    ],
    [
      "exit, outside a declared place",
      ["packages/sdk/src/a.ts", "process.exit(1);"],
      ["packages/sdk/src/main.ts", "process.exit(1);"],
    ],
    [
      "arguments by import",
      [SHIPPED, 'import { argv } from "node:process";'],
      [SHIPPED, 'import { platform } from "node:process";'],
    ],
    [
      "signals",
      [SHIPPED, 'process.once("SIGTERM", stop);'],
      [SHIPPED, 'child.once("SIGTERM", stop);'],
    ],
  ],
  "plain-error": [
    [
      "an Error without a reason",
      [SHIPPED, 'export const f = () => { throw new Error("no"); };'],
      [SHIPPED, 'export const f = () => { throw fail("NO_ROUTE"); };'],
    ],
  ],
  "export-star": [
    [
      "a whole module",
      [SHIPPED, 'export * from "./target.ts";'],
      [SHIPPED, 'export { parseTarget } from "./target.ts";'],
    ],
  ],
  shell: [
    [
      "a command line for a shell",
      [SHIPPED, "spawn(command, { shell: true });"],
      [SHIPPED, "spawn(command, { shell: false });"],
    ],
  ],
  "recursive-removal": [
    [
      "a tree removed outside the declared places",
      [SHIPPED, "rmSync(path, { recursive: true });"],
      ["packages/node-agent/src/a.ts", "rmSync(path, { recursive: true });"],
    ],
  ],
  "module-state": [
    ["a variable", [SHIPPED, "let open = 0;"], [SHIPPED, "const open = 0;"]],
    ["an empty map", [SHIPPED, "const cache = new Map();"], [SHIPPED, "const t = new Map(ROWS);"]],
  ],
  todo: [
    ["no issue", [SHIPPED, "// TODO later"], [SHIPPED, "// TODO(issue-12): later"]],
    ["another word for it", [SHIPPED, "/* FIXME(issue-12) */"], [SHIPPED, 'const x = "FIXME";']],
  ],
  "disable-reason": [
    [
      "a silenced rule",
      [SHIPPED, "// oxlint-disable-next-line no-var"],
      [SHIPPED, "// oxlint-disable-next-line no-var -- the grammar demands it"],
    ],
    [
      "a silenced type",
      [TESTED, "// @ts-expect-error"],
      [TESTED, "// @ts-expect-error: a caller without types may pass it"],
    ],
  ],
  "line-length": [
    [
      "a long comment, but not a long address",
      [SHIPPED, `// ${"word ".repeat(25)}`],
      [SHIPPED, `// https://example.com/${"path/".repeat(25)}`],
    ],
  ],
  "test-only": [
    ["a method", [TESTED, 'test.only("x", () => {});'], [TESTED, 'test("x", () => {});']],
    [
      "an option",
      [TESTED, 'test("x", { only: true }, () => {});'],
      [TESTED, 'test("x", { timeout: 1 }, () => {});'],
    ],
  ],
  "test-retry": [
    [
      "a second try",
      [TESTED, 'test("x", { retries: 2 }, () => {});'],
      [TESTED, 'call("x", { retries: 2 }, () => {});'],
    ],
  ],
  "test-sleep": [
    [
      "a promise that time fulfils, not one that time rejects",
      [TESTED, "await new Promise((resolve) => setTimeout(resolve, 5));"],
      [TESTED, "await new Promise((_, reject) => setTimeout(() => reject(late), 5));"],
    ],
    [
      "the same in tests/, with a block",
      ["tests/a.test.ts", "new Promise((done) => { setTimeout(() => { done(1); }, 5); });"],
      ["testkit/src/wait.ts", "new Promise((done) => { setTimeout(() => { done(1); }, 5); });"],
    ],
    [
      "timers as promises",
      [TESTED, 'import { setTimeout } from "node:timers/promises";'],
      [TESTED, 'import { setImmediate } from "node:timers/promises";'],
    ],
    [
      "a delay on the real clock",
      [TESTED, "await delay(systemClock(), 5);"],
      [TESTED, "await delay(clock, 5);"],
    ],
  ],
  "test-mock": [
    ["a mocked module", [TESTED, 'mock.module("./target.ts", {});'], [TESTED, "mock.fn(() => 1);"]],
  ],
  "machine-path": [
    [
      "a folder of one machine",
      ["docs/a.md", `See ${"/work"}/main/README.md`],
      ["docs/a.md", "See packages/network/work/main and ./work/x"],
    ],
  ],
  "registry-host": [
    [
      "the address of a registry",
      ["docs/a.md", `from ${"registry."}example.org/x`],
      ["docs/a.md", "from the registry. See its page."],
    ],
  ],
};

for (const [rule, planted] of Object.entries(CASES)) {
  test(`tidy finds a planted ${rule}, and passes its clean twin`, () => {
    for (const [about, [badPath, bad], [goodPath, good]] of planted) {
      assert.ok(rulesAgainst({ [badPath]: bad }).includes(rule), `missed: ${about}`);
      const complaints = rulesAgainst({ [goodPath]: good });
      assert.ok(!complaints.includes(rule), `refused the clean twin of: ${about}`);
    }
  });
}

test("a house in order has no violation", () => {
  assert.deepEqual(rulesAgainst({}), []);
});

test("imports in a circle are found, over files and with types", () => {
  const files = {
    "packages/http/src/a.ts": 'import { b } from "./b.ts";',
    "packages/http/src/b.ts": 'import type { C } from "./deep/c.ts";',
    "packages/http/src/deep/c.ts": 'export { a } from "../a.ts";',
  };
  assert.deepEqual(rulesAgainst(files), ["cycle"]);
  assert.deepEqual(rulesAgainst({ ...files, "packages/http/src/deep/c.ts": "" }), []);
});

test("a package beyond its red line in files or lines is found; its tests do not count", () => {
  const folder = (count: number, text: string, suffix: string): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`packages/http/src/part-${at}${suffix}`, text]),
    );
  assert.deepEqual(rulesAgainst(folder(60, "", ".ts")), ["package-size"]);
  assert.deepEqual(rulesAgainst(folder(59, "", ".ts")), []);
  assert.deepEqual(rulesAgainst(folder(11, lines(600), ".ts")), ["package-size"]);
  assert.deepEqual(rulesAgainst(folder(60, lines(600), ".test.ts")), []);
});

test("a package without README, door, name or layer is found", () => {
  const without = (path: string): readonly string[] => {
    const files = new Map(Object.entries(manifests()));
    files.delete(path);
    return checkTree(files, HOUSE).map(({ rule }) => rule);
  };
  assert.deepEqual(without("packages/http/README.md"), ["package-shape"]);
  assert.deepEqual(without("packages/http/src/index.ts"), ["package-shape"]);
  const renamed = { "packages/http/package.json": '{ "name": "http" }' };
  assert.deepEqual(rulesAgainst(renamed), ["package-shape"]);
  const unplanned = {
    "packages/new/package.json": '{ "name": "@skerry/new" }',
    "packages/new/README.md": "",
    "packages/new/src/index.ts": "",
  };
  assert.deepEqual(rulesAgainst(unplanned), ["package-shape"]);
});

test("a manifest may not declare what the layers forbid", () => {
  const dependencies = { "@skerry/gateway": "0.1.0" };
  const path = "packages/store/package.json";
  const manifest = JSON.stringify({ name: "@skerry/store", dependencies });
  assert.deepEqual(rulesAgainst({ [path]: manifest }), ["layer"]);
});

test("a dependency needs an exact version and a reason, and a reason needs its dependency", () => {
  const path = "packages/contracts/package.json";
  const declaring = (dependencies: Record<string, string>): string =>
    JSON.stringify({ name: "@skerry/contracts", dependencies });
  const reason = {
    "packages/contracts/DEPS.md": "- `zod` 4.6.7: one schema for types and docs.\n",
  };
  assert.deepEqual(rulesAgainst({ [path]: declaring({ zod: "4.6.7" }), ...reason }), []);
  assert.deepEqual(rulesAgainst({ [path]: declaring({ zod: "^4.6.7" }), ...reason }), [
    "exact-version",
  ]);
  assert.deepEqual(rulesAgainst({ [path]: declaring({ zod: "4.6.7" }) }), ["reason"]);
  assert.deepEqual(rulesAgainst({ [path]: declaring({}), ...reason }), ["reason"]);
});

test("a lock file with a download address or without a checksum is found", () => {
  const lock = (entry: Record<string, unknown>): Record<string, string> => ({
    "package-lock.json": JSON.stringify({ packages: { "node_modules/zod": entry } }),
  });
  assert.deepEqual(rulesAgainst(lock({ integrity: "sha512-x" })), []);
  assert.deepEqual(rulesAgainst(lock({ inBundle: true })), []);
  assert.deepEqual(rulesAgainst(lock({ link: true, resolved: "packages/base" })), []);
  assert.deepEqual(rulesAgainst(lock({})), ["lock"]);
  const resolved = "https://example.org/zod.tgz";
  assert.deepEqual(rulesAgainst(lock({ integrity: "sha512-x", resolved })), ["lock"]);
});

test("a file that does not parse is found", () => {
  assert.ok(rulesAgainst({ [SHIPPED]: "export const = 1;" }).includes("syntax"));
});

test("the house's own plan can be read, and names every layer once", () => {
  const { packages } = readHouse();
  assert.equal(packages["base"]?.layer, 0);
  for (const { imports = [] } of Object.values(packages))
    for (const name of imports) assert.ok(name in packages, `${name} is no package`);
});

/** A folder with a module that declares reasons as `body` does. */
function reasonsIn(t: TestContext, body: string): ReturnType<typeof loadReasons> {
  const root = mkdtempSync(join(tmpdir(), "tidy-"));
  t.after(() => rmSync(root, { recursive: true }));
  const path = "packages/http/src/errors.ts";
  const declare = "const defineReasons = (table: object) => Object.assign(() => 0, { table });";
  const text = `${declare}\n${body}`;
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  return loadReasons(root, parseTree(treeOf({ [path]: text })));
}

const ROW =
  '{ code: "NOT_FOUND", message: "No {x} | y.", hint: "Look.", retryable: false, audience: "user" }';

test("the reference of errors is what the tables say, and goes out of date with them", async (t) => {
  const { tables, violations } = await reasonsIn(
    t,
    `export const fail = defineReasons({ ROUTE_MISSING: ${ROW} });`,
  );
  assert.deepEqual(violations, []);
  const reference = renderReference(tables);
  assert.match(
    reference,
    /\| `ROUTE_MISSING` \| NOT_FOUND \| 404 \| no \| user \| No \{x\} \\\| y\. \|/,
  );
  assert.deepEqual(checkReasons(treeOf({ [REFERENCE]: reference }), tables), []);
  const stale = reference.replace("404", "405");
  assert.equal(checkReasons(treeOf({ [REFERENCE]: stale }), tables).length, 1);
  assert.equal(checkReasons(treeOf({}), tables).length, 1);
});

test("a table that is not exported is found, for it could not be documented", async (t) => {
  const { violations } = await reasonsIn(t, `const fail = defineReasons({ A_B: ${ROW} });`);
  assert.deepEqual(
    violations.map(({ rule }) => rule),
    ["reasons"],
  );
});

test("a module whose tables cannot be loaded is found", async (t) => {
  const { violations } = await reasonsIn(t, "export const fail = defineReasons(missing);");
  assert.equal(violations.length, 1);
});

test("a reason that two packages declare, or that is not UPPER_SNAKE, is found", async (t) => {
  const { tables } = await reasonsIn(
    t,
    `export const one = defineReasons({ A_B: ${ROW}, camelCase: ${ROW} });
     export const two = defineReasons({ A_B: ${ROW} });`,
  );
  const found = checkReasons(treeOf({ [REFERENCE]: renderReference(tables) }), tables);
  assert.deepEqual(
    found.map(({ message }) => message.split(" ")[0]),
    ["camelCase", "A_B"],
  );
});

test("the allow-list only shrinks: more is refused, less must be lowered, none removed", () => {
  const path = "packages/http/src/a.ts";
  const long = { ...violation("file-length", { path }, "long"), amount: 650 };
  const allow = (amount: number): Parameters<typeof applyRatchet>[1] => [
    { rule: "file-length", path, amount, why: "A table." },
  ];
  assert.deepEqual(applyRatchet([long], allow(650)), []);
  assert.deepEqual(applyRatchet([long], allow(649)), [long]);
  assert.match(applyRatchet([long], allow(651))[0]?.message ?? "", /lower it from 651 to 650/);
  assert.match(applyRatchet([], allow(650))[0]?.message ?? "", /remove the entry/);
  const unexplained = allow(650).map((entry) => ({ ...entry, why: " " }));
  assert.match(applyRatchet([long], unexplained)[0]?.message ?? "", /say why/);
});

test("long comments are broken within their paragraph, and code is left alone", () => {
  const words = "word ".repeat(30).trim();
  const bad = [
    `/** ${words} */`,
    `const text = "// ${words}";`,
    "/**",
    ` * ${words}`,
    " * and on.",
    " *",
    " * - a list",
    " */",
    `// See https://example.com/${words}`,
  ].join("\n");
  const wrapped = wrapComments(parseSource("a.ts", bad));
  const bare = (text: string): string => text.replaceAll(/[\s*/]/g, "");
  assert.equal(bare(wrapped), bare(bad));
  const long = wrapped.split("\n").filter((line) => line.length > 100);
  assert.deepEqual(
    long.map((line) => line.slice(0, 5)),
    ["const", "// Se"],
  );
  assert.match(wrapped, /word and on\.\n \*\n \* - a list\n \*\/$/m);
});

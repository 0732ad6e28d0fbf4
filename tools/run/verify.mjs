/**
 * `npm run verify`: everything a change must pass, cheapest first, ending at the first failure.
 * `-- --static` leaves the tests out.
 */
import { existsSync } from "node:fs";
import { providePage } from "./page.mjs";
import { run, setUp } from "./setup.mjs";
import { runSuites } from "./suites.mjs";
import { provideSystemPackages } from "./system.mjs";

const FOLDERS = "packages apps testkit tools bench tests examples solutions";
const SOURCE = FOLDERS.split(" ").filter((path) =>
  existsSync(new URL(`../../${path}`, import.meta.url)),
);

const node = setUp();
const runTool = (path, ...args) => run(node, [path, ...args], { wholeGroup: true });
const tool = (name) => `node_modules/${name}`;

const TYPES_PASS = { wholeGroup: true, env: { KNIP_PASS: "types" } };

const STEPS = [
  ["tidy", () => runTool("tools/tidy/main.ts")],
  ["format", () => runTool(tool("oxfmt/bin/oxfmt"), "--check", ...SOURCE)],
  ["lint", () => runTool(tool("oxlint/bin/oxlint"), "--type-aware", "--deny-warnings", ...SOURCE)],
  ["types", () => runTool(tool("typescript/bin/tsc"), "-p", "tsconfig.json")],
  ["types of the page", () => runTool(tool("typescript/bin/tsc"), "-p", "packages/console")],
  [
    "types of the site",
    () => runTool(tool("typescript/bin/tsc"), "-p", "solutions/course-site/site"),
  ],
  ["types without Node", () => runTool(tool("typescript/bin/tsc"), "-p", "tsconfig.pure.json")],
  ["dead code", () => runTool(tool("knip/bin/knip.js"), "--no-config-hints")],
  ["dead types", () => run(node, [tool("knip/bin/knip.js"), "--no-config-hints"], TYPES_PASS)],
];

if (!process.argv.includes("--static"))
  STEPS.push([
    "tests",
    () => {
      provideSystemPackages("test");
      providePage(node);
      return runSuites(node, []);
    },
  ]);

async function verify() {
  const startedAt = performance.now();
  const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
  for (const [name, perform] of STEPS) {
    const stepAt = performance.now();
    const code = await perform();
    process.stdout.write(`${code === 0 ? "✔" : "✖"} ${name} (${seconds(stepAt)})\n`);
    if (code !== 0) {
      process.stdout.write(`\nverify failed at: ${name}\n`);
      return code;
    }
  }
  process.stdout.write(`\nverify passed (${seconds(startedAt)})\n`);
  return 0;
}

process.exitCode = await verify();

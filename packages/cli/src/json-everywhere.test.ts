/**
 * `--json` of every command: the first example of its help, against a platform that answers as the
 * published document says, writes JSON and nothing beside.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { INSTANCE_ID } from "@skerry/testkit/clients";
import { startDocumentedPlatform, type DocumentedPlatform } from "../test/documented-platform.ts";
import { runCli } from "../test/run-cli.ts";
import { COMMANDS } from "./commands/index.ts";

const HELLO = fileURLToPath(new URL("../../../examples/hello", import.meta.url));
/** They go on until they are stopped, a JSON object a line: suites of their own look at them. */
const ENDLESS = new Set(["dev", "top", "topics tail", "events tail"]);
/** What the example asks for cannot be made of a document; the error is JSON. */
const REFUSED = new Set(["apis switch-back"]);
/** Files that examples name. */
const FILES = {
  "web.yaml": "routes: []\n",
  "prices.json": "{}",
  "paid.json": "{}",
  "event.json": "{}",
};

/** Words of an example line; only single quotes occur. */
function wordsOf(line: string): readonly string[] {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)];
  const given = words.map(([, quoted, plain]) => quoted ?? plain ?? "");
  return given.map((word) => (word === "inst_01…" ? INSTANCE_ID : word));
}

/** One document, or one on each line. */
function parsesAsJson(text: string): boolean {
  const isJson = (one: string): boolean => {
    try {
      JSON.parse(one);
      return true;
    } catch {
      return false;
    }
  };
  return isJson(text) || text.trim().split("\n").every(isJson);
}

describe("--json", () => {
  let platform: DocumentedPlatform;
  const cwd = mkdtempSync(join(tmpdir(), "skerry-json-"));
  before(async () => {
    platform = await startDocumentedPlatform();
    cpSync(HELLO, join(cwd, "examples", "hello"), { recursive: true });
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(cwd, name), text);
  });
  after(async () => {
    await platform[Symbol.asyncDispose]();
    rmSync(cwd, { recursive: true, force: true });
  });

  const run = async (args: readonly string[]) =>
    await runCli([...args, "--json"], { url: platform.url, stdin: "{}", cwd });

  for (const { name, flags, examples } of COMMANDS) {
    if (ENDLESS.has(name)) continue;
    const words = wordsOf(examples[0]?.line ?? "");
    const asks = flags.some((flag) => flag.name === "yes") && !words.includes("--yes");
    const args = asks ? [...words, "--yes"] : words;
    test(`skerry ${args.join(" ")}`, async () => {
      const { exitCode, stdout, stderr } = await run(args);
      const isRefused = REFUSED.has(name);
      // Some end with 1: what the document allows is not always what one hopes for.
      assert.ok(isRefused || exitCode === 0 || exitCode === 1, `exit ${exitCode}: ${stderr}`);
      assert.equal(isRefused ? stdout : stderr, "");
      assert.ok(parsesAsJson(isRefused ? stderr : stdout), stdout);
    });
  }

  test("what is left out is there, and text is noticed (negative control)", async () => {
    const names = COMMANDS.map(({ name }) => name);
    for (const one of [...ENDLESS, ...REFUSED]) assert.ok(names.includes(one), one);
    const { stdout } = await runCli(["ls"], { url: platform.url, cwd });
    assert.ok(stdout !== "" && !parsesAsJson(stdout));
  });
});

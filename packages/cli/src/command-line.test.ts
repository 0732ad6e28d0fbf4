/**
 * The command line as a whole: what it says of itself, wrong words, errors, keys; as a process of
 * its own where the process is what counts.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { exitCodeOf } from "@skerry/base";
import {
  ACCEPTED_DETAILS,
  type Answers,
  appNamed,
  type Asked,
  functionNamed,
  logLine,
  momentsOf,
  refusal,
  startFakePlatform,
} from "@skerry/testkit/clients";
import { runCli, runProcess, startCli, type CliResult } from "../test/run-cli.ts";
import { runOnTerminal } from "../test/terminal.ts";

const ESCAPE = "\u001b";
const page = (items: readonly unknown[]): object => ({ items, nextCursor: null });

const ANSWERS: Answers = {
  listApps: () => page([appNamed("shop")]),
  listFunctions: ({ params }) => page([functionNamed("cart", params["app"])]),
  getAcceptedInvocation: ({ params }) => ({ ...ACCEPTED_DETAILS, id: params["request"] }),
  followInvocation: ({ params }) => momentsOf(params["request"]),
  getAcceptedResult: () => Buffer.from("{}"),
  replayInvocation: () => ({ id: "replayed-1", repeated: false }),
};

interface Case {
  readonly args: readonly string[];
  /** Stands in the text. */
  readonly shows: readonly RegExp[];
  /** What the JSON must be. */
  readonly json: (value: never) => void;
}

const CASES: readonly Case[] = [
  {
    args: ["invocations", "replay", "request-9"],
    shows: [/Recorded +failed in 250 ms: FUNCTION_FAILED\nReplayed +failed in .*\n.*The same/],
    json: ({ same }: { same: boolean }) => assert.equal(same, true),
  },
  {
    args: ["help"],
    shows: [/deploy DIR/, /keys create NAME/],
    json: ({ items }: { items: unknown[] }) => assert.ok(items.length > 10),
  },
  {
    args: ["help", "keys"],
    shows: [/keys ls/],
    json: ({ items }: { items: unknown[] }) => assert.equal(items.length, 3),
  },
  {
    args: ["help", "keys", "rm"],
    shows: [/skerry keys rm KEY-ID/],
    json: ({ name }: { name: string }) => assert.equal(name, "keys rm"),
  },
  {
    args: ["logs", "--help"],
    shows: [/--follow/],
    json: ({ name }: { name: string }) => assert.equal(name, "logs"),
  },
  {
    args: [],
    shows: [/Commands/],
    json: ({ items }: { items: unknown[] }) => assert.ok(items.length > 10),
  },
  {
    args: ["help", "exit-codes"],
    shows: [/130 +Interrupted/, /16 .*UNAVAILABLE/],
    json: itemsOfCodes,
  },
  {
    args: ["--version"],
    shows: [/^skerry \d+\.\d+\.\d+\n$/],
    json: ({ version }: { version: string }) => assert.match(version, /^\d/),
  },
];

function itemsOfCodes({ items }: { items: { exitCode: number }[] }): void {
  assert.ok(items.some(({ exitCode }) => exitCode === 130));
}

describe("what the command line says", { concurrency: 2 }, () => {
  for (const { args, shows, json } of CASES) {
    test(`skerry ${args.join(" ")}`, async () => {
      await using platform = await startFakePlatform(ANSWERS);
      const plain = await runOnTerminal(args, { url: platform.url, isTerminal: false });
      assert.equal(plain.exitCode, 0, plain.stderr);
      for (const pattern of shows) assert.match(plain.stdout, pattern);
      assert.ok(!(plain.stdout + plain.stderr).includes(ESCAPE), "no colours in a pipe");
      const told = await runCli([...args, "--json"], platform);
      assert.deepEqual([told.exitCode, told.stderr], [0, ""]);
      json(JSON.parse(told.stdout) as never);
    });
  }
});

test("a wrong word, flag or value exits with 2 and names the nearest known one", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["lgos", "a/b"], /no command `lgos`[^]*Did you mean `skerry logs`/],
    [["keys", "list"], /no command `keys list`/],
    [["keys", "creat", "x"], /Did you mean `skerry keys create`/],
    [["keys"], /needs one more word: ls, create, rm/],
    [["logs", "a/b", "--folow"], /no flag --folow[^]*Did you mean `--follow`/],
    [["ls", "--follow"], /`skerry ls` has no flag --follow/],
    [["logs", "a/b", "--limit"], /--limit needs a value: --limit N/],
    [["logs", "a/b", "--limit", "--json"], /--limit needs a value/],
    [["logs", "a/b", "--limit", "many"], /whole number from 0 to 1000/],
    [["logs", "a/b", "--level", "loud"], /one of debug, info, warn, error/],
    [["logs", "a/b", "--since", "yesterday"], /--since cannot be yesterday: it is a time/],
    [["apis", "logs", "a/b", "--until", "then"], /`skerry help apis logs` shows/],
    [["logs", "a/b", "--follow=yes"], /--follow takes no value/],
    [["stop"], /needs INSTANCE[^]*skerry stop INSTANCE/],
    [["stop", "shop/cart"], /not the id of an instance[^]*skerry ps/],
    [["audit", "--limit", "0"], /whole number from 1 to 10000/],
    [["logs"], /needs APP\/FN[^]*skerry logs APP\/FN/],
    [["logs", "a/b", "c"], /does not know what to do with `c`/],
    [["logs", "Shop/Cart/"], /not APP\/FN[^]*Did you mean `shop\/cart`/],
    [["describe", "shop"], /not APP\/FN/],
    [["keys", "create", "x", "--role", "king"], /--role[^]*one of viewer, developer/],
    [["invoke", "a/b", "--data", "{"], /--data is not JSON/],
    [["invoke", "a/b", "--client-context", "{"], /--client-context is not JSON/],
    [["invoke", "a/b", "--data", "@missing.json"], /missing\.json cannot be read: ENOENT/],
    [["deploy", "/nowhere"], /does not exist/],
    [["help", "nothing"], /no command `nothing`/],
    [["ls", "--api", "not an address"], /--api is not an address/],
  ];
  await Promise.all(
    cases.map(async ([args, shows]) => {
      const { exitCode, stdout, stderr } = await runCli(args);
      assert.deepEqual([exitCode, stdout], [2, ""], args.join(" "));
      assert.match(stderr, shows);
      assert.doesNotMatch(stderr, /\{\w+\}/, "a word of the text that nobody filled in");
    }),
  );
});

test("an error of the platform is told with reason, hint and request id, and is the exit code", async () => {
  const getFunction = (): never => {
    throw refusal("NOT_FOUND", "FUNCTION_NOT_FOUND");
  };
  await using platform = await startFakePlatform({ getFunction });
  const plain = await runProcess(["describe", "shop/cart"], platform);
  assert.deepEqual([plain.exitCode, plain.stdout], [exitCodeOf("NOT_FOUND"), ""]);
  assert.equal(
    plain.stderr,
    "✗ The platform says FUNCTION_NOT_FOUND.\n  Do otherwise.\n  FUNCTION_NOT_FOUND · request request-1\n",
  );
  const told = await runCli(["describe", "shop/cart", "--json"], platform);
  assert.deepEqual([told.exitCode, told.stdout], [exitCodeOf("NOT_FOUND"), ""]);
  const { error } = JSON.parse(told.stderr) as { error: Record<string, unknown> };
  assert.deepEqual([error["reason"], error["requestId"]], ["FUNCTION_NOT_FOUND", "request-1"]);
});

test("a platform that is not there exits as UNAVAILABLE and says how to start it", async () => {
  const { exitCode, stderr } = await runProcess(["ls"], { url: "http://127.0.0.1:1024" });
  assert.equal(exitCode, exitCodeOf("UNAVAILABLE"));
  assert.match(stderr, /does not answer at http:\/\/127\.0\.0\.1:1024[^]*npm start/);
});

test("the key is that of the flag, else of the environment, else of the platform's home", async (t) => {
  await using platform = await startFakePlatform(ANSWERS);
  const home = mkdtempSync(join(tmpdir(), "skerry-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const { url } = platform;
  const run = (args: readonly string[], env: Record<string, string>): Promise<CliResult> =>
    runCli(["ls", ...args], { url, env: { SKERRY_HOME: home, ...env } });
  const none = await run([], { SKERRY_KEY: "" });
  assert.equal(none.exitCode, exitCodeOf("UNAUTHENTICATED"));
  assert.match(none.stderr, /no key: .*admin\.key does not exist[^]*npm start/);
  writeFileSync(join(home, "admin.key"), "sk_test_key\n");
  assert.equal((await run([], { SKERRY_KEY: "" })).exitCode, 0);
  assert.equal((await run([], { SKERRY_KEY: "sk_wrong" })).exitCode, exitCodeOf("UNAUTHENTICATED"));
  assert.equal((await run(["--key", "sk_test_key"], { SKERRY_KEY: "sk_wrong" })).exitCode, 0);
  const odd = await run(["--key", "sk_\r\nx: y"], {});
  assert.match(odd.stderr, /--key is not the text of a key/);
  rmSync(join(home, "admin.key"));
  const folder = await run([], {
    SKERRY_KEY: "",
    SKERRY_HOME: `${home}/../${home.split("/").at(-1)}`,
  });
  assert.equal(folder.exitCode, exitCodeOf("UNAUTHENTICATED"));
});

/** Gives lines and then waits until the reader is gone. */
async function* endless(count: number): AsyncGenerator<object, void, void> {
  for (let cursor = 1; cursor <= count; cursor += 1) yield logLine(cursor, "x".repeat(200));
  await new Promise(() => undefined);
}

const following = (count: number) => ({
  listLogs: ({ query }: Asked) => (query["follow"] === true ? endless(count) : []),
});

/** Has a process name at its end, on stderr, the modules of Node's own that it loaded. */
const TELLS_LOADS =
  "data:text/javascript,process.on('exit',()=>console.error(process.moduleLoadList.join('\\n')))";

test("a command that asks the platform does not load Node's fetch", async () => {
  await using platform = await startFakePlatform(ANSWERS);
  const loadedBy = async (...imports: readonly string[]): Promise<readonly string[]> => {
    const options = imports.map((one) => `--import=${one}`).join(" ");
    const env = { NODE_OPTIONS: options };
    const { exitCode, stderr } = await runProcess(["ls", "--json"], { url: platform.url, env });
    assert.equal(exitCode, 0, stderr);
    assert.ok(stderr.includes("NativeModule http"), "it asked");
    return stderr.split("\n").filter((name) => name.includes("/undici/"));
  };
  assert.deepEqual(await loadedBy(TELLS_LOADS), []);
  const fetching = "data:text/javascript,globalThis.Headers";
  assert.notDeepEqual(await loadedBy(TELLS_LOADS, fetching), [], "who touches it does");
});

test("Ctrl-C ends a followed log quietly with 130", async () => {
  await using platform = await startFakePlatform(following(3));
  const { child, ended } = startCli(["logs", "shop/cart", "--follow", "--json"], platform);
  child.stdout?.once("data", () => child.kill("SIGINT"));
  const { exitCode, signal, stdout, stderr } = await ended;
  assert.deepEqual([exitCode, signal, stderr], [130, null, ""]);
  for (const line of stdout.trim().split("\n")) assert.ok(JSON.parse(line));
});

test("a reader that has seen enough, as `head`, ends the command without an error", async () => {
  await using platform = await startFakePlatform(following(5_000));
  const { child, ended, exited } = startCli(["logs", "shop/cart", "-f"], platform);
  let told = "";
  child.stderr?.on("data", (text: Buffer) => (told += text.toString()));
  child.stdout?.once("data", () => child.stdout?.destroy());
  await assert.rejects(ended, "the pipe was closed early");
  assert.deepEqual(await exited, { exitCode: 0, signal: null });
  assert.equal(told, "");
});

test("bin/skerry.mjs gives on arguments, output and exit code, on this Node or on SKERRY_NODE", async (t) => {
  await using platform = await startFakePlatform(ANSWERS);
  const folder = mkdtempSync(join(tmpdir(), "skerry-node-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const other = join(folder, "node");
  symlinkSync(process.execPath, other);
  const { url } = platform;
  for (const args of [
    ["ls", "--json"],
    ["ls", "--nope"],
    ["invoke", "a b/c"],
  ]) {
    const direct = await runProcess(args, { url });
    assert.deepEqual(await runProcess(args, { url, throughBin: true }), direct);
    const options = { url, throughBin: true, env: { SKERRY_NODE: other } };
    assert.deepEqual(await runProcess(args, options), direct);
  }
  rmSync(other);
  const missing = await runProcess(["ls"], { url, throughBin: true, env: { SKERRY_NODE: other } });
  assert.equal(missing.exitCode, 1);
  assert.match(missing.stderr, /cannot be started .*ENOENT[^]*SKERRY_NODE/);
});

/** Every command as a process of its own, against a platform that is built from the contract. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { exitCodeOf, systemClock } from "@skerry/base";
import { refusal, startFakePlatform, type Answers, type Asked } from "../test/fake-platform.ts";
import {
  appNamed,
  AUDIT,
  functionNamed,
  INSTANCE,
  INSTANCE_ID,
  INVOCATION,
  KEY_RESOURCE,
  logLine,
  PLATFORM,
} from "../test/resources.ts";
import { runCli, startCli, type CliResult } from "../test/run-cli.ts";
import { runOnTerminal } from "../test/terminal.ts";

const ESCAPE = "\u001b";
const page = (items: readonly unknown[]): object => ({ items, nextCursor: null });

const ANSWERS: Answers = {
  listApps: () => page([appNamed("shop"), appNamed("other")]),
  listFunctions: ({ params }) => page([functionNamed("cart", params["app"])]),
  getFunction: ({ params }) => functionNamed(params["fn"] ?? "", params["app"]),
  listInstances: () => page([INSTANCE, { ...INSTANCE, id: "inst_2", function: "other" }]),
  stopInstance: () => undefined,
  listAudit: () => page([AUDIT, { ...AUDIT, id: "aud_0", details: {} }]),
  listLogs: ({ query }) => [logLine(1), logLine(2)].slice(-Number(query["limit"])),
  listInvocations: () => page([INVOCATION]),
  getInvocation: () => INVOCATION,
  deleteFunction: () => undefined,
  deleteApp: () => undefined,
  listKeys: () => page([KEY_RESOURCE]),
  createKey: ({ body }) => ({ ...KEY_RESOURCE, ...(body as object), key: "sk_1_secret" }),
  deleteKey: () => undefined,
  getPlatform: () => PLATFORM,
};

interface Case {
  readonly args: readonly string[];
  /** Stands in the text. */
  readonly shows: readonly RegExp[];
  /** What the JSON must be. */
  readonly json: (value: never) => void;
}

const itemsOf =
  (key: string, ...expected: readonly unknown[]) =>
  ({ items }: { items: Record<string, unknown>[] }): void => {
    assert.deepEqual(
      items.map((item) => item[key]),
      expected,
    );
  };

const equals =
  (expected: unknown) =>
  (value: unknown): void =>
    assert.deepEqual(value, expected);

const CASES: readonly Case[] = [
  {
    args: ["ls"],
    shows: [
      /^FUNCTION +HANDLER/,
      /shop\/cart +event .*http:\/\/cart\.shop\.localhost/,
      /other\/cart/,
    ],
    json: itemsOf("app", "shop", "other"),
  },
  { args: ["ls", "shop"], shows: [/shop\/cart/], json: itemsOf("name", "cart") },
  {
    args: ["describe", "shop/cart"],
    shows: [/^shop\/cart\n/, /Memory +128 MiB/, /Env +SECRET \(values with/],
    json: equals(functionNamed("cart")),
  },
  {
    args: ["ps"],
    shows: [/inst_1 +shop\/cart +resting +50\/128 MiB/, /first_instance \(blank\)/, /inst_2/],
    json: itemsOf("id", "inst_1", "inst_2"),
  },
  { args: ["ps", "shop/cart"], shows: [/inst_1/], json: itemsOf("id", "inst_1") },
  { args: ["ps", "nobody"], shows: [], json: itemsOf("id") },
  {
    args: ["logs", "shop/cart"],
    shows: [/^2026-01-02T03:04:05.678Z INFO {2}line 1\n.* line 2\n$/],
    json: itemsOf("text", "line 1", "line 2"),
  },
  {
    args: ["logs", "shop/cart", "-n", "1"],
    shows: [/^[^\n]*line 2\n$/],
    json: itemsOf("text", "line 2"),
  },
  {
    args: ["invocations", "shop/cart"],
    shows: [/request-1 .* ok +200 +3\.00 ms/],
    json: itemsOf("requestId", "request-1"),
  },
  {
    args: ["invocations", "shop/cart", "--request", "request-1"],
    shows: [/Outcome +ok · status 200/, /handler +█+ +3\.00 ms/, /total +4\.80 ms/, /2\.0 KiB out/],
    json: equals(INVOCATION),
  },
  {
    args: ["rm", "shop/cart", "--yes"],
    shows: [/Removed shop\/cart/],
    json: equals({ removed: "shop/cart" }),
  },
  { args: ["rm", "shop", "-y"], shows: [/Removed shop\./], json: equals({ removed: "shop" }) },
  { args: ["keys", "ls"], shows: [/key_1 +ci +developer +shop/], json: itemsOf("id", "key_1") },
  {
    args: ["keys", "create", "mine", "--role", "viewer", "--apps", "a,b"],
    shows: [/^sk_1_secret\n$/],
    json: equals({
      ...KEY_RESOURCE,
      name: "mine",
      role: "viewer",
      apps: ["a", "b"],
      key: "sk_1_secret",
    }),
  },
  {
    args: ["keys", "rm", "key_1", "-y"],
    shows: [/Revoked key_1/],
    json: equals({ removed: "key_1" }),
  },
  {
    args: ["stop", INSTANCE_ID, "-y"],
    shows: [/Stopped inst_01k/],
    json: equals({ stopped: INSTANCE_ID }),
  },
  {
    args: ["audit"],
    shows: [/createDeployment +app\/shop +key_1/, /functions\.deploy +app\/shop/],
    json: itemsOf("id", "aud_1", "aud_0"),
  },
  { args: ["audit", "-n", "1"], shows: [/createDeployment/], json: itemsOf("id", "aud_1") },
  {
    args: ["status"],
    shows: [
      /process \(no walls\)/,
      /Raise it +apt-get install/,
      /node_2 away/,
      /behind: agent node_1/,
    ],
    json: equals(PLATFORM),
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

describe("every command", { concurrency: 2 }, () => {
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
    [["logs", "a/b", "--follow=yes"], /--follow takes no value/],
    [["stop"], /needs INSTANCE[^]*skerry stop INSTANCE/],
    [["stop", "shop/cart"], /not the id of an instance[^]*skerry ps/],
    [["audit", "--limit", "0"], /whole number from 1 to 10000/],
    [["logs"], /needs APP\/FN[^]*skerry logs APP\/FN/],
    [["logs", "a/b", "c"], /does not know what to do with `c`/],
    [["logs", "Shop/Cart/"], /not APP\/FN[^]*Did you mean `shop\/cart`/],
    [["describe", "shop"], /not APP\/FN/],
    [["keys", "create", "x", "--role", "king"], /role is not valid/],
    [["invoke", "a/b", "--data", "{"], /--data is not JSON/],
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
    }),
  );
});

test("an error of the platform is told with reason, hint and request id, and is the exit code", async () => {
  const getFunction = (): never => {
    throw refusal("NOT_FOUND", "FUNCTION_NOT_FOUND");
  };
  await using platform = await startFakePlatform({ getFunction });
  const plain = await runCli(["describe", "shop/cart"], platform);
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
  const { exitCode, stderr } = await runCli(["ls"], { url: "http://127.0.0.1:1024" });
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

test("an invocation sends the data from wherever it is, and prints the answer", async (t) => {
  const events: unknown[] = [];
  await using platform = await startFakePlatform(ANSWERS, (path, event, res) => {
    assert.equal(path, "/-/shop/cart/");
    events.push(event);
    const timing = 'queue;dur=0.5, handler;dur=1.5, reason;desc="warm", start;desc="warm"';
    const head = { "x-skerry-request-id": "request-9", "server-timing": timing };
    const isText = event === "text";
    res.writeHead(200, { ...head, "content-type": isText ? "text/plain" : "application/json" });
    res.end(isText ? "as it is" : JSON.stringify({ got: event }));
  });
  const folder = mkdtempSync(join(tmpdir(), "skerry-data-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "event.json"), '{"from":"file"}');
  const invoke = (args: readonly string[], stdin = ""): Promise<CliResult> =>
    runCli(["invoke", "shop/cart", ...args], { url: platform.url, cwd: folder, stdin });
  for (const [args, event, stdin] of [
    [[], {}, ""],
    [["--data", '{"a":1}'], { a: 1 }, ""],
    [["-d", "-5"], -5, ""],
    [["--data", "@event.json"], { from: "file" }, ""],
    [["--data", "-"], ["stdin"], '["stdin"]'],
    [["-"], ["stdin"], '["stdin"]'],
  ] as const) {
    const { exitCode, stdout, stderr } = await invoke(args, stdin);
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { got: event });
  }
  assert.equal((await invoke(["--data", '"text"'])).stdout, "as it is\n");
  const timed = await invoke(["--show-timing"]);
  assert.match(timed.stderr, /request request-9 · warm\n +queue +█+ +0\.50 ms\n +handler/);
  const json = JSON.parse((await invoke(["--json"])).stdout) as Record<string, unknown>;
  assert.deepEqual(
    [json["result"], json["requestId"], json["status"]],
    [{ got: {} }, "request-9", 200],
  );
  assert.match(String(json["serverTiming"]), /handler;dur=1\.5/);
});

/** Gives lines and then waits until the reader is gone. */
async function* endless(count: number): AsyncGenerator<object, void, void> {
  for (let cursor = 1; cursor <= count; cursor += 1) yield logLine(cursor, "x".repeat(200));
  await new Promise(() => undefined);
}

const following = (count: number) => ({
  listLogs: ({ query }: Asked) => (query["follow"] === true ? endless(count) : []),
});

test("what is searched for is asked of the platform, with times as they are now", async () => {
  const asked: Readonly<Record<string, unknown>>[] = [];
  const listLogs = ({ query }: Asked): object[] => {
    asked.push(query);
    return [];
  };
  await using platform = await startFakePlatform({ listLogs });
  const { url } = platform;
  const startedMs = systemClock().wallMs();
  const searched = ["--grep", "a b", "--level", "warn", "--field", "user.id=7", "--since", "2h"];
  const until = ["--until", "2026-01-31T10:00:00+01:00"];
  await runOnTerminal(["logs", "shop/cart", ...searched, ...until], { url });
  const [query = {}] = asked;
  const { grep, level, field } = query;
  assert.deepEqual({ grep, level, field }, { grep: "a b", level: "warn", field: "user.id=7" });
  assert.equal(query["until"], "2026-01-31T09:00:00.000Z");
  const agoMs = startedMs - Date.parse(String(query["since"]));
  assert.ok(agoMs <= 7_200_000 && agoMs > 7_100_000, `${agoMs}`);
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

test("a long log is shown by its last lines, one invocation whole", async () => {
  const all = Array.from({ length: 2_300 }, (_, i) => logLine(i + 1));
  const listLogs = ({ query }: Asked): object[] => {
    const { limit, tail, cursor = "0" } = query as Record<string, unknown>;
    const rest = all.slice(Number(cursor));
    return tail === true ? rest.slice(-Number(limit)) : rest.slice(0, Number(limit));
  };
  await using platform = await startFakePlatform({ listLogs });
  const { url } = platform;
  const linesOf = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await runOnTerminal(["logs", "shop/cart", "--json", ...args], { url });
    return (JSON.parse(stdout) as { items: { text: string }[] }).items.map(({ text }) => text);
  };
  assert.deepEqual(await linesOf("-n", "2"), ["line 2299", "line 2300"]);
  assert.equal((await linesOf()).length, 100);
  assert.deepEqual(await linesOf("-n", "0"), []);
  assert.equal(platform.asked.length, 3, "one request each");
  const whole = await linesOf("--request", "request-1");
  assert.deepEqual(
    whole,
    all.map(({ text }) => text),
  );
  assert.deepEqual(await linesOf("--request", "request-1", "-n", "1"), ["line 2300"]);
});

test("without a terminal nothing is removed unless --yes is given", async () => {
  await using platform = await startFakePlatform(ANSWERS);
  for (const args of [
    ["rm", "shop/cart"],
    ["rm", "shop"],
    ["keys", "rm", "key_1"],
    ["stop", INSTANCE_ID],
  ]) {
    const { exitCode, stderr } = await runCli(args, { url: platform.url, stdin: "y\n" });
    assert.equal(exitCode, exitCodeOf("FAILED_PRECONDITION"));
    assert.match(stderr, /was not confirmed[^]*--yes/);
  }
  assert.ok(platform.asked.every((name) => !/^(delete|stop)/.test(name)));
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
    const direct = await runCli(args, { url });
    assert.deepEqual(await runCli(args, { url, throughBin: true }), direct);
    const options = { url, throughBin: true, env: { SKERRY_NODE: other } };
    assert.deepEqual(await runCli(args, options), direct);
  }
  rmSync(other);
  const missing = await runCli(["ls"], { url, throughBin: true, env: { SKERRY_NODE: other } });
  assert.equal(missing.exitCode, 1);
  assert.match(missing.stderr, /cannot be started .*ENOENT[^]*SKERRY_NODE/);
});

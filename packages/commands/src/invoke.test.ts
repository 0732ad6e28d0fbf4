import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  ACCEPTED_DETAILS,
  type Answers,
  momentsOf,
  onTerminal,
  startFakePlatform,
  withPipes,
  type RunOptions,
  type RunResult,
} from "@skerry/testkit/clients";
import { answerOf } from "./accepted-invocation.ts";
import { ACCEPTED_COMMANDS } from "./accepted.ts";
import { invoke } from "./invoke.ts";

const COMMANDS = [invoke, ...ACCEPTED_COMMANDS];
const runPiped = withPipes(COMMANDS);
const runWatched = onTerminal(COMMANDS);

test("a list of events is accepted at once, its ids printed in order, and what was refused told", async () => {
  const asked: unknown[] = [];
  const conflict = { error: { reason: "IDEMPOTENCY_KEY_CONFLICT", message: "It was used." } };
  const said: { items: object[]; refused: number } = { items: [{ id: "r-1" }], refused: 0 };
  await using platform = await startFakePlatform({}, (path, events, res) => {
    asked.push([path, events]);
    res.writeHead(202, { "content-type": "application/json" }).end(JSON.stringify(said));
  });
  const many = (...args: readonly string[]): Promise<RunResult> =>
    runPiped(["invoke", "shop/cart", "--async", "--many", ...args], { url: platform.url });
  const events = [{ event: { id: 7 }, delayMs: 5 }];
  const all = await many("-d", JSON.stringify(events));
  assert.deepEqual([all.exitCode, all.stdout], [0, "r-1\n"]);
  assert.deepEqual(asked, [["/-/shop/cart/", events]]);
  said.items = [{ id: "r-2", repeated: true }, conflict];
  said.refused = 1;
  const two = JSON.stringify([{ event: 1 }, { event: 2 }]);
  const some = await many("-d", two);
  assert.deepEqual([some.exitCode, some.stdout], [1, "r-2\n"]);
  assert.match(some.stderr, /Event 1 was refused: It was used\./);
  const json = await many("-d", two, "--json");
  assert.deepEqual(JSON.parse(json.stdout), {
    items: [{ id: "r-2", repeated: true }, conflict],
    refused: 1,
  });
});

test("flags that speak of one event are mistakes beside a list, and so is a list that is none", async () => {
  await using platform = await startFakePlatform({}, () => assert.fail("nothing is asked"));
  const run = (...args: readonly string[]): Promise<RunResult> =>
    runPiped(["invoke", "shop/cart", "--many", ...args], { url: platform.url });
  for (const args of [
    ["--async", "-d", "{}"],
    ["--async", "-d", "[]", "--delay", "5s"],
    ["--async", "-d", "[]", "--ordering-key", "a"],
    ["--async", "-d", "[]", "--wait"],
    ["-d", "[]"],
  ]) {
    const { exitCode, stderr } = await run(...args);
    assert.equal(exitCode, 2, `${args.join(" ")}: ${stderr}`);
  }
});

test("an invocation sends the data from wherever it is, and prints the answer", async (t) => {
  const events: unknown[] = [];
  await using platform = await startFakePlatform({}, (path, event, res) => {
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
  const call = (args: readonly string[], stdin = ""): Promise<RunResult> =>
    runPiped(["invoke", "shop/cart", ...args], {
      url: platform.url,
      cwd: folder,
      stdin,
    });
  for (const [args, event, stdin] of [
    [[], {}, ""],
    [["--data", '{"a":1}'], { a: 1 }, ""],
    [["-d", "-5"], -5, ""],
    [["--data", "@event.json"], { from: "file" }, ""],
    [["--data", "-"], ["stdin"], '["stdin"]'],
    [["-"], ["stdin"], '["stdin"]'],
  ] as const) {
    const { exitCode, stdout, stderr } = await call(args, stdin);
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { got: event });
  }
  assert.equal((await call(["--data", '"text"'])).stdout, "as it is\n");
  const timed = await call(["--show-timing"]);
  assert.match(timed.stderr, /request request-9 · warm\n +queue +█+ +0\.50 ms\n +handler/);
  const json = JSON.parse((await call(["--json"])).stdout) as Record<string, unknown>;
  assert.deepEqual(
    [json["result"], json["requestId"], json["status"]],
    [{ got: {} }, "request-9", 200],
  );
  assert.match(String(json["serverTiming"]), /handler;dur=1\.5/);
});

test("bytes go out as they are, to a terminal only how many there are, and as base64 in JSON", async () => {
  const bytes = Buffer.from([0, 255, 27, 91]);
  const result = { status: 200, bytes: 4, type: "application/octet-stream", cut: false };
  const done = { ...ACCEPTED_DETAILS, state: "succeeded", error: null, result };
  const answers: Answers = {
    getAcceptedInvocation: () => done,
    getAcceptedResult: () => bytes,
    followInvocation: ({ params }) => momentsOf(params["request"]),
  };
  await using platform = await startFakePlatform(answers, (_path, _event, res) => {
    const isLater = res.req.headers["prefer"] !== undefined;
    const type = isLater ? "application/json" : "application/octet-stream";
    res.writeHead(isLater ? 202 : 200, { "content-type": type });
    res.end(isLater ? '{"id":"request-9"}' : bytes);
  });
  const { url } = platform;
  for (const args of [
    ["invoke", "shop/cart"],
    ["invoke", "shop/cart", "--async", "--wait"],
    ["invocations", "show", "request-9", "--result"],
  ]) {
    const piped = await runPiped(args, { url });
    assert.equal(piped.stdout, bytes.toString("latin1"), `${args.join(" ")}: ${piped.stderr}`);
    const watched = await runWatched(args, { url });
    assert.equal(watched.stdout, "", args.join(" "));
    assert.match(watched.stderr, /4 B that are no text; add `> FILE` to keep them\./);
    const json = await runPiped([...args, "--json"], { url });
    assert.match(json.stdout, /"base64": "AP8bWw=="/);
  }
});

test("an event that is to run later has the run's id for its key, however the run was named", async () => {
  const keys: unknown[] = [];
  await using platform = await startFakePlatform({}, (_path, _event, res) => {
    keys.push(res.req.headers["idempotency-key"]);
    res.writeHead(202, { "content-type": "application/json" }).end('{"id":"r-1"}');
  });
  const later = (args: readonly string[], env: RunOptions["env"] = {}) =>
    runPiped(["invoke", "shop/cart", "--async", ...args], { url: platform.url, env });
  await later(["--idempotency-key", "build-7"]);
  await later([], { SKERRY_IDEMPOTENCY_KEY: "build-7" });
  const unnamed = await later([]);
  assert.deepEqual([unnamed.exitCode, unnamed.stdout], [0, "r-1\n"]);
  assert.deepEqual(keys, ["build-7", "build-7", undefined]);
});

test("an event is put off by its flags, and a list is narrowed by what its flags name", async () => {
  const heads: (readonly unknown[])[] = [];
  const queries: unknown[] = [];
  const none = { items: [], nextCursor: null };
  const answers: Answers = {
    listAcceptedInvocations: ({ query }) => {
      queries.push(query);
      return none;
    },
  };
  await using platform = await startFakePlatform(answers, (_path, _event, res) => {
    const { headers } = res.req;
    heads.push([headers["x-skerry-delay-ms"], headers["x-skerry-not-before"]]);
    res.writeHead(202, { "content-type": "application/json" }).end('{"id":"r-1"}');
  });
  const run = (...args: readonly string[]): Promise<RunResult> =>
    runPiped(args, { url: platform.url });
  const at = "2020-01-01T08:00:00Z";
  for (const flags of [
    ["--delay", "5s"],
    ["--at", at],
  ])
    assert.equal((await run("invoke", "shop/cart", "--async", ...flags)).exitCode, 0);
  assert.deepEqual(heads, [
    ["5000", undefined],
    [undefined, at],
  ]);
  assert.equal((await run("invoke", "shop/cart", "--at", at)).exitCode, 2, "without --async");
  const names = ["--source-id", "shop/a:timer", "--accepted-as", "k", "--request-id", "r-1"];
  assert.equal((await run("invocations", "ls", ...names)).exitCode, 0);
  const [asked] = queries.splice(0) as [Record<string, unknown>];
  const { sourceId, idempotencyKey, requestId } = asked as Record<string, string>;
  assert.deepEqual([sourceId, idempotencyKey, requestId], ["shop/a:timer", "k", "r-1"]);
  const mistaken = await run("invocations", "ls", "--idempotency-key", "k");
  assert.match(mistaken.stderr, /--accepted-as KEY/);
  assert.deepEqual([mistaken.exitCode, queries], [2, []]);
});

test("a time to which no event is put off is refused in the words of its flag, and nothing is sent", async () => {
  const heads: unknown[] = [];
  await using platform = await startFakePlatform({}, (_path, _event, res) => {
    heads.push(res.req.headers["x-skerry-not-before"]);
    res.writeHead(202, { "content-type": "application/json" }).end('{"id":"r-1"}');
  });
  const later = (...args: readonly string[]): Promise<RunResult> =>
    runPiped(["invoke", "shop/cart", "--async", ...args], { url: platform.url });
  const at = "2020-01-01T08:00:00+02:00";
  const wrong = /--at cannot be .*: write a time with its zone, such as .*, at most 366 days/;
  for (const [args, said] of [
    [["--at", at, "--delay", "5s"], /--at cannot be .*: it stands beside --delay/],
    [["--at", "tomorrow"], wrong],
    [["--at", "2h"], wrong],
    [["--at", "2020-01-01T08:00:00"], wrong],
    [["--at", "2020-13-01T08:00:00Z"], wrong],
    [["--at", "9020-01-01T08:00:00Z"], wrong],
    [["--delay", "367d"], /--delay cannot be 367d: an event is put off by at most 366 days/],
  ] as const) {
    const { exitCode, stderr } = await later(...args);
    assert.equal(exitCode, 2, args.join(" "));
    assert.match(stderr, said);
  }
  assert.deepEqual(heads, []);
  for (const args of [
    ["--at", at],
    ["--delay", "366d"],
  ]) {
    assert.equal((await later(...args)).exitCode, 0, args.join(" "));
  }
  assert.deepEqual(heads, [at, undefined]);
});

test("a call has the key of its flag, and says when it was answered before", async () => {
  const keys: unknown[] = [];
  await using platform = await startFakePlatform({}, (_path, _event, res) => {
    keys.push(res.req.headers["idempotency-key"]);
    const headers = { "content-type": "application/json", "idempotent-replayed": "true" };
    res.writeHead(200, keys.length === 1 ? headers : {}).end("7");
  });
  const call = (args: readonly string[], env: RunOptions["env"] = {}) =>
    runPiped(["invoke", "shop/cart", ...args], { url: platform.url, env });
  const again = await call(["--idempotency-key", "order-7"]);
  assert.deepEqual([again.exitCode, again.stdout], [0, "7\n"]);
  assert.match(again.stderr, /called before/);
  const plain = await call([], { SKERRY_IDEMPOTENCY_KEY: "build-7" });
  assert.doesNotMatch(plain.stderr, /called before/);
  assert.deepEqual(keys, ["order-7", undefined]);
});

test("a version or an alias is named behind a colon, and what is neither is refused", async () => {
  const paths: string[] = [];
  await using platform = await startFakePlatform({}, (path, _event, res) => {
    paths.push(path);
    res.writeHead(200, { "content-type": "application/json" }).end("1");
  });
  for (const qualifier of ["3", "live", "$LATEST"]) {
    const { exitCode } = await runPiped(["invoke", `shop/cart:${qualifier}`], platform);
    assert.equal(exitCode, 0);
  }
  assert.deepEqual(
    paths,
    ["3", "live", "$LATEST"].map((name) => `/-/shop/cart:${name}/`),
  );
  for (const wrong of ["shop/cart:", "shop/cart:0", "shop/cart:Live", "shop/cart:a:b"]) {
    assert.equal((await runPiped(["invoke", wrong], platform)).exitCode, 2, wrong);
  }
  assert.equal(paths.length, 3);
});

test("no bytes are bytes, too, and no answer is null", () => {
  const answered = (type: string | null) =>
    answerOf({ result: { status: 200, bytes: 0, type, cut: false } }, new Uint8Array());
  assert.deepEqual(answered("application/octet-stream"), { base64: "" });
  assert.equal(answered("application/json"), null);
  assert.equal(answered(null), null);
});

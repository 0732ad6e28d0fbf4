/** Commands of all families, against a platform that is built from the contract. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { exitCodeOf, systemClock } from "@skerry/base";
import {
  ACCEPTED,
  ACCEPTED_DETAILS,
  type Answers,
  appNamed,
  type Asked,
  AUDIT,
  functionNamed,
  functionWith,
  INSTANCE,
  INSTANCE_ID,
  INVOCATION,
  KEY_RESOURCE,
  LANE,
  logLine,
  momentsOf,
  PLATFORM,
  refusal,
  startFakePlatform,
  withPipes,
} from "@skerry/testkit/clients";
import { REDRIVE_CASES, redriveAnswers } from "../test/redrives.ts";
import { ACCEPTED_COMMANDS } from "./accepted.ts";
import { audit } from "./audit.ts";
import { describe } from "./describe.ts";
import { invocations } from "./invocations.ts";
import { KEY_COMMANDS } from "./keys.ts";
import { logs } from "./logs.ts";
import { ls } from "./ls.ts";
import { ps } from "./ps.ts";
import { REDRIVE_COMMANDS } from "./redrives.ts";
import { rm } from "./rm.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";

const COMMANDS = [
  ...[...ACCEPTED_COMMANDS, ...REDRIVE_COMMANDS, ...KEY_COMMANDS],
  ...[ls, describe, ps, logs, stop, rm, invocations, audit, status],
];
const runPiped = withPipes(COMMANDS);

const ESCAPE = "\u001b";
const page = (items: readonly unknown[]): object => ({ items, nextCursor: null });

/** One that sets what most leave out, and one that reaches nothing. */
const CONFIGURED = new Map([
  [
    "all",
    functionWith("all", {
      ...{ auth: "none", callers: "app", egressAllow: ["api.example.org", "*.example.net:443"] },
      connect: { db: "10.0.0.5:5432", cache: "cache.internal:6379" },
      streams: { idleTimeoutMs: 30_000, maxDurationMs: 600_000 },
      async: { attempts: 5, retryDelayMs: 2_000, retryOn: ["timeout", "crash"], concurrency: 7 },
    }),
  ],
  ["shut", functionWith("shut", { egress: "none" })],
]);

const ANSWERS: Answers = {
  listApps: () => page([appNamed("shop"), appNamed("other")]),
  listFunctions: ({ params }) => page([functionNamed("cart", params["app"])]),
  getFunction: ({ params: { app, fn = "" } }) => CONFIGURED.get(fn) ?? functionNamed(fn, app),
  getFunctionLane: () => LANE,
  listInstances: () => page([INSTANCE, { ...INSTANCE, id: "inst_2", function: "other" }]),
  stopInstance: () => undefined,
  listAudit: () => page([AUDIT, { ...AUDIT, id: "aud_0", details: {} }]),
  listLogs: ({ query }) => [logLine(1), logLine(2)].slice(-Number(query["limit"])),
  listInvocations: () => page([INVOCATION]),
  listAcceptedInvocations: ({ query }) =>
    page([{ ...ACCEPTED, state: query["state"] ?? "failed" }]),
  getAcceptedInvocation: ({ params }) => ({ ...ACCEPTED_DETAILS, id: params["request"] }),
  followInvocation: ({ params }) => momentsOf(params["request"]),
  getAcceptedPayload: () => Buffer.from('{"a":1}'),
  getAcceptedResult: () => Buffer.from("{}"),
  cancelInvocation: ({ params }) => {
    const stopping = params["request"] === "request-8";
    return { id: params["request"], cancelled: true, stopping };
  },
  ...redriveAnswers(),
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
    shows: [
      /^shop\/cart\n[^]*Memory +128 MiB/,
      /Env +SECRET \(values with/,
      /Called by +holders of a key\n +functions of its account, by context\.call\n/,
      /Egress +HTTP and HTTPS to public addresses\n/,
      /^(?![^]*(Streams|Run later|Connects to))/,
      /Accepted +3 open · 1 run of 10 at once\nBreaker +open: .* one tries it at 2026/,
    ],
    json: equals({ ...functionNamed("cart"), lane: LANE }),
  },
  {
    args: ["describe", "shop/all"],
    shows: [
      /Called by +everyone\n +functions of its app, by context\.call\n/,
      /Streams +at most 10 min · 30\.0 s without a byte\n/,
      /Run later +5 attempts, 2\.0 s to 5 min apart, after timeout, crash\n/,
      /\n +expires after 6 h\n +7 at once\n/,
      /Egress +HTTP and HTTPS to api\.example\.org, \*\.example\.net:443\n/,
      /Connects to +db at 10\.0\.0\.5:5432\n +cache at cache\.internal:6379\n/,
    ],
    json: equals({ ...CONFIGURED.get("all"), lane: LANE }),
  },
  {
    args: ["describe", "shop/shut"],
    shows: [/Egress +nothing\n/],
    json: equals({ ...CONFIGURED.get("shut"), lane: LANE }),
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
    args: ["invocations", "ls", "shop/cart", "--state", "expired", "--from", "2h"],
    shows: [/^ID +STATE +AGE +TRIES +FUNCTION/, /request-9 +expired .* 2 +shop\/cart .*FAILED/],
    json: itemsOf("id", "request-9"),
  },
  {
    args: ["invocations", "show", "request-9"],
    shows: [
      /^request-9 {2}failed\n/,
      /Error +FUNCTION_FAILED: It threw\.\n +Look at its log\.\n/,
      /1\. 2026-01-01T00:00:00.000Z function_error in 250 ms · FUNCTION_FAILED · request-9\n/,
    ],
    json: equals(ACCEPTED_DETAILS),
  },
  {
    args: ["invocations", "show", "request-9", "--event"],
    shows: [/^\{"a":1\}\n$/],
    json: equals({ text: '{"a":1}', bytes: 7 }),
  },
  {
    args: ["invocations", "cancel", "request-9"],
    shows: [/Cancelled request-9/],
    json: equals({ id: "request-9", cancelled: true, stopping: false }),
  },
  {
    args: ["invocations", "cancel", "request-8"],
    shows: [/request-8 was asked to end/],
    json: equals({ id: "request-8", cancelled: true, stopping: true }),
  },
  {
    args: ["invocations", "cancel", "request-8", "--wait"],
    shows: [/Cancelled request-8/],
    json: equals({ id: "request-8", cancelled: true, stopping: false }),
  },
  ...REDRIVE_CASES,
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
];

suite("every command", { concurrency: 2 }, () => {
  for (const { args, shows, json } of CASES) {
    test(`skerry ${args.join(" ")}`, async () => {
      await using platform = await startFakePlatform(ANSWERS);
      const plain = await runPiped(args, { url: platform.url });
      assert.equal(plain.exitCode, 0, plain.stderr);
      for (const pattern of shows) assert.match(plain.stdout, pattern);
      assert.ok(!(plain.stdout + plain.stderr).includes(ESCAPE), "no colours in a pipe");
      const told = await runPiped([...args, "--json"], platform);
      assert.deepEqual([told.exitCode, told.stderr], [0, ""]);
      json(JSON.parse(told.stdout) as never);
    });
  }
});

test("an app without functions can be removed, and one that is not there is told by the platform", async () => {
  const refuse = (): never => {
    throw refusal("NOT_FOUND", "APP_NOT_FOUND");
  };
  const answers = { listFunctions: refuse, deleteApp: () => undefined };
  await using platform = await startFakePlatform(answers);
  const removed = await runPiped(["rm", "shop", "--yes"], platform);
  assert.deepEqual([removed.exitCode, removed.stdout], [0, "✓ Removed shop.\n"]);
  await using without = await startFakePlatform({ listFunctions: refuse, deleteApp: refuse });
  const { exitCode, stderr } = await runPiped(["rm", "shop", "--yes"], without);
  assert.equal(exitCode, exitCodeOf("NOT_FOUND"));
  assert.match(stderr, /APP_NOT_FOUND/);
});

test("that nothing of an app or a function is alive is told only when there is one", async () => {
  const refuse = (): never => {
    throw refusal("NOT_FOUND", "APP_NOT_FOUND");
  };
  const none = { listInstances: () => page([]) };
  for (const [answers, exitCode, told] of [
    [{ ...ANSWERS, ...none }, 0, /No instance is alive/],
    [{ ...none, listFunctions: refuse, getFunction: refuse }, exitCodeOf("NOT_FOUND"), /_NOT_F/],
  ] as const) {
    await using platform = await startFakePlatform(answers);
    for (const path of ["shop", "shop/cart"]) {
      const ran = await runPiped(["ps", path], platform);
      assert.deepEqual([ran.exitCode, told.test(ran.stderr)], [exitCode, true], ran.stderr);
    }
  }
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
  await runPiped(["logs", "shop/cart", ...searched, ...until], { url });
  const [query = {}] = asked;
  const { grep, level, field } = query;
  assert.deepEqual({ grep, level, field }, { grep: "a b", level: "warn", field: "user.id=7" });
  assert.equal(query["until"], "2026-01-31T09:00:00.000Z");
  const agoMs = startedMs - Date.parse(String(query["since"]));
  assert.ok(agoMs <= 7_200_000 && agoMs > 7_100_000, `${agoMs}`);
  await runPiped(["logs", "shop/cart:3"], { url });
  assert.equal(asked[1]?.["version"], "3");
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
    const { stdout } = await runPiped(["logs", "shop/cart", "--json", ...args], { url });
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
    const { exitCode, stderr } = await runPiped(args, { url: platform.url, stdin: "y\n" });
    assert.equal(exitCode, exitCodeOf("FAILED_PRECONDITION"));
    assert.match(stderr, /was not confirmed[^]*--yes/);
  }
  assert.ok(platform.asked.every((name) => !/^(delete|stop)/.test(name)));
});

test("an invocation that is followed is a line for each change, to its end", async () => {
  await using platform = await startFakePlatform(ANSWERS);
  const args = ["invocations", "show", "request-9", "--follow"];
  const { stdout, exitCode } = await runPiped(args, { url: platform.url });
  const said = stdout.split("\n").slice(0, 5);
  assert.deepEqual(said.slice(0, 4), [
    "running",
    "running 50 % (2 of 4) \\x1bread",
    "running 50 % (2 of 4) stopping",
    "failed 50 % (2 of 4) \\x1bread",
  ]);
  assert.match(said[4] ?? "", /^request-9 {2}failed/);
  assert.equal(exitCode, 0);
  const told = await runPiped([...args, "--json"], { url: platform.url });
  const lines = told.stdout.trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as object),
    momentsOf("request-9"),
  );
});

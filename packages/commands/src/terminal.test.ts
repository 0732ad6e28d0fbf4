/** What is different when a person sits at a terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { widthOf } from "@skerry/terminal";
import {
  type Answers,
  type Asked,
  AUDIT,
  functionNamed,
  INSTANCE,
  INSTANCE_ID,
  LANE,
  logLine,
  PLATFORM,
  startFakePlatform,
  onTerminal,
} from "@skerry/testkit/clients";
import { audit } from "./audit.ts";
import { invocations } from "./invocations.ts";
import { invoke } from "./invoke.ts";
import { KEY_COMMANDS } from "./keys.ts";
import { logs } from "./logs.ts";
import { ls } from "./ls.ts";
import { ps } from "./ps.ts";
import { rm } from "./rm.ts";
import { stop } from "./stop.ts";

const runOnTerminal = onTerminal([
  ls,
  ps,
  logs,
  rm,
  stop,
  ...KEY_COMMANDS,
  audit,
  invocations,
  invoke,
]);

const ESCAPE = "\u001b";
const page = (items: readonly unknown[]): object => ({ items, nextCursor: null });

const ANSWERS: Answers = {
  listInstances: () => page([INSTANCE]),
  getPlatform: () => PLATFORM,
  getFunction: () => functionNamed("cart"),
  getFunctionLane: () => LANE,
  listFunctions: () => page([functionNamed("cart"), functionNamed("pay")]),
  deleteFunction: () => undefined,
  deleteApp: () => undefined,
  deleteKey: () => undefined,
  stopInstance: () => undefined,
};

test("colours are for terminals that want them; JSON and NO_COLOR have none", async () => {
  await using platform = await startFakePlatform(ANSWERS);
  const { url } = platform;
  const coloured = await runOnTerminal(["ps"], { url });
  assert.ok(coloured.stdout.includes(ESCAPE));
  for (const [args, env] of [
    [["ps"], { NO_COLOR: "1" }],
    [["ps"], { TERM: "dumb" }],
    [["ps", "--json"], {}],
  ] as const) {
    const { stdout, stderr } = await runOnTerminal(args, { url, env });
    assert.ok(!(stdout + stderr).includes(ESCAPE), JSON.stringify(env));
  }
});

test("tables fit the terminal wherever they can", async () => {
  await using platform = await startFakePlatform(ANSWERS);
  for (const columns of [60, 80, 100, 200]) {
    const { stdout } = await runOnTerminal(["ls", "shop"], { url: platform.url, columns });
    for (const line of stdout.trimEnd().split("\n")) assert.ok(widthOf(line) <= columns, line);
  }
});

test("instances and audit records with ids as long as they are fit 80 columns", async () => {
  const keyId = INSTANCE_ID.replace("inst", "key");
  const resource = `instance/${INSTANCE_ID}`;
  const details = { operation: "activateDeployment" };
  await using platform = await startFakePlatform({
    listInstances: () => page([{ ...INSTANCE, id: INSTANCE_ID, function: "checkout" }]),
    listAudit: () => page([{ ...AUDIT, keyId, resource, details }]),
  });
  for (const args of [["ps"], ["audit"]]) {
    const { stdout } = await runOnTerminal(args, { url: platform.url, columns: 80 });
    for (const line of stdout.trimEnd().split("\n")) assert.ok(widthOf(line) <= 80, line);
  }
});

test("a long list of instances or audit records is asked for page by page", async () => {
  const paged = (item: { readonly id: string }) => {
    return ({ query }: Asked): object => {
      const from = Number(query["cursor"] ?? 0);
      return {
        items: [{ ...item, id: `id_${from}` }],
        nextCursor: from < 4 ? `${from + 1}` : null,
      };
    };
  };
  await using platform = await startFakePlatform({
    ...{ listInstances: paged(INSTANCE), listAudit: paged(AUDIT) },
  });
  const { url } = platform;
  for (const [args, expected] of [
    [["ps"], 5],
    [["audit"], 5],
    [["audit", "-n", "3"], 3],
  ] as const) {
    const { stdout } = await runOnTerminal([...args, "--json"], { url });
    assert.equal((JSON.parse(stdout) as { items: unknown[] }).items.length, expected);
  }
});

test("removing asks, and goes on for yes alone", async () => {
  for (const [answer, isRemoved] of [
    ["y", true],
    ["Yes", true],
    ["", false],
    ["n", false],
    ["yesterday", false],
  ] as const) {
    for (const [args, operation] of [
      [["rm", "shop/cart"], "deleteFunction"],
      [["rm", "shop"], "deleteApp"],
      [["keys", "rm", "key_1"], "deleteKey"],
      [["stop", INSTANCE_ID], "stopInstance"],
    ] as const) {
      await using platform = await startFakePlatform(ANSWERS);
      const { url } = platform;
      const result = await runOnTerminal(args, { url, answers: [answer] });
      assert.equal(result.questions.length, 1);
      assert.match(result.questions[0] ?? "", /\? .*\[y\/N\] $/);
      assert.equal(platform.asked.includes(operation), isRemoved, `${args.join(" ")}: ${answer}`);
      assert.equal(result.exitCode, isRemoved ? 0 : 9);
    }
  }
});

test("an app is asked about with what is in it", async () => {
  await using platform = await startFakePlatform(ANSWERS);
  const { questions } = await runOnTerminal(["rm", "shop"], { url: platform.url });
  assert.deepEqual(questions, [
    "Remove the app shop with 2 functions, its timers, secrets and config objects? [y/N] ",
  ]);
});

test("a log shows the time of day, and what a function wrote cannot steer the terminal", async () => {
  const evil = "\u001b]0;title\u0007\u001b[2J\rmoved\u009b1mred\tkept\nsecond";
  const answers: Answers = {
    listLogs: () => [logLine(1, evil)],
  };
  await using platform = await startFakePlatform(answers);
  const { stdout } = await runOnTerminal(["logs", "shop/cart"], { url: platform.url });
  const plain = stripVTControlCharacters(stdout);
  assert.equal(
    plain,
    "03:04:05.678 INFO  \\x1b]0;title\\x07\\x1b[2J\\x0dmoved\\x9b1mred\tkept\n" +
      `${" ".repeat(19)}second\n`,
  );
});

test("nothing to show is said beside the output, not in it", async () => {
  const empty = (): object => page([]);
  await using platform = await startFakePlatform({
    ...{ listApps: empty, listInstances: empty, listInvocations: empty, listAudit: empty },
  });
  for (const args of [["ls"], ["ps"], ["audit"], ["invocations", "shop/cart"]]) {
    const { stdout, stderr, exitCode } = await runOnTerminal(args, { url: platform.url });
    assert.deepEqual([stdout, exitCode], ["", 0]);
    assert.match(stderr, /\.\n$/);
    const told = await runOnTerminal([...args, "--json"], { url: platform.url });
    assert.deepEqual([JSON.parse(told.stdout), told.stderr], [{ items: [] }, ""]);
  }
});

test("an interrupted command is quiet and exits with 130", async () => {
  const interrupt = new AbortController();
  await using platform = await startFakePlatform({}, () => interrupt.abort());
  const args = ["invoke", "shop/cart"];
  const result = await runOnTerminal(args, { url: platform.url, signal: interrupt.signal });
  assert.deepEqual([result.exitCode, result.stdout, result.stderr], [130, "", ""]);
});

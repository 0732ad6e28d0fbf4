/** What becomes of a command: its exit code, and what is said of an error. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodeOf } from "@skerry/base";
import { openMemoryTerminal } from "@skerry/testkit";
import { failCommand } from "./errors.ts";
import { runProgram, type Program } from "./run.ts";

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command, `count`, that does this. */
async function runCount(
  args: readonly string[],
  count: () => Promise<number | undefined>,
  signal = new AbortController().signal,
): Promise<Run> {
  const facts = { name: "count", summary: "Count", args: [], flags: [], examples: [] };
  const commands = [{ ...facts, run: count }];
  const flags = ["json", "version"].map((name) => ({ name, description: name }));
  const table = { summary: "count sheep", commands, flags };
  const program: Program<object> = { table, version: "1.2.3", callOf: (given) => given };
  const { host, written } = openMemoryTerminal({ isTerminal: false, signal });
  return { exitCode: await runProgram(program, args, host), ...written };
}

test("a command's own code is the exit code, and 0 when it names none", async () => {
  const quiet = { stdout: "", stderr: "" };
  assert.deepEqual(await runCount(["count"], async () => 7), { exitCode: 7, ...quiet });
  assert.deepEqual(await runCount(["count"], async () => undefined), { exitCode: 0, ...quiet });
});

test("help and the version need no command to run", async () => {
  const none = (): Promise<number> => assert.fail("nothing was to run");
  const { exitCode, stdout } = await runCount(["count", "--help"], none);
  assert.equal(exitCode, 0);
  assert.match(stdout, /skerry count/);
  assert.equal((await runCount(["--version"], none)).stdout, "skerry 1.2.3\n");
  const json = await runCount(["--version", "--json"], none);
  assert.deepEqual(JSON.parse(json.stdout), { version: "1.2.3" });
});

test("an error is told beside the output and gives its code; only a bug shows its stack", async () => {
  const refuse = async (): Promise<number> => {
    throw failCommand("FILE_UNREADABLE", { path: "wool", why: "it is shorn" });
  };
  const refused = await runCount(["count"], refuse);
  assert.deepEqual([refused.exitCode, refused.stdout], [exitCodeOf("INVALID_ARGUMENT"), ""]);
  assert.match(refused.stderr, /wool cannot be read: it is shorn/);
  assert.doesNotMatch(refused.stderr, /run\.test\.ts/);
  const told = await runCount(["count", "--json"], refuse);
  const { error } = JSON.parse(told.stderr) as { error: { reason: string } };
  assert.equal(error.reason, "FILE_UNREADABLE");
  const broken = await runCount(["count"], async () => {
    throw new TypeError("no sheep");
  });
  assert.equal(broken.exitCode, exitCodeOf("INTERNAL"));
  assert.match(broken.stderr, /no sheep[^]*run\.test\.ts/);
});

test("whatever an interrupted command ends with is quiet and 130", async () => {
  const stop = new AbortController();
  const interrupted = async (): Promise<number> => {
    stop.abort();
    throw new TypeError("cut off");
  };
  const ended = await runCount(["count"], interrupted, stop.signal);
  assert.deepEqual(ended, { exitCode: 130, stdout: "", stderr: "" });
});

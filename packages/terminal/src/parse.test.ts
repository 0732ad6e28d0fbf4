import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandFacts, CommandTable } from "./command.ts";
import { confirm } from "./confirm.ts";
import { givenBy } from "./given.ts";
import { parseCommandLine, type Invocation } from "./parse.ts";

function command(name: string, part: Partial<CommandFacts> = {}): CommandFacts {
  return { name, summary: "", args: [], flags: [], examples: [], ...part };
}

const LIMIT = { name: "limit", short: "n", value: "N", description: "" };
const TABLE: CommandTable = {
  summary: "count sheep",
  commands: [
    command("count", { args: [{ name: "FLOCK", description: "" }], flags: [LIMIT] }),
    command("rams", { args: [{ name: "FLOCK", description: "" }] }),
    command("rams rm", { args: [{ name: "FLOCK", description: "" }] }),
    command("sheep add"),
    command("sheep rm"),
  ],
  flags: [
    ...["json", "help", "version"].map((name) => ({ name, description: "" })),
    { name: "key", value: "KEY", description: "" },
  ],
};

const BOUNDS = { min: 1, max: 9, otherwise: 3 };

function invocationOf(...argv: readonly string[]): Invocation {
  const parsed = parseCommandLine(argv, TABLE);
  assert.ok(parsed.kind === "run");
  return parsed;
}

test("a command gets its arguments and flags, and those of every command", () => {
  const parsed = invocationOf("--key", "k", "count", "north", "-n", "5", "--json");
  const given = givenBy(parsed);
  assert.deepEqual([parsed.command.name, given.args], ["count", ["north"]]);
  assert.deepEqual([given.flag("key"), given.isOn("json"), given.isOn("help")], ["k", true, false]);
  assert.equal(given.count("limit", BOUNDS), 5);
  assert.equal(givenBy(invocationOf("sheep", "add")).count("limit", BOUNDS), 3);
});

test("a flag that is given more than once has its values in order, and its last one as its own", () => {
  const given = givenBy(invocationOf("count", "north", "-n", "5", "--limit=7"));
  assert.deepEqual([given.every("limit"), given.flag("limit")], [["5", "7"], "7"]);
  assert.deepEqual([given.every("key"), given.flag("key")], [[], undefined]);
});

test("two words that are a command come before one that is, too", () => {
  assert.equal(invocationOf("rams", "rm", "north").command.name, "rams rm");
  assert.equal(invocationOf("rams", "north").command.name, "rams");
});

test("what no command takes is refused, each mistake by its own reason", () => {
  for (const [argv, reason] of [
    [["cuont"], "COMMAND_UNKNOWN"],
    [["sheep"], "COMMAND_INCOMPLETE"],
    [["sheep", "ad"], "COMMAND_UNKNOWN"],
    [["sheep", "add", "--limit", "5"], "COMMAND_FLAG_UNKNOWN"],
    [["count", "north", "--limit"], "FLAG_VALUE_MISSING"],
    [["count", "north", "--json=yes"], "FLAG_VALUE_UNEXPECTED"],
    [["count"], "ARGUMENT_MISSING"],
    [["count", "north", "south"], "ARGUMENT_UNEXPECTED"],
  ] as const) {
    assert.throws(() => parseCommandLine(argv, TABLE), { reason }, argv.join(" "));
  }
  for (const limit of ["0", "10", "1.5", "", "many"]) {
    const given = givenBy(invocationOf("count", "north", `--limit=${limit}`));
    assert.throws(() => given.count("limit", BOUNDS), { reason: "FLAG_VALUE_INVALID" }, limit);
  }
});

test("a flag that must be there is asked for as help shows it", () => {
  assert.equal(givenBy(invocationOf("count", "north", "-n", "5")).required("limit"), "5");
  assert.throws(() => givenBy(invocationOf("count", "north")).required("limit"), {
    reason: "ARGUMENT_MISSING",
    message: /--limit N/,
  });
});

test("a flag's value is one of those that are known, or it is refused with them", () => {
  const given = givenBy(invocationOf("count", "north", "-n", "5"));
  assert.equal(given.oneOf("limit", ["4", "5"]), "5");
  assert.equal(givenBy(invocationOf("count", "north")).oneOf("limit", ["4"]), undefined);
  assert.throws(() => given.oneOf("limit", ["4", "6"]), {
    reason: "FLAG_VALUE_INVALID",
    message: /it is one of 4, 6/,
  });
});

test("no words, --help and --version run nothing", () => {
  assert.deepEqual(parseCommandLine([], TABLE), { kind: "help", topic: [] });
  assert.deepEqual(parseCommandLine(["sheep", "--help"], TABLE), {
    kind: "help",
    topic: ["sheep"],
  });
  assert.deepEqual(parseCommandLine(["count", "--version"], TABLE), { kind: "version" });
});

test("without a terminal nobody is asked, and only --yes confirms", async () => {
  const stderr = { isTerminal: false, columns: 80, rows: 24 };
  const host = {
    stdinIsTerminal: false,
    stderr: { ...stderr, write: () => undefined, drained: () => Promise.resolve() },
    ask: () => Promise.resolve("yes"),
  };
  const asked = { what: "The flock", question: "Remove it?" };
  await confirm({ host, isOn: (name) => name === "yes" }, asked);
  const refused = confirm({ host, isOn: () => false }, asked);
  await assert.rejects(refused, { reason: "CONFIRMATION_MISSING" });
});

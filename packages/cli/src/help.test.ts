import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_CODES, exitCodeOf } from "@skerry/base";
import { createStyle, exitCodes, parseCommandLine, showHelp, widthOf } from "@skerry/terminal";
import { COMMANDS } from "./commands/index.ts";
import { GLOBAL_FLAGS, tableOf } from "./command.ts";

function helpOf(topic: readonly string[], columns: number): string {
  let text = "";
  const print = (...lines: readonly string[]): void => void (text += `${lines.join("\n")}\n`);
  const style = createStyle(false);
  const unused = { errorStyle: style, watched: false, isTerminal: true, note: print, draw: print };
  showHelp(
    {
      ...{ json: false, style, columns, print, ...unused, printJson: print, printJsonLine: print },
      ...{
        printTable: () => undefined,
        printBytes: () => undefined,
        printDone: () => undefined,
        drained: () => Promise.resolve(),
      },
    },
    { table: tableOf(COMMANDS), topic },
  );
  return text;
}

/** Words of an example line; only single quotes occur. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

test("every example of every command is one that the parser takes", () => {
  for (const command of COMMANDS) {
    assert.ok(command.examples.length > 0, command.name);
    for (const { line } of command.examples) {
      const parsed = parseCommandLine(wordsOf(line), tableOf(COMMANDS));
      assert.ok(parsed.kind === "run" && parsed.command === command, line);
    }
  }
});

test("every exit code is documented once", () => {
  const documented = exitCodes().map(({ exitCode }) => exitCode);
  const all = [0, 130, ...ERROR_CODES.map(exitCodeOf)];
  assert.deepEqual(
    documented,
    all.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(all).size, all.length, "no code stands for two errors");
});

test("help names every command, argument and flag, and fits the terminal", () => {
  const whole = helpOf([], 80);
  for (const command of COMMANDS) {
    assert.ok(whole.includes(`  ${command.name}`), command.name);
    const text = helpOf(command.name.split(" "), 80);
    const flags = [...command.flags, ...GLOBAL_FLAGS].map(({ name }) => `--${name}`);
    for (const name of [...flags, ...command.args.map((arg) => arg.name)]) {
      assert.ok(text.includes(name), `${command.name}: ${name}`);
    }
    for (const line of `${text}${whole}`.split("\n")) assert.ok(widthOf(line) <= 80, line);
  }
});

test("no two flags of a command share a name or a letter, and one name means one kind of flag", () => {
  const kinds = new Map<string, boolean>();
  for (const command of COMMANDS) {
    const flags = [...GLOBAL_FLAGS, ...command.flags];
    const spelt = flags.flatMap(({ name, short }) =>
      short === undefined ? [name] : [name, short],
    );
    assert.equal(new Set(spelt).size, spelt.length, command.name);
    for (const { name, value } of flags) {
      assert.equal(kinds.get(name) ?? value === undefined, value === undefined, name);
      kinds.set(name, value === undefined);
    }
  }
});

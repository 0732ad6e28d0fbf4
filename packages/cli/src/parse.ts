/**
 * Turns arguments into a command and its flags. Pure; everything wrong is told with what would be
 * right.
 */
import { parseArgs } from "node:util";
import { nearestWord } from "@skerry/base";
import { GLOBAL_FLAGS, usageOf, type Command, type Flag } from "./command.ts";
import { fail } from "./errors.ts";

export interface Parsed {
  /** Undefined when there were no words at all. */
  readonly command: Command | undefined;
  readonly args: readonly string[];
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

interface Token {
  readonly kind: string;
  readonly name?: string;
  readonly rawName?: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** Throws the reasons COMMAND_…, FLAG_… and ARGUMENT_…. With --help, arguments may be missing. */
export function parseCommandLine(argv: readonly string[], commands: readonly Command[]): Parsed {
  const flags = [...GLOBAL_FLAGS, ...commands.flatMap((command) => command.flags)];
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    options: Object.fromEntries(flags.map((flag) => [flag.name, optionOf(flag)])),
  });
  const words = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  const asksOnly = tokens.some(
    (token) => token.kind === "option" && ["help", "version"].includes(token.name),
  );
  const command = findCommand(words, commands, asksOnly);
  const known = [...GLOBAL_FLAGS, ...(command?.flags ?? [])];
  const given = tokens.filter((token) => token.kind === "option") as readonly Token[];
  const read = readFlags(given, known, command?.name ?? "");
  const args = command === undefined ? [] : words.slice(command.name.split(" ").length);
  if (command !== undefined && !asksOnly) checkArguments(command, args);
  return { command, args, ...read };
}

function optionOf({ value, short }: Flag): { type: "string" | "boolean"; short?: string } {
  const type = value === undefined ? "boolean" : "string";
  return short === undefined ? { type } : { type, short };
}

function findCommand(
  words: readonly string[],
  commands: readonly Command[],
  asksOnly: boolean,
): Command | undefined {
  const [first, second] = words;
  if (first === undefined) return undefined;
  const exact = commands.find(({ name }) => name === `${first} ${second ?? ""}` || name === first);
  if (exact !== undefined) return exact;
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  const seconds = group.map(({ name }) => name.slice(first.length + 1));
  if (group.length > 0 && second === undefined) {
    if (asksOnly) return group[0];
    throw fail("COMMAND_INCOMPLETE", { command: first, words: seconds.join(", ") });
  }
  const command = group.length > 0 ? `${first} ${second ?? ""}` : first;
  const near =
    group.length > 0
      ? prefixed(first, nearestWord(second ?? "", seconds))
      : nearestWord(first, new Set(commands.map(({ name }) => name.split(" ")[0] ?? "")));
  throw fail("COMMAND_UNKNOWN", { command, suggestion: suggestionOf("skerry", near) });
}

function prefixed(first: string, second: string | undefined): string | undefined {
  return second === undefined ? undefined : `${first} ${second}`;
}

function suggestionOf(lead: string, near: string | undefined): string {
  return near === undefined ? "" : `Did you mean \`${lead === "" ? "" : `${lead} `}${near}\`? `;
}

function readFlags(
  tokens: readonly Token[],
  known: readonly Flag[],
  command: string,
): Pick<Parsed, "values" | "switches"> {
  const values = new Map<string, string>();
  const switches = new Set<string>();
  for (const { name = "", rawName = "", value, inlineValue } of tokens) {
    const flag = known.find((one) => one.name === name);
    if (flag === undefined) {
      const near = nearestWord(
        name,
        known.map((one) => one.name),
      );
      const suggestion = suggestionOf("", near === undefined ? undefined : `--${near}`);
      throw fail("COMMAND_FLAG_UNKNOWN", { command, flag: rawName, suggestion });
    }
    if (flag.value === undefined) {
      if (inlineValue === true) throw fail("FLAG_VALUE_UNEXPECTED", { flag: rawName });
      switches.add(name);
    } else if (value === undefined || (inlineValue !== true && value.startsWith("--"))) {
      throw fail("FLAG_VALUE_MISSING", { command, flag: rawName, value: flag.value });
    } else values.set(name, value);
  }
  return { values, switches };
}

function checkArguments(command: Command, args: readonly string[]): void {
  const told = { command: command.name, usage: usageOf(command) };
  const missing = command.args.find((arg, i) => arg.isOptional !== true && args[i] === undefined);
  if (missing !== undefined) throw fail("ARGUMENT_MISSING", { ...told, argument: missing.name });
  const extra = args[command.args.length];
  if (extra !== undefined) throw fail("ARGUMENT_UNEXPECTED", { ...told, argument: extra });
}

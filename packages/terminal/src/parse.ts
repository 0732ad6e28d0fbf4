/**
 * Turns arguments into a command and its flags. Pure; everything wrong is told with what would be
 * right.
 */
import { parseArgs } from "node:util";
import { nearestWord } from "@skerry/base";
import { usageOf, type CommandFacts, type CommandTable, type Flag } from "./command.ts";
import { failCommand } from "./errors.ts";

export interface Invocation<Command extends CommandFacts = CommandFacts> {
  readonly kind: "run";
  readonly command: Command;
  readonly args: readonly string[];
  /** In the order in which they were given. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<string>;
}

/** What the arguments ask for; without any words that is help. */
export type Parsed<Command extends CommandFacts> =
  | Invocation<Command>
  | { readonly kind: "help"; readonly topic: readonly string[] }
  | { readonly kind: "version" };

interface Token {
  readonly kind: string;
  readonly name?: string;
  readonly rawName?: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** Throws the reasons COMMAND_…, FLAG_… and ARGUMENT_…. */
export function parseCommandLine<Command extends CommandFacts>(
  argv: readonly string[],
  { commands, flags: flagsOfAll }: CommandTable<Command>,
): Parsed<Command> {
  const flags = [...flagsOfAll, ...commands.flatMap((command) => command.flags)];
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    options: Object.fromEntries(flags.map((flag) => [flag.name, optionOf(flag)])),
  });
  const words = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  const given = tokens.filter((token) => token.kind === "option") as readonly Token[];
  if (given.some(({ name }) => name === "version")) return { kind: "version" };
  if (given.some(({ name }) => name === "help")) return { kind: "help", topic: words };
  if (words.length === 0) {
    readFlags(given, flagsOfAll, "help");
    return { kind: "help", topic: [] };
  }
  const command = findCommand(words, commands);
  const args = words.slice(command.name.split(" ").length);
  const read = readFlags(given, [...flagsOfAll, ...command.flags], command.name);
  checkArguments(command, args);
  return { kind: "run", command, args, ...read };
}

function optionOf({ value, short }: Flag): { type: "string" | "boolean"; short?: string } {
  const type = value === undefined ? "boolean" : "string";
  return short === undefined ? { type } : { type, short };
}

/** The commands whose first word this is, when they have two. */
export function groupOf<Command extends CommandFacts>(
  word: string,
  commands: readonly Command[],
): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `));
}

/** Throws COMMAND_UNKNOWN and COMMAND_INCOMPLETE. */
export function findCommand<Command extends CommandFacts>(
  words: readonly string[],
  commands: readonly Command[],
): Command {
  const [first = "", second] = words;
  const named = (said: string): Command | undefined => commands.find(({ name }) => name === said);
  const exact = named(`${first} ${second ?? ""}`) ?? named(first);
  if (exact !== undefined) return exact;
  const group = groupOf(first, commands);
  if (group.length === 0) {
    const firsts = new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""));
    throw unknownCommand(first, nearestWord(first, firsts));
  }
  const seconds = group.map(({ name }) => name.slice(first.length + 1));
  if (second === undefined) {
    throw failCommand("COMMAND_INCOMPLETE", { command: first, words: seconds });
  }
  const near = nearestWord(second, seconds);
  throw unknownCommand(`${first} ${second}`, near === undefined ? near : `${first} ${near}`);
}

function unknownCommand(command: string, near: string | undefined): Error {
  const suggestion = near === undefined ? "" : `Did you mean \`skerry ${near}\`? `;
  return failCommand("COMMAND_UNKNOWN", { command, suggestion });
}

function readFlags(
  tokens: readonly Token[],
  known: readonly Flag[],
  command: string,
): Pick<Invocation, "values" | "switches"> {
  const values = new Map<string, readonly string[]>();
  const switches = new Set<string>();
  for (const { name = "", rawName = "", value, inlineValue } of tokens) {
    const flag = known.find((one) => one.name === name);
    if (flag === undefined) {
      const near = nearestWord(
        name,
        known.map((one) => one.name),
      );
      const suggestion = near === undefined ? "" : `Did you mean \`--${near}\`? `;
      throw failCommand("COMMAND_FLAG_UNKNOWN", { command, flag: rawName, suggestion });
    }
    if (flag.value === undefined) {
      if (inlineValue === true) throw failCommand("FLAG_VALUE_UNEXPECTED", { flag: rawName });
      switches.add(name);
    } else if (value === undefined || (inlineValue !== true && value.startsWith("--"))) {
      throw failCommand("FLAG_VALUE_MISSING", { command, flag: rawName, value: flag.value });
    } else values.set(name, [...(values.get(name) ?? []), value]);
  }
  return { values, switches };
}

function checkArguments(command: CommandFacts, args: readonly string[]): void {
  const told = { command: command.name, usage: usageOf(command) };
  const missing = command.args.find((arg, i) => arg.isOptional !== true && args[i] === undefined);
  if (missing !== undefined)
    throw failCommand("ARGUMENT_MISSING", { ...told, argument: missing.name });
  const extra = args[command.args.length];
  if (extra !== undefined) throw failCommand("ARGUMENT_UNEXPECTED", { ...told, argument: extra });
}

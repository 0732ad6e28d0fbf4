/** Help, read off the table of commands. */
import { ERROR_CODES, exitCodeOf, type ErrorCode } from "@skerry/base";
import { usageOf, type CommandFacts, type CommandTable, type Flag } from "./command.ts";
import { findCommand, groupOf } from "./parse.ts";
import type { Screen } from "./screen.ts";
import type { Style } from "./style.ts";
import { widthOf } from "./text.ts";

interface Page {
  readonly style: Style;
  readonly columns: number;
}

interface Book {
  readonly table: CommandTable;
  readonly page: Page;
}

type Pair = readonly [head: string, text: string];

const WIDTH_MAX = 100;
const HEAD_WIDTH_MAX = 34;
const EXIT_CODES = "exit-codes";

/** Prints help about a command, a group of them, the exit codes, or everything. */
export function showHelp(
  screen: Screen,
  { table, topic }: { readonly table: CommandTable; readonly topic: readonly string[] },
): void {
  const { commands, flags } = table;
  const [first] = topic;
  if (first === EXIT_CODES) {
    if (screen.json) screen.printJson({ items: exitCodes() });
    else screen.print(...exitCodeHelp(screen));
    return;
  }
  const group = topic.length === 1 ? groupOf(first ?? "", commands) : [];
  const own = commands.find(({ name }) => name === first);
  const listed = first === undefined ? commands : group;
  if (listed.length === 0 || (own !== undefined && group.length > 0)) {
    const command = findCommand(topic, commands);
    const more = group.length > 0 ? { items: group.map(factsOf) } : {};
    if (screen.json) screen.printJson({ ...factsOf(command), ...more });
    else screen.print(...commandHelp(command, { table, page: screen }), ...alsoHelp(group, screen));
  } else if (screen.json) screen.printJson({ items: listed.map(factsOf), flags });
  else screen.print(...overview(listed, { table, page: screen }));
}

/** The commands that begin with the word of another. */
function alsoHelp(group: readonly CommandFacts[], page: Page): readonly string[] {
  if (group.length === 0) return [];
  return section("See also", { page, rows: group.map((one) => [headOf(one), one.summary]) });
}

function factsOf(command: CommandFacts): object {
  const { name, summary, about = [], args, flags, examples } = command;
  return { name, usage: usageOf(command), summary, about, args, flags, examples };
}

const MEANINGS: Readonly<Record<ErrorCode, string>> = {
  UNKNOWN:
    "It was carried out and did not end well, or what was compared differs; or something that " +
    "this release does not know went wrong",
  INVALID_ARGUMENT: "What was asked for is not possible like this",
  NOT_FOUND: "What was named does not exist",
  ALREADY_EXISTS: "What was to be made exists already",
  PERMISSION_DENIED: "The key may not do this",
  UNAUTHENTICATED: "There is no key, or none that is known",
  RESOURCE_EXHAUSTED: "A limit was reached",
  FAILED_PRECONDITION: "It cannot be done in the present state",
  CANCELLED: "It was cancelled on the way",
  DEADLINE_EXCEEDED: "It took longer than allowed",
  ABORTED: "Someone else changed it at the same time",
  OUT_OF_RANGE: "It lies outside of what there is",
  UNIMPLEMENTED: "The platform cannot do this",
  INTERNAL: "The function failed, or the platform did",
  UNAVAILABLE: "The platform does not answer, or cannot serve now",
  DATA_LOSS: "Something stored is lost or damaged",
};

/** Every exit code; 0 and 130 are not errors of the platform. */
export function exitCodes(): readonly { readonly exitCode: number; readonly meaning: string }[] {
  const codes = ERROR_CODES.map((code) => {
    return { exitCode: exitCodeOf(code), meaning: `${MEANINGS[code]} (${code}).` };
  });
  return [
    { exitCode: 0, meaning: "Done." },
    ...codes.toSorted((a, b) => a.exitCode - b.exitCode),
    { exitCode: 130, meaning: "Interrupted by Ctrl-C." },
  ];
}

function exitCodeHelp(page: Page): readonly string[] {
  return [
    page.style.bold("Exit codes"),
    ...pairs(
      exitCodes().map(({ exitCode, meaning }): Pair => [String(exitCode), meaning]),
      page,
    ),
    "",
    ...wrap(
      "In brackets stand the codes of errors. An error is written to the standard error, with " +
        "--json as {error}; the standard output then stays empty, or ends where the error came.",
      page.columns,
    ),
  ];
}

function overview(commands: readonly CommandFacts[], { table, page }: Book): readonly string[] {
  const { style, columns } = page;
  return [
    `${style.bold("skerry")}: ${table.summary}.`,
    ...section("Commands", { page, rows: commands.map((one) => [headOf(one), one.summary]) }),
    ...section("Flags of every command", { page, rows: table.flags.map(flagPair) }),
    "",
    ...wrap(
      `\`skerry help COMMAND\` tells more; \`skerry help ${EXIT_CODES}\` lists the exit codes.`,
      columns,
    ),
  ];
}

function commandHelp(command: CommandFacts, { table, page }: Book): readonly string[] {
  const { columns } = page;
  const { summary, about = [], args, flags, examples } = command;
  return [
    ...wrap(`${summary}.`, columns),
    "",
    `  ${usageOf(command)}`,
    ...about.flatMap((paragraph) => ["", ...wrap(paragraph, columns)]),
    ...section("Arguments", { page, rows: args.map((arg) => [arg.name, arg.description]) }),
    ...section("Flags", { page, rows: flags.map(flagPair) }),
    ...section("Flags of every command", { page, rows: table.flags.map(flagPair) }),
    ...section("Examples", { page, rows: examples.map((one) => [`skerry ${one.line}`, one.says]) }),
  ];
}

function headOf({ name, args }: CommandFacts): string {
  const shown = args.filter(({ isOptional }) => isOptional !== true).map((arg) => arg.name);
  return [name, ...shown].join(" ");
}

function flagPair({ name, short, value, description }: Flag): Pair {
  const long = value === undefined ? `--${name}` : `--${name} ${value}`;
  return [short === undefined ? long : `-${short}, ${long}`, description];
}

function section(
  title: string,
  { page, rows }: { readonly page: Page; readonly rows: readonly Pair[] },
): readonly string[] {
  return rows.length === 0 ? [] : ["", page.style.bold(title), ...pairs(rows, page)];
}

function pairs(rows: readonly Pair[], { style, columns }: Page): readonly string[] {
  const left = Math.min(HEAD_WIDTH_MAX, Math.max(...rows.map(([head]) => head.length)));
  const indent = " ".repeat(left + 4);
  return rows.flatMap(([head, text]) => {
    const [first = "", ...rest] = wrap(text, Math.min(columns, WIDTH_MAX) - indent.length);
    const begin = `  ${style.cyan(head)}`;
    const more = rest.map((line) => indent + line);
    if (head.length > left) return [begin, indent + first, ...more];
    return [`${begin}${" ".repeat(left - head.length + 2)}${first}`, ...more];
  });
}

function wrap(text: string, columns: number): readonly string[] {
  const width = Math.max(20, Math.min(columns, WIDTH_MAX));
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (widthOf(longer) > width && line !== "") {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

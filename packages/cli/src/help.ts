/** Help, read off the table of commands. */
import { ERROR_CODES, exitCodeOf } from "@skerry/base";
import { GLOBAL_FLAGS, usageOf, type Command, type Flag } from "./command.ts";
import type { Style } from "./style.ts";
import { widthOf } from "./text.ts";

export interface Page {
  readonly style: Style;
  readonly columns: number;
}

const WIDTH_MAX = 100;

export function overview(commands: readonly Command[], page: Page): readonly string[] {
  const { style } = page;
  return [
    `${style.bold("skerry")}: deploy, call and watch functions.`,
    "",
    style.bold("Commands"),
    ...pairs(
      commands.map((command) => [nameAndArgs(command), command.summary]),
      page,
    ),
    "",
    style.bold("Flags of every command"),
    ...pairs(GLOBAL_FLAGS.map(flagPair), page),
    "",
    ...wrap(
      "`skerry help COMMAND` tells more; `skerry help exit-codes` lists the exit codes.",
      page,
    ),
  ];
}

export function commandHelp(command: Command, page: Page): readonly string[] {
  const { style } = page;
  const section = (title: string, rows: readonly (readonly [string, string])[]): string[] =>
    rows.length === 0 ? [] : ["", style.bold(title), ...pairs(rows, page)];
  return [
    ...wrap(command.summary + ".", page),
    "",
    `  ${usageOf(command)}`,
    ...(command.about ?? []).flatMap((paragraph) => ["", ...wrap(paragraph, page)]),
    ...section(
      "Arguments",
      command.args.map(({ name, description }) => [name, description]),
    ),
    ...section("Flags", command.flags.map(flagPair)),
    ...section("Flags of every command", GLOBAL_FLAGS.map(flagPair)),
    ...section(
      "Examples",
      command.examples.map(({ line, says }) => [`skerry ${line}`, says]),
    ),
  ];
}

/** Every exit code and what it means; a test holds it to the table of codes. */
export function exitCodeHelp(page: Page): readonly string[] {
  const rows: (readonly [string, string])[] = [
    ["0", "Done."],
    ...ERROR_CODES.map((code): readonly [string, string] => [
      String(exitCodeOf(code)),
      code,
    ]).toSorted(([a], [b]) => Number(a) - Number(b)),
    ["130", "Interrupted by Ctrl-C."],
  ];
  return [
    page.style.bold("Exit codes"),
    ...pairs(rows, page),
    "",
    ...wrap(
      "The names are those of errors on the wire. An error is written to the standard error, with --json as JSON, " +
        "and the standard output then stays empty, or ends where the error came.",
      page,
    ),
  ];
}

function nameAndArgs({ name, args }: Command): string {
  const shown = args.filter(({ isOptional }) => isOptional !== true).map((arg) => arg.name);
  return [name, ...shown].join(" ");
}

function flagPair({ name, short, value, description }: Flag): readonly [string, string] {
  const long = value === undefined ? `--${name}` : `--${name} ${value}`;
  return [short === undefined ? long : `-${short}, ${long}`, description];
}

function pairs(rows: readonly (readonly [string, string])[], page: Page): readonly string[] {
  const left = Math.min(34, Math.max(...rows.map(([head]) => head.length)));
  const indent = " ".repeat(left + 4);
  return rows.flatMap(([head, text]) => {
    const lines = wrap(text, { ...page, columns: lineWidth(page) - indent.length });
    const [first = "", ...rest] = lines;
    const begin = `  ${page.style.cyan(head)}`;
    const more = rest.map((line) => indent + line);
    if (head.length > left) return [begin, indent + first, ...more];
    return [`${begin}${" ".repeat(left - head.length + 2)}${first}`, ...more];
  });
}

function lineWidth({ columns }: Page): number {
  return Math.max(60, Math.min(columns, WIDTH_MAX));
}

function wrap(text: string, page: Page): readonly string[] {
  const width = Math.max(20, Math.min(page.columns, WIDTH_MAX));
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

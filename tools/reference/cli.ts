/** The reference page of the command line, rendered from what its own help says as JSON. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../packages/cli/bin/skerry.mjs", import.meta.url));
export const CLI_REFERENCE = new URL("../../docs/reference/cli.md", import.meta.url);

interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly value?: string;
  readonly description: string;
}

export interface CommandFacts {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly about: readonly string[];
  readonly args: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly Flag[];
  readonly examples: readonly { readonly line: string; readonly says: string }[];
}

export interface CliHelp {
  readonly commands: readonly CommandFacts[];
  readonly flags: readonly Flag[];
  readonly exitCodes: readonly { readonly exitCode: number; readonly meaning: string }[];
}

/** What `skerry help` says. */
export function askHelp(): CliHelp {
  const { items: commands, flags } = ask<{
    readonly items: readonly CommandFacts[];
    readonly flags: readonly Flag[];
  }>("help");
  const { items: exitCodes } = ask<{ readonly items: CliHelp["exitCodes"] }>("help", "exit-codes");
  return { commands, flags, exitCodes };
}

function ask<T>(...words: readonly string[]): T {
  const args = [CLI, ...words, "--json"];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as T;
}

export function readCliReference(): string {
  return readFileSync(CLI_REFERENCE, "utf8");
}

export function renderCliReference({ commands, flags, exitCodes }: CliHelp): string {
  return `# Command line

Generated from the commands' own help by \`npm run docs\`; \`npm run verify\` fails when they differ.
How to begin is in [cli.md](../cli.md).

${tableOf(
  ["command", "what it does"],
  commands.map(({ name, summary }) => [`[\`${name}\`](#${anchorOf(name)})`, summary]),
)}

## Flags of every command

${flagTable(flags)}

## Exit codes

${tableOf(
  ["code", "meaning"],
  exitCodes.map(({ exitCode, meaning }) => [String(exitCode), meaning]),
)}

${commands.map(sectionOf).join("\n")}`;
}

function sectionOf(command: CommandFacts): string {
  const { name, usage, summary, about, args, flags, examples } = command;
  const parts = [
    `## ${name}`,
    `${summary}.`,
    `\`\`\`\n${usage}\n\`\`\``,
    ...about.map(escaped),
    ...(args.length === 0
      ? []
      : [
          tableOf(
            ["argument", ""],
            args.map((one) => [`\`${one.name}\``, one.description]),
          ),
        ]),
    ...(flags.length === 0 ? [] : [flagTable(flags)]),
    tableOf(
      ["for example", ""],
      examples.map(({ line, says }) => [`\`skerry ${line}\``, says]),
    ),
  ];
  return `${parts.join("\n\n")}\n`;
}

function flagTable(flags: readonly Flag[]): string {
  const rows = flags.map(({ name, short, value, description }) => {
    const long = value === undefined ? `--${name}` : `--${name} ${value}`;
    return [short === undefined ? `\`${long}\`` : `\`-${short}\`, \`${long}\``, description];
  });
  return tableOf(["flag", ""], rows);
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
}

function cell(text: string): string {
  return escaped(text).replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** Markup is text, but for what stands between backticks. */
function escaped(text: string): string {
  return text
    .split("`")
    .map((part, at) => (at % 2 === 1 ? part : part.replaceAll("<", "&lt;")))
    .join("`");
}

function anchorOf(name: string): string {
  return name.replaceAll(" ", "-");
}

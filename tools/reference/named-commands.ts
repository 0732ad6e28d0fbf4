/** Looks for commands that a text names as `skerry …` and that are none, or have no such flag. */
import type { CliHelp } from "./cli.ts";

const NAMED = /`(?:npx )?skerry ([^`]+)`/g;
/** Where a table of errors has any command stand. */
const ANY = /^(?:help )?\{\w+\}/;

/** What is wrong of what the text names; empty when all of it can be typed. */
export function findWrongCommands(text: string, { commands, flags }: CliHelp): readonly string[] {
  const byName = new Map(commands.map((command) => [command.name, command]));
  return [...text.matchAll(NAMED)].flatMap(([named, rest = ""]) => {
    if (ANY.test(rest)) return [];
    const words = rest.split(/\s+/);
    const command = byName.get(words.slice(0, 2).join(" ")) ?? byName.get(words[0] ?? "");
    if (command === undefined) return [named];
    const known = new Set([...command.flags, ...flags].map(({ name }) => `--${name}`));
    const unknown = words.filter((word) => word.startsWith("--") && !known.has(word));
    return unknown.length === 0 ? [] : [`${named}: ${unknown.join(" ")}`];
  });
}

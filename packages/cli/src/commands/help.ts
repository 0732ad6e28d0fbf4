import { showHelp } from "@skerry/terminal";
import { tableOf, type Command } from "../command.ts";

/** Help about the other commands; it needs to know them. */
export function createHelp(commands: readonly Command[]): Command {
  const help: Command = {
    name: "help",
    summary: "Show help about a command or the exit codes",
    args: [
      { name: "COMMAND", isOptional: true, description: "A command, or exit-codes." },
      { name: "WORD", isOptional: true, description: "Its second word." },
    ],
    flags: [],
    examples: [
      { line: "help deploy", says: "One command with examples." },
      { line: "help exit-codes", says: "What the exit codes mean." },
    ],
    run({ args, screen }) {
      showHelp(screen, { table: tableOf([...commands, help]), topic: args });
      return Promise.resolve(0);
    },
  };
  return help;
}

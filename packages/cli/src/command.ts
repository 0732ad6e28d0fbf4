/** What commands of Skerry are: those of the platform, and those that reach more of the machine. */
import type { CommandCall as PlatformCall } from "@skerry/commands";
import type { CommandTable, Flag, RunnableCommand } from "@skerry/terminal";
import type { Host } from "./host.ts";

export interface CommandCall extends PlatformCall {
  readonly host: Host;
}

export type Command = RunnableCommand<CommandCall>;

export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "json", description: "Print JSON instead of text." },
  { name: "api", value: "URL", description: "The control API. Env SKERRY_API." },
  { name: "gateway", value: "URL", description: "The gateway. Env SKERRY_GATEWAY." },
  {
    name: "key",
    value: "KEY",
    description: "The key to use. Env SKERRY_KEY, else admin.key in SKERRY_HOME.",
  },
  {
    name: "idempotency-key",
    value: "ID",
    description:
      "Names what this command is to change: run again with the same ID, it changes nothing " +
      "twice. Env SKERRY_IDEMPOTENCY_KEY, else a fresh one, which an error tells when needed.",
  },
  { name: "help", short: "h", description: "Show help for the command." },
  { name: "version", description: "Show the version." },
];

/** The commands as parser and help take them, with the flags of all. */
export function tableOf(commands: readonly Command[]): CommandTable<Command> {
  return { summary: "deploy, call and watch functions", commands, flags: GLOBAL_FLAGS };
}

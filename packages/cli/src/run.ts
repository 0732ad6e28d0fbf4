/** One run of the command line: all commands, on a machine. Never rejects. */
import type { Client } from "@skerry/sdk";
import { runProgram } from "@skerry/terminal";
import { tableOf, type CommandCall } from "./command.ts";
import { COMMANDS } from "./commands/index.ts";
import { connect } from "./connection.ts";
import type { Host } from "./host.ts";

const TABLE = tableOf(COMMANDS);

/** Resolves to the exit code; what went wrong has been told on the standard error. */
export async function runCommandLine(argv: readonly string[], host: Host): Promise<number> {
  return await runProgram<CommandCall>(
    {
      table: TABLE,
      version: host.version,
      callOf: (given, screen) => {
        let made: Client | undefined;
        return { ...given, screen, host, client: () => (made ??= connect(host, given.flag)) };
      },
    },
    argv,
    host,
  );
}

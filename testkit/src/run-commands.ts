/** Runs commands in this process, against a platform at one address for API and gateway. */
import { systemRandom } from "@skerry/base";
import { createClient } from "@skerry/sdk";
import { runProgram, type Flag } from "@skerry/terminal";
import type { Command, CommandCall } from "@skerry/commands";
import { FAKE_KEY } from "./fake-platform.ts";
import { openMemoryTerminal, type MemoryTerminalOptions } from "./memory-terminal.ts";

/** The discard port, where no platform is. */
const NOBODY = "http://127.0.0.1:9";

const FLAGS: readonly Flag[] = [
  { name: "json", description: "JSON." },
  { name: "idempotency-key", value: "ID", description: "Names the run." },
];

export interface RunOptions extends Omit<MemoryTerminalOptions, "isTerminal"> {
  readonly url?: string;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly questions: readonly string[];
}

export type Run = (args: readonly string[], options?: RunOptions) => Promise<RunResult>;

/** Runs one of these with pipes. */
export function withPipes(commands: readonly Command[]): Run {
  return (args, options) => runCommands(commands, args, { ...options, isTerminal: false });
}

/** Runs one of these for someone who sits at a terminal. */
export function onTerminal(commands: readonly Command[]): Run {
  return (args, options) => runCommands(commands, args, { ...options, isTerminal: true });
}

async function runCommands(
  commands: readonly Command[],
  args: readonly string[],
  { url = NOBODY, ...options }: RunOptions & MemoryTerminalOptions,
): Promise<RunResult> {
  const { host, written, questions } = openMemoryTerminal(options);
  const client = createClient({
    ...{ apiUrl: url, gatewayUrl: url, key: FAKE_KEY, idempotencyKey: "run-1" },
    ...{ fetch: globalThis.fetch, clock: host.clock, random: systemRandom() },
  });
  const table = { summary: "commands under test", commands, flags: FLAGS };
  const exitCode = await runProgram<CommandCall>(
    {
      ...{ table, version: "1.2.3" },
      callOf: (given, screen) => ({ ...given, screen, host, client: () => client }),
    },
    args,
    host,
  );
  return { exitCode, ...written, questions };
}

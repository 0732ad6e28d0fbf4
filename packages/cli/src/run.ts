/** One run of the command line, from arguments to exit code. Never rejects. */
import { exitCodeOf, PlatformError, ProgrammerError, unreachable } from "@skerry/base";
import type { Client } from "@skerry/sdk";
import type { CommandCall } from "./command.ts";
import { COMMANDS } from "./commands/index.ts";
import { connect } from "./connection.ts";
import { errorJson, errorText } from "./error-text.ts";
import { fail } from "./errors.ts";
import { showHelp } from "./help.ts";
import type { Host } from "./host.ts";
import { parseCommandLine, type Invocation, type Parsed } from "./parse.ts";
import { createScreen, type Screen } from "./screen.ts";

/** 128 + SIGINT, as shells have it. */
const EXIT_INTERRUPTED = 130;

export async function runCommandLine(argv: readonly string[], host: Host): Promise<number> {
  const screen = createScreen(host, argv.includes("--json"));
  try {
    return await run(parseCommandLine(argv, COMMANDS), { host, screen });
  } catch (error) {
    if (host.signal.aborted) return EXIT_INTERRUPTED;
    return report(error, { host, screen });
  }
}

interface Surroundings {
  readonly host: Host;
  readonly screen: Screen;
}

async function run(parsed: Parsed, { host, screen }: Surroundings): Promise<number> {
  switch (parsed.kind) {
    case "version":
      if (screen.json) screen.printJson({ version: host.version });
      else screen.print(`skerry ${host.version}`);
      return 0;
    case "help":
      showHelp(screen, { commands: COMMANDS, topic: parsed.topic });
      return 0;
    case "run":
      return (await parsed.command.run(callOf(parsed, { host, screen }))) ?? 0;
    default:
      return unreachable(parsed);
  }
}

function callOf(parsed: Invocation, { host, screen }: Surroundings): CommandCall {
  const { command } = parsed;
  const flag = (name: string): string | undefined => parsed.values.get(name);
  let made: Client | undefined;
  return {
    args: parsed.args,
    flag,
    isOn: (name) => parsed.switches.has(name),
    count: (name, { min, max, otherwise }) => {
      const value = flag(name);
      if (value === undefined) return otherwise;
      const count = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
      if (count >= min && count <= max) return count;
      const why = `it must be a whole number from ${min} to ${max}`;
      throw fail("FLAG_VALUE_INVALID", { command: command.name, flag: `--${name}`, value, why });
    },
    screen,
    host,
    client: () => (made ??= connect(host, flag)),
  };
}

/** A bug of the command line itself shows its stack; there is nobody else to look at it. */
function report(thrown: unknown, { host, screen }: Surroundings): number {
  const error = PlatformError.from(thrown);
  const text = screen.json
    ? JSON.stringify(errorJson(error), undefined, 2)
    : errorText(error, screen.errorStyle);
  host.stderr.write(`${text}\n`);
  const isBug = thrown instanceof ProgrammerError || error.reason === "INTERNAL_ERROR";
  if (isBug && thrown instanceof Error && !PlatformError.is(thrown)) {
    host.stderr.write(`${thrown.stack ?? String(thrown)}\n`);
  }
  return exitCodeOf(error.code);
}

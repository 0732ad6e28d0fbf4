/** One run of a program's command line, from arguments to exit code. */
import { exitCodeOf, PlatformError, ProgrammerError, unreachable } from "@skerry/base";
import type { CommandTable, Given, RunnableCommand } from "./command.ts";
import { errorJson, errorText } from "./error-text.ts";
import { givenBy } from "./given.ts";
import { showHelp } from "./help.ts";
import type { TerminalHost } from "./host.ts";
import { parseCommandLine, type Parsed } from "./parse.ts";
import { createScreen, type Screen } from "./screen.ts";

/** 128 + SIGINT, as shells have it. */
const EXIT_INTERRUPTED = 130;

/** What is run. */
export interface Program<Call> {
  readonly table: CommandTable<RunnableCommand<Call>>;
  readonly version: string;
  /** What a command is run with, made of what was given to it. */
  callOf(given: Given, screen: Screen): Call;
}

/**
 * Runs what the arguments ask for and resolves to the exit code: of the command, of its error, or
 * 130 when it was interrupted. Errors are told on the standard error. Never rejects.
 */
export async function runProgram<Call>(
  program: Program<Call>,
  argv: readonly string[],
  host: TerminalHost,
): Promise<number> {
  const screen = createScreen(host, argv.includes("--json"));
  try {
    return await run(program, parseCommandLine(argv, program.table), screen);
  } catch (error) {
    if (host.signal.aborted) return EXIT_INTERRUPTED;
    return report(error, { host, screen });
  }
}

async function run<Call>(
  { table, version, callOf }: Program<Call>,
  parsed: Parsed<RunnableCommand<Call>>,
  screen: Screen,
): Promise<number> {
  switch (parsed.kind) {
    case "version":
      if (screen.json) screen.printJson({ version });
      else screen.print(`skerry ${version}`);
      return 0;
    case "help":
      showHelp(screen, { table, topic: parsed.topic });
      return 0;
    case "run":
      return (await parsed.command.run(callOf(givenBy(parsed), screen))) ?? 0;
    default:
      return unreachable(parsed);
  }
}

interface Surroundings {
  readonly host: TerminalHost;
  readonly screen: Screen;
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

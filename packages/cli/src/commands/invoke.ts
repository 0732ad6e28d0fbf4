import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Invoked } from "@skerry/sdk";
import type { Command, CommandCall } from "../command.ts";
import { fail } from "../errors.ts";
import { FUNCTION_ARGUMENT, readFunctionPath } from "../function-path.ts";
import { timingLines } from "../timing.ts";

export const invoke: Command = {
  name: "invoke",
  summary: "Call a function with an event and print its answer",
  about: [
    "The handler gets the data as its event. A text answer is printed as it is, everything else as JSON.",
  ],
  args: [
    FUNCTION_ARGUMENT,
    { name: "-", isOptional: true, description: "Read the data from the standard input." },
  ],
  flags: [
    {
      name: "data",
      short: "d",
      value: "JSON",
      description: "The event: JSON, @FILE, or - for the standard input. Default {}.",
    },
    { name: "show-timing", description: "Also show where the time went." },
  ],
  examples: [
    { line: `invoke shop/checkout --data '{"id": 7}'`, says: "With an event." },
    { line: "invoke shop/checkout --data @order.json", says: "With an event from a file." },
    { line: "invoke shop/checkout - --show-timing", says: "With the standard input, and timing." },
  ],
  async run(call) {
    const { args, screen, client, host, isOn } = call;
    const target = readFunctionPath(args[0]);
    const payload = await readPayload(call);
    const invoked = await client().invoke(target, payload, { signal: host.signal });
    if (screen.json) screen.printJson(jsonOf(invoked));
    else {
      const { result } = invoked;
      screen.print(typeof result === "string" ? result : JSON.stringify(result, undefined, 2));
    }
    if (isOn("show-timing")) screen.note(...timingLines(invoked, screen.errorStyle));
    return 0;
  },
};

function jsonOf({ result, status, requestId, serverTiming }: Invoked): unknown {
  return { result, status, requestId, serverTiming };
}

/**
 * The event of a call, as `--data` or a dash give it; `{}` when none was given. Throws
 * ARGUMENT_INVALID, INPUT_FILE_UNREADABLE or INPUT_NOT_JSON.
 */
export async function readPayload({ args, flag, host }: CommandCall): Promise<unknown> {
  const dash = args[1];
  if (dash !== undefined && dash !== "-") {
    const hint = "Give data with --data JSON, --data @FILE, or - for the standard input.";
    throw fail("ARGUMENT_INVALID", { value: dash, expected: "-", hint });
  }
  const written = dash ?? flag("data");
  if (written === undefined) return {};
  if (written === "-") return parseJson(await host.readStdin(), "The standard input");
  if (!written.startsWith("@")) return parseJson(written, "--data");
  const path = written.slice(1);
  return parseJson(readText(resolve(host.cwd, path), path), path);
}

function readText(absolute: string, path: string): string {
  try {
    return readFileSync(absolute, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw fail("INPUT_FILE_UNREADABLE", { path, why: code ?? message }, error);
  }
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw fail("INPUT_NOT_JSON", { source, why }, error);
  }
}

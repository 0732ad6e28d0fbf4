import { priceOfAlwaysOnHour, priceOfCalls, type BurstLine, type Prices } from "@skerry/contracts";
import type { Command } from "../command.ts";
import { FUNCTION_ARGUMENT, readFunctionPath } from "../function-path.ts";
import { readPayload } from "./invoke.ts";

const CALLERS = { min: 1, max: 200, otherwise: 200 };
const CALLS_EACH = { min: 1, max: 50, otherwise: 5 };

/** Load from the platform itself, as the start page's button makes it. */
const burst: Command = {
  name: "burst",
  summary: "Call a function by many callers at once and watch its instances rise and rest",
  about: [
    "The calls come from the platform itself, so the machine's power is shared between callers and functions.",
  ],
  args: [FUNCTION_ARGUMENT],
  flags: [
    {
      name: "data",
      short: "d",
      value: "JSON",
      description: "The event: JSON, @FILE, or - for the standard input. Default {}.",
    },
    { name: "callers", value: "N", description: "Callers at once. Default 200, at most 200." },
    {
      name: "calls-each",
      value: "N",
      description: "Calls of each, one after another. Default 5, at most 50.",
    },
  ],
  examples: [{ line: "burst examples/hello", says: "200 callers, 1000 calls." }],
  async run(call) {
    const { args, screen, client, host, count } = call;
    const params = readFunctionPath(args[0]);
    const event = await readPayload(call);
    const callers = count("callers", CALLERS);
    const callsEach = count("calls-each", CALLS_EACH);
    const body = { event, callers, callsEach };
    let last: BurstLine | undefined;
    for await (const line of client().burstFunction({ params, body, signal: host.signal })) {
      last = line;
      if (screen.json) screen.printJson(line);
      else screen.print(lineText(line));
    }
    if (last === undefined || screen.json) return 0;
    const { prices } = await client().getTraffic();
    screen.print("", ...costLines(last, prices));
    return last.errors > 0 ? 1 : 0;
  },
};

function lineText({ phase, atMs, calls, errors, p95Ms, instances }: BurstLine): string {
  const { starting, ready, resting } = instances;
  const p95 = p95Ms === null ? "–" : `${p95Ms.toFixed(1)} ms`;
  return [
    `${(atMs / 1_000).toFixed(1).padStart(5)} s  ${phase.padEnd(8)}`,
    `${String(calls).padStart(5)} calls  ${errors} errors  p95 ${p95}`,
    `instances: ${starting} starting, ${ready} ready, ${resting} resting`,
  ].join("  ");
}

function costLines(line: BurstLine, prices: Prices): readonly string[] {
  const { billedMs, memoryMb } = line;
  const cost = priceOfCalls(prices, line);
  const hour = priceOfAlwaysOnHour(prices, memoryMb);
  return [
    `Billed ${Math.round(billedMs)} ms at ${memoryMb} MiB: ${prices.currency} ${cost.toPrecision(3)}`,
    `One process of that memory that is always on: ${prices.currency} ${hour.toPrecision(3)} an hour`,
  ];
}

/** A link for a browser. */
const signIn: Command = {
  name: "console",
  summary: "Print a link that signs a browser in at the start page",
  about: [
    "The link works once and for a quarter of an hour. Whoever opens it acts as the key that made it.",
    "Without --json the standard output carries the link alone.",
  ],
  args: [],
  flags: [],
  examples: [
    { line: "console", says: "Open what it prints in a browser." },
    { line: "console --key $VIEWER_KEY", says: "For someone who may only look." },
  ],
  async run({ screen, client }) {
    const made = await client().createSignInLink({ body: {} });
    if (screen.json) screen.printJson(made);
    else {
      screen.note(`Works once, until ${made.expiresAt}:`);
      screen.print(made.url);
    }
    return 0;
  },
};

/** What the start page has beside the other commands. */
export const CONSOLE_COMMANDS: readonly Command[] = [burst, signIn];

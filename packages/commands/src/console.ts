import type { BurstLine, ConsoleSessionResource, SavedEventResource } from "@skerry/api-schema";
import { priceOfAlwaysOnHour, priceOfCalls, type Prices } from "@skerry/contracts";
import type { Argument, Column, Flag } from "@skerry/terminal";
import type { Command } from "./command.ts";
import { FUNCTION_ARGUMENT, readFunctionPath } from "./function-path.ts";
import { printList } from "./print-list.ts";
import { readPayload } from "./invoke.ts";

const PAGE = 1_000;

const DATA_FLAG: Flag = {
  name: "data",
  short: "d",
  value: "JSON",
  description: "The event: JSON, @FILE, or - for the standard input. Default {}.",
};
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
    DATA_FLAG,
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
      if (screen.json) screen.printJsonLine(line);
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

const EVENT_ARGUMENT: Argument = {
  name: "NAME",
  description: "Lower-case letters, digits and dashes.",
};

const listEvents: Command = {
  name: "events ls",
  summary: "List the events kept with a function",
  args: [FUNCTION_ARGUMENT],
  flags: [],
  examples: [{ line: "events ls shop/checkout", says: "Each with its name." }],
  async run({ args, screen, client }) {
    const params = readFunctionPath(args[0]);
    return await printList(screen, EVENT_COLUMNS, (cursor) =>
      client().listSavedEvents({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

const EVENT_COLUMNS: readonly Column<SavedEventResource>[] = [
  { title: "NAME", text: ({ name }) => name },
  { title: "EVENT", text: ({ event }) => JSON.stringify(event), flexible: true },
];

const saveEvent: Command = {
  name: "events save",
  summary: "Keep an event with a function under a name",
  args: [FUNCTION_ARGUMENT, EVENT_ARGUMENT],
  flags: [DATA_FLAG],
  examples: [
    { line: `events save shop/checkout large --data '{"id": 7}'`, says: "In place of an earlier." },
  ],
  async run(call) {
    const { args, screen, client } = call;
    const params = { ...readFunctionPath(args[0]), event: args[1] ?? "" };
    const event = await readPayload({ ...call, args: [] });
    const saved = await client().putSavedEvent({ params, body: { event } });
    screen.printDone(saved, `Saved ${saved.name}.`);
    return 0;
  },
};

const removeEvent: Command = {
  name: "events rm",
  summary: "Forget a saved event",
  args: [FUNCTION_ARGUMENT, EVENT_ARGUMENT],
  flags: [],
  examples: [{ line: "events rm shop/checkout large", says: "The function stays as it is." }],
  async run({ args, screen, client }) {
    const event = args[1] ?? "";
    await client().deleteSavedEvent({ params: { ...readFunctionPath(args[0]), event } });
    screen.printDone({ removed: event }, `Forgot ${event}.`);
    return 0;
  },
};

const listSignIns: Command = {
  name: "sign-ins ls",
  summary: "List the browsers that are signed in at the start page with this key",
  about: ["A key that may make keys sees those of every key."],
  args: [],
  flags: [],
  examples: [{ line: "sign-ins ls", says: "Each with its key and when it ends." }],
  async run({ screen, client }) {
    return await printList(screen, SIGN_IN_COLUMNS, (cursor) =>
      client().listConsoleSessions({ query: { limit: PAGE, cursor } }),
    );
  },
};

const SIGN_IN_COLUMNS: readonly Column<ConsoleSessionResource>[] = [
  { title: "ID", text: ({ id }) => id },
  { title: "KEY", text: ({ keyId }) => keyId, flexible: true },
  { title: "UNTIL", text: ({ expiresAt }) => expiresAt },
];

const endSignIn: Command = {
  name: "sign-ins rm",
  summary: "Sign a browser out",
  args: [{ name: "ID", description: "As `skerry sign-ins ls` shows it." }],
  flags: [],
  examples: [{ line: "sign-ins rm ses_01k…", says: "Its page asks for a new link." }],
  async run({ args, screen, client }) {
    const session = args[0] ?? "";
    await client().deleteConsoleSession({ params: { session } });
    screen.printDone({ removed: session }, "Signed out.");
    return 0;
  },
};

/** What the start page has beside the other commands. */
export const CONSOLE_COMMANDS: readonly Command[] = [
  ...[burst, listEvents, saveEvent, removeEvent],
  ...[signIn, listSignIns, endSignIn],
];

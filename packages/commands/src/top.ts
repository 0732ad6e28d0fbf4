import { delay, PlatformError } from "@skerry/base";
import type { TopResource } from "@skerry/api-schema";
import { failCommand } from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import {
  chosenItems,
  choose,
  FIRST_CHOICE,
  keysOf,
  SORTS,
  topLines,
  type TopChoice,
} from "./top-view.ts";

const EVERY_MS = 1_000;
const WINDOW_S = 10;
/** Alternate screen, cursor off; and back. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
/** A terminal that knows synchronised output shows the frame whole. */
const FRAME = ["\u001b[?2026h\u001b[H", "\u001b[J\u001b[?2026l"] as const;

export const top: Command = {
  name: "top",
  summary: "Watch functions live: requests, errors, times, instances, memory and cost",
  about: [
    "On a terminal it is drawn anew every second: s and S choose the order, / filters by name, q " +
      "ends. Calls, errors and times are of the last seconds, cost is since midnight UTC.",
    "With --once, or without a terminal, it prints once; with --json as the API answers, without " +
      "--once a line for each look.",
  ],
  args: [],
  flags: [
    { name: "once", description: "Print once and end." },
    { name: "sort", value: "BY", description: `One of ${SORTS.join(", ")}. Default calls.` },
    { name: "filter", value: "TEXT", description: "Only functions with this in APP/FN." },
    {
      name: "window",
      value: "SECONDS",
      description: `What calls, errors and times are of. Default ${WINDOW_S}.`,
    },
  ],
  examples: [
    { line: "top", says: "All functions, until q." },
    { line: "top --once --json --sort errors", says: "For scripts." },
  ],
  async run(call) {
    const { screen, isOn, count, client } = call;
    const seconds = count("window", { min: 5, max: 3_600, otherwise: WINDOW_S });
    const look = (): Promise<TopResource> =>
      client().getTop({ query: { windowMs: seconds * 1_000 } });
    const choice = readChoice(call);
    if (screen.json && !isOn("once")) return await stream(call, look, choice);
    if (screen.json) screen.printJson(sorted(await look(), choice));
    else if (isOn("once") || !screen.isTerminal) {
      const { style, columns } = screen;
      screen.print(...topLines(await look(), { choice, style, columns }));
    } else await watch(call, look, choice);
    return 0;
  },
};

/** Throws FLAG_VALUE_INVALID. */
function readChoice({ flag }: CommandCall): TopChoice {
  const asked = flag("sort") ?? FIRST_CHOICE.sort;
  const sort = SORTS.find((one) => one === asked);
  if (sort === undefined) {
    const why = `it is one of ${SORTS.join(", ")}`;
    throw failCommand("FLAG_VALUE_INVALID", { command: "top", flag: "--sort", value: asked, why });
  }
  return { ...FIRST_CHOICE, sort, filter: flag("filter") ?? "" };
}

function sorted(found: TopResource, choice: TopChoice): TopResource {
  return { ...found, functions: [...chosenItems(found.functions, choice)] };
}

async function stream(
  { screen, host }: CommandCall,
  look: () => Promise<TopResource>,
  choice: TopChoice,
): Promise<number> {
  for (;;) {
    screen.printJsonLine(sorted(await look(), choice));
    await screen.drained();
    await delay(host.clock, EVERY_MS, host.signal);
  }
}

/** Draws until someone ends it; the terminal is as it was afterwards, whatever happened. */
async function watch(
  { screen, host }: CommandCall,
  look: () => Promise<TopResource>,
  first: TopChoice,
): Promise<void> {
  const { stdout, clock } = host;
  let choice: TopChoice | undefined = first;
  let shown: TopResource = await look();
  let trouble: string | undefined;
  const done = new AbortController();
  const draw = (): void => {
    if (choice === undefined) return;
    const { columns, rows } = stdout;
    const lines = topLines(shown, { choice, style: screen.style, columns, rows, trouble });
    stdout.write(FRAME[0] + lines.map((line) => `${line}\u001b[K`).join("\r\n") + FRAME[1]);
  };
  const release = host.keys((typed) => {
    for (const key of keysOf(typed)) {
      if (choice !== undefined) choice = choose(choice, key);
    }
    if (choice === undefined) done.abort();
    else draw();
  });
  stdout.write(ENTER);
  try {
    while (!done.signal.aborted) {
      draw();
      const signal = AbortSignal.any([host.signal, done.signal]);
      await delay(clock, EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) break;
      try {
        shown = await look();
        trouble = undefined;
      } catch (error) {
        trouble = PlatformError.from(error).message;
      }
    }
  } finally {
    release();
    stdout.write(LEAVE);
  }
}

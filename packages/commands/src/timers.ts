import type { TimerRequest, TimerResource } from "@skerry/api-schema";
import { YES_FLAG, ageText, confirm, type Column, type Screen } from "@skerry/terminal";
import { APP_FLAG, printRemoved } from "./app-scope.ts";
import type { Command, CommandCall } from "./command.ts";
import { printList } from "./print-list.ts";
import { readPayload } from "./invoke.ts";
import { IF_MATCH_FLAG, ifMatchOf } from "./secrets.ts";

const PAGE = 1_000;

const NAME = { name: "NAME", description: "The timer's name within its app." };

const list: Command = {
  name: "timers ls",
  summary: "List the timers of an app",
  args: [],
  flags: [APP_FLAG],
  examples: [{ line: "timers ls --app shop", says: "When each ticks, and when it did." }],
  async run(call) {
    const { screen, client, host } = call;
    const params = { app: call.required("app") };
    return await printList(screen, columns(host.clock.wallMs()), (cursor) =>
      client().listTimers({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

const set: Command = {
  name: "timers set",
  summary: "Set a timer that calls a function",
  about: [
    "Each tick becomes an invocation of the ledger: it is accepted once, and runs by the " +
      "function's `async` policy.",
    "What a timer had is replaced as a whole: flags that are left out fall back.",
  ],
  args: [NAME],
  flags: [
    APP_FLAG,
    { name: "function", value: "FN", description: "Function of the app. Required." },
    {
      name: "cron",
      value: "EXPRESSION",
      description: "When: five fields, six with seconds, or seven with a year. Or --at.",
    },
    { name: "timezone", value: "ZONE", description: "Whose clocks cron goes by. Default UTC." },
    { name: "at", value: "TIME", description: "Once, at a time such as 2027-01-01T08:00:00Z." },
    { name: "data", short: "d", value: "JSON", description: "The payload: JSON, @FILE, or -." },
    {
      name: "missed",
      value: "POLICY",
      description: "Ticks missed while the platform was away: skip, once or all. Default once.",
    },
    {
      name: "event-format",
      value: "FORMAT",
      description: "cloudevents, skerry, scf, fc or lambda. Default cloudevents.",
    },
    {
      name: "ordering-key",
      value: "KEY",
      description: "Invocations of one key run one after another.",
    },
    { name: "paused", description: "It does not tick until it is resumed." },
    IF_MATCH_FLAG,
  ],
  examples: [
    {
      line: `timers set report --app shop --function report --cron '0 8 * * mon-fri'`,
      says: "On workdays at eight; --timezone says whose eight.",
    },
    {
      line: `timers set poll --app shop --function poll --cron '*/10 * * * * *'`,
      says: "Every ten seconds.",
    },
    {
      line: `timers set launch --app shop --function go --at 2027-01-01T08:00:00Z`,
      says: "Once.",
    },
  ],
  async run(call) {
    const { args, screen, client } = call;
    const params = paramsOf(call);
    const body = await requestOf(call);
    const made = await client().putTimer({ params, body, ...ifMatchOf(call) });
    show(screen, made, `Set ${args[0] ?? ""}, version ${made.version}`);
    return 0;
  },
};

const remove: Command = {
  name: "timers rm",
  summary: "Remove a timer",
  args: [NAME],
  flags: [APP_FLAG, IF_MATCH_FLAG, YES_FLAG],
  examples: [{ line: "timers rm report --app shop --yes", says: "Without asking." }],
  async run(call) {
    const { screen, client } = call;
    const params = paramsOf(call);
    const question = `Remove the timer ${params.timer} of ${params.app}? It ticks no more.`;
    await confirm(call, { what: params.timer, question });
    await client().deleteTimer({ params, ...ifMatchOf(call) });
    printRemoved(screen, params.app, params.timer);
    return 0;
  },
};

const run: Command = {
  name: "timers run",
  summary: "Run a timer's function now, out of turn",
  args: [NAME],
  flags: [APP_FLAG],
  examples: [{ line: "timers run report --app shop", says: "Also while it is paused." }],
  async run(call) {
    const { screen, client } = call;
    const made = await client().runTimer({ params: paramsOf(call), body: {} });
    if (screen.json) screen.printJson(made);
    else screen.print(made.invocationId);
    return 0;
  },
};

const pause = switchCommand("pause", {
  enabled: false,
  summary: "Let a timer tick no more until it is resumed",
  says: "It says so in `timers ls`.",
});
const resume = switchCommand("resume", {
  enabled: true,
  summary: "Let a paused timer go on",
  says: "What it would have ticked meanwhile is not made up for.",
});

function switchCommand(
  word: "pause" | "resume",
  how: { readonly enabled: boolean; readonly summary: string; readonly says: string },
): Command {
  const { enabled, summary, says } = how;
  const name = `timers ${word}`;
  return {
    ...{ name, summary, args: [NAME], flags: [APP_FLAG, IF_MATCH_FLAG] },
    examples: [{ line: `${name} report --app shop`, says }],
    async run(call) {
      const params = paramsOf(call);
      const body = { enabled };
      const made = await call.client().setTimerEnabled({ params, body, ...ifMatchOf(call) });
      show(call.screen, made, `${enabled ? "Resumed" : "Paused"} ${made.name}`);
      return 0;
    },
  };
}

const next: Command = {
  name: "timers next",
  summary: "Show the next ticks of a timer",
  args: [NAME],
  flags: [APP_FLAG, { name: "count", value: "N", description: "How many. Default 5." }],
  examples: [{ line: "timers next report --app shop --count 10", says: "In UTC." }],
  async run(call) {
    const { screen, client } = call;
    const count = call.count("count", { min: 1, max: 100, otherwise: 5 });
    const params = paramsOf(call);
    const found = await client().listTimerTicks({ params, query: { count } });
    if (screen.json) screen.printJson(found);
    else if (found.ticks.length === 0) screen.note("It will not tick any more.");
    else screen.print(found.ticks.join("\n"));
    return 0;
  },
};

/** The platform says what of it is not valid. Throws ARGUMENT_MISSING. */
async function requestOf(call: CommandCall): Promise<TimerRequest> {
  const { flag, isOn } = call;
  const told = {
    ...{
      function: call.required("function"),
      cron: flag("cron"),
      timezone: flag("timezone"),
      at: flag("at"),
    },
    ...{ missed: flag("missed"), eventFormat: flag("event-format") },
    orderingKey: flag("ordering-key"),
    payload: flag("data") === undefined ? undefined : await readPayload({ ...call, args: [] }),
    enabled: !isOn("paused"),
  };
  return told as TimerRequest;
}

/** Throws ARGUMENT_MISSING. */
function paramsOf(call: CommandCall) {
  return { app: call.required("app"), timer: call.args[0] ?? "" };
}

function show(screen: Screen, timer: TimerResource, what: string): void {
  const { nextAt } = timer;
  const told = nextAt === null ? "it does not tick" : `next tick ${nextAt}`;
  screen.printDone(timer, `${what}: ${told}.`);
}

function columns(nowMs: number): readonly Column<TimerResource>[] {
  return [
    { title: "TIMER", text: ({ name }) => name },
    { title: "FUNCTION", text: (timer) => timer.function },
    { title: "WHEN", text: whenOf, flexible: true },
    { title: "NEXT", text: nextOf },
    {
      title: "LAST",
      text: (timer) => (timer.lastAt === null ? "-" : ageText(timer.lastAt, nowMs)),
    },
  ];
}

function whenOf({ cron, timezone, at }: TimerResource): string {
  if (cron === null) return at ?? "";
  return timezone === "UTC" ? cron : `${cron} (${timezone})`;
}

function nextOf({ enabled, pausedBecause, nextAt }: TimerResource): string {
  if (pausedBecause === "function_removed") return "paused: no function";
  if (!enabled) return "paused";
  return nextAt ?? "over";
}

export const TIMER_COMMANDS: readonly Command[] = [list, set, remove, run, pause, resume, next];

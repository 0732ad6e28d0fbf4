import type { RedriveRequest, RedriveResource } from "@skerry/api-schema";
import {
  ageText,
  countText,
  fieldLines,
  followReads,
  readRate,
  type Column,
  type Field,
  type Flag,
  type Style,
} from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { printList } from "./print-list.ts";
import { FILTER_FLAGS, filterOf, OF, timesOf } from "./accepted.ts";
import { APP_FLAG } from "./app-scope.ts";
import { readQualifier, TO_FLAG } from "./qualifier.ts";

const PAGE = 1_000;
const LIMIT_MAX = 999_999_999;
const EXIT_NOT_DONE = 1;

const ID = { name: "ID", description: "The redrive, as `skerry redrives ls` shows it." };
/** `--to` is a time where others are listed. */
const QUALIFIER_FLAG: Flag = { ...TO_FLAG, name: "qualifier" };

const HOW_FLAGS: readonly Flag[] = [
  { name: "limit", short: "n", value: "N", description: "At most N, the newest." },
  { name: "rate", value: "N/s", description: "Spread out, N a second; at once without it." },
  QUALIFIER_FLAG,
  { name: "dry-run", description: "Only count." },
  { name: "detach", description: "Print its id, and do not wait." },
];
const GOES_ON =
  "The platform carries it out, and waits where limits of a function or the account leave no " +
  "room. Ctrl-C only ends the looking: `skerry redrives` shows, pauses and cancels it.";

const create: Command = {
  name: "invocations redrive",
  summary: "Accept anew what failed or expired",
  about: [
    "Each becomes an invocation of its own, which names the old one as its source. One that was " +
      "redriven before is left out, so that the command may be repeated.",
    GOES_ON,
  ],
  args: [OF],
  flags: [
    { name: "state", value: "STATE", description: "Only failed, or only expired." },
    ...FILTER_FLAGS.filter(({ name }) => name !== "state"),
    ...HOW_FLAGS,
  ],
  examples: [
    { line: "invocations redrive shop --from 1d --dry-run", says: "How much it would be." },
    { line: "invocations redrive shop/checkout --rate 10/s", says: "Ten a second." },
  ],
  run: (call) => {
    const state = call.oneOf("state", ["failed", "expired"] as const);
    return perform(call, "invocations redrive", { ...filterOf(call), state });
  },
};

const createOfLetters: Command = {
  name: "triggers redrive",
  summary: "Put the dead letters of a topic trigger through again",
  about: [
    "Each goes alone, those of one key one after another. One that fails again stays a dead letter.",
    GOES_ON,
  ],
  args: [{ name: "TRIGGER", description: "A topic trigger of the app." }],
  flags: [
    APP_FLAG,
    { name: "function", value: "FN", description: "To this function of the app instead." },
    {
      name: "from",
      value: "TIME",
      description: "Only what died then or later: ISO, or 2h ago as 2h.",
    },
    { name: "to", value: "TIME", description: "Only what died before then." },
    ...HOW_FLAGS,
  ],
  examples: [
    { line: "triggers redrive store --app shop", says: "After the function was mended." },
    { line: "triggers redrive store --app shop --function store-fixed", says: "To another one." },
    {
      line: "triggers redrive store --app shop --rate 5/s --dry-run",
      says: "How many it would be.",
    },
  ],
  run: (call) => {
    const of = { app: call.required("app"), trigger: call.args[0] ?? "" };
    const target = call.flag("function");
    return perform(call, "triggers redrive", { ...of, target, ...timesOf(call) });
  },
};

/** Has it made as the flags say, and waits for its end unless it is to be left alone. */
async function perform(
  call: CommandCall,
  command: string,
  of: Omit<Partial<RedriveRequest>, "limit" | "ratePerSecond" | "qualifier" | "dryRun">,
): Promise<number> {
  const { screen, client, count, flag, isOn } = call;
  const asked = count("limit", { min: 1, max: LIMIT_MAX, otherwise: 0 });
  const rate = flag("rate");
  const qualifier = readQualifier(call, command, QUALIFIER_FLAG);
  const ratePerSecond =
    rate === undefined ? undefined : readRate(rate, { command, flag: "--rate" });
  const limit = asked === 0 ? undefined : asked;
  const how = { limit, ratePerSecond, qualifier, dryRun: isOn("dry-run") };
  const made = await client().createRedrive({ body: { ...of, ...how } });
  if (isOn("detach")) {
    if (screen.json) screen.printJson(made);
    else screen.print(made.id);
    return 0;
  }
  const ended = await follow(call, made.id);
  if (screen.json) screen.printJson(ended);
  else screen.print(...endLines(ended, screen.style));
  return exitCodeOf(ended);
}

const list: Command = {
  name: "redrives ls",
  summary: "List redrives, newest first",
  args: [],
  flags: [],
  examples: [{ line: "redrives ls", says: "How far each is." }],
  run: ({ screen, client, host }) =>
    printList(screen, columns(host.clock.wallMs()), (cursor) =>
      client().listRedrives({ query: { limit: PAGE, cursor } }),
    ),
};

const show: Command = {
  name: "redrives show",
  summary: "Show how far a redrive is",
  args: [ID],
  flags: [
    {
      name: "follow",
      short: "f",
      description: "Until it has ended; with --json a line for each change.",
    },
  ],
  examples: [{ line: "redrives show ID --follow", says: "To its end." }],
  async run(call) {
    const { args, screen, client, isOn } = call;
    const params = { redrive: args[0] ?? "" };
    const isFollowed = isOn("follow");
    const one = isFollowed
      ? await follow(call, params.redrive, screen.printJsonLine)
      : await client().getRedrive({ params });
    if (!screen.json) screen.print(...lines(one, screen.style));
    else if (!isFollowed) screen.printJson(one);
    return isFollowed ? exitCodeOf(one) : 0;
  },
};

/** `pause`, `resume` and `cancel`. */
function verb(
  word: string,
  how: { readonly summary: string; readonly says: string; readonly done: string },
  change: (call: CommandCall, redrive: string) => Promise<RedriveResource>,
): Command {
  const name = `redrives ${word}`;
  return {
    ...{ name, summary: how.summary, args: [ID], flags: [] },
    examples: [{ line: `${name} ID`, says: how.says }],
    async run(call) {
      const one = await change(call, call.args[0] ?? "");
      call.screen.printDone(one, `${how.done} ${one.id}: ${standOf(one)}.`);
      return 0;
    },
  };
}

const turn = (enabled: boolean) => (call: CommandCall, redrive: string) =>
  call.client().setRedriveEnabled({ params: { redrive }, body: { enabled } });

const pause = verb(
  "pause",
  { summary: "Let a redrive accept nothing more for now", says: "Until resumed.", done: "Paused" },
  turn(false),
);
const resume = verb(
  "resume",
  { summary: "Let a redrive go on", says: "From where it was paused or failed.", done: "Resumed" },
  turn(true),
);
const cancel = verb(
  "cancel",
  { summary: "End a redrive", says: "What it has accepted stays so.", done: "Cancelled" },
  (call, redrive) => call.client().cancelRedrive({ params: { redrive }, body: {} }),
);

/** To its end; `changed` hears of each change. */
async function follow(
  call: CommandCall,
  redrive: string,
  changed: (one: RedriveResource) => void = () => undefined,
): Promise<RedriveResource> {
  const params = { redrive };
  return await followReads(call, {
    ...{ label: "redriving", changed },
    read: () => call.client().getRedrive({ params, signal: call.host.signal }),
    standOf: ({ matched, skipped, left, state, endedAt }) => {
      const total = matched - skipped;
      return { done: total - left, total, remark: state, isLast: endedAt !== null };
    },
    goesOn: `It goes on; end it with \`skerry redrives cancel ${redrive}\`.`,
  });
}

function exitCodeOf({ state }: RedriveResource): number {
  return state === "done" ? 0 : EXIT_NOT_DONE;
}

/** How much of it is done, in a few words. */
function standOf(one: RedriveResource): string {
  const { counting, dryRun, matched, redriven, left, skipped } = one;
  if (counting) return `${matched} counted so far`;
  return dryRun ? `${matched - skipped} counted` : `${redriven} accepted, ${left} left`;
}

/** What became of it. */
function endLines(one: RedriveResource, { green }: Style): readonly string[] {
  const { id, state, filter, dryRun, matched, skipped, redriven, error } = one;
  const thing = filter.trigger === null ? "invocation" : "dead letter";
  const what = countText(dryRun ? matched - skipped : redriven, thing);
  const done = dryRun ? `Would accept ${what} anew.` : `Accepted ${what} anew.`;
  if (state === "done") return [`${dryRun ? "" : `${green("✓")} `}${done}`, ...leftOutLines(one)];
  return [done, ...leftOutLines(one), `${id} is ${state}${error ? `: ${error.message}` : "."}`];
}

function leftOutLines({ skipped, refused, filter }: RedriveResource): readonly string[] {
  const why = filter.trigger === null ? "had been redriven before" : "were not there any more";
  const before = skipped > 0 ? [`${skipped} ${why}.`] : [];
  return [...before, ...refused.map(({ reason, count }) => `${count} were refused: ${reason}.`)];
}

function lines(one: RedriveResource, style: Style): readonly string[] {
  const { id, state, filter, limit, ratePerSecond, nextAt, endedAt, error } = one;
  const facts = {
    ...{ Of: ofText(one), State: filter.state, Source: filter.source },
    ...{ From: filter.from, To: filter.to, Limit: limit, Function: one.target },
    ...{ Rate: ratePerSecond && `${ratePerSecond}/s`, As: one.qualifier, Stands: standOf(one) },
    ...{ Waits: nextAt && `until ${nextAt}`, Ended: endedAt, Error: error?.message },
  };
  const fields = Object.entries(facts).map(([name, value]): Field => [name, `${value ?? ""}`]);
  return [`${style.bold(id)}  ${state}`, ...fieldLines(fields, style), ...leftOutLines(one)];
}

function columns(nowMs: number): readonly Column<RedriveResource>[] {
  return [
    { title: "ID", text: ({ id }) => id },
    { title: "STATE", text: ({ state }) => state },
    { title: "AGE", text: ({ createdAt }) => ageText(createdAt, nowMs), alignRight: true },
    { title: "OF", text: ofText, flexible: true },
    { title: "STANDS", text: standOf },
  ];
}

function ofText({ filter: { app, function: fn, trigger } }: RedriveResource): string {
  if (trigger !== null) return `dead letters of ${app}/${trigger}`;
  return app === null ? "everything" : fn === null ? app : `${app}/${fn}`;
}

export const REDRIVE_COMMANDS: readonly Command[] = [
  ...[create, createOfLetters, list, show, pause, resume, cancel],
];

import { isUtf8 } from "node:buffer";
import { LEDGER_SOURCES, LEDGER_STATES } from "@skerry/contracts";
import { everyItem } from "@skerry/sdk";
import { collect, failCommand, readTime, type Flag } from "@skerry/terminal";
import {
  acceptedColumns,
  acceptedLines,
  base64Of,
  followAccepted,
  progressText,
} from "./accepted-invocation.ts";
import type { Command, CommandCall } from "./command.ts";
import { readAppOrFunction } from "./function-path.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 10_000;
const PAGE_MAX = 1_000;

const ID = {
  name: "ID",
  description:
    "The invocation, as `skerry invocations ls` shows it, or the request id of an attempt.",
};
/** What of the ledger is meant, as an argument. */
export const OF = {
  name: "APP[/FN]",
  isOptional: true,
  description: "Only of this app, or of this function.",
};
/** The same, as flags. */
export const FILTER_FLAGS: readonly Flag[] = [
  { name: "state", value: "STATE", description: `Only these: ${LEDGER_STATES.join(", ")}.` },
  { name: "source", value: "SOURCE", description: `Only from: ${LEDGER_SOURCES.join(", ")}.` },
  { name: "from", value: "TIME", description: "Only from then on: an ISO time, or 2h ago as 2h." },
  { name: "to", value: "TIME", description: "Only before then." },
];

const list: Command = {
  name: "invocations ls",
  summary: "List invocations that were accepted to run later, newest first",
  args: [OF],
  flags: [
    ...FILTER_FLAGS,
    {
      name: "limit",
      short: "n",
      value: "N",
      description: `At most N. Default ${LIMIT_DEFAULT}, at most ${LIMIT_MAX}.`,
    },
    {
      name: "accepted-as",
      value: "KEY",
      description: "Only what has this idempotency key, whoever's.",
    },
    { name: "request-id", value: "ID", description: "Only what has an attempt with this id." },
    {
      name: "source-id",
      value: "ID",
      description:
        "Only of this one: APP/TRIGGER, APP/RULE, APP/ACTION:DRIVE, tmr_… of a timer, an invocation.",
    },
  ],
  examples: [
    { line: "invocations ls shop/checkout", says: "The latest of one function." },
    { line: "invocations ls --state failed --from 1h", says: "What failed in the last hour." },
    {
      line: "invocations ls arena --source-id arena/daily-reset:timer",
      says: "Runs of an action by one of its drives.",
    },
  ],
  async run(call) {
    const { screen, client, count, flag, host } = call;
    const wanted = count("limit", { min: 1, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
    const limit = Math.min(wanted, PAGE_MAX);
    const state = call.oneOf("state", LEDGER_STATES);
    const filter = filterOf(call);
    const [requestId, sourceId] = [flag("request-id"), flag("source-id")];
    const idempotencyKey = flag("accepted-as");
    assertNoRunNamed(call);
    const pages = everyItem((cursor) =>
      client().listAcceptedInvocations({
        query: { ...filter, state, idempotencyKey, requestId, sourceId, limit, cursor },
      }),
    );
    const items = await collect(pages, wanted);
    if (screen.json) screen.printJson({ items });
    else if (items.length === 0) screen.note("Nothing was accepted that fits.");
    else screen.printTable(acceptedColumns(screen.style, host.clock.wallMs()), items);
    return 0;
  },
};

const show: Command = {
  name: "invocations show",
  summary: "Show an accepted invocation with its attempts",
  args: [ID],
  flags: [
    { name: "event", description: "Print its event instead, as it came." },
    { name: "result", description: "Print what it answered instead." },
    {
      name: "follow",
      short: "f",
      description: "Show what changes until it has ended; with --json a line for each change.",
    },
  ],
  examples: [
    { line: "invocations show ID", says: "Where it stands, and why." },
    { line: "invocations show ID --follow", says: "How far it is, to its end." },
    { line: "invocations show ID --event", says: "What it was called with." },
  ],
  async run(call) {
    const { args, screen, client, isOn } = call;
    const params = { request: args[0] ?? "" };
    if (isOn("event")) {
      printBytes(call, await client().getAcceptedPayload({ params }));
      return 0;
    }
    if (isOn("result")) {
      printBytes(call, await client().getAcceptedResult({ params }));
      return 0;
    }
    if (isOn("follow")) return await follow(call, params.request);
    const one = await client().getAcceptedInvocation({ params });
    if (screen.json) screen.printJson(one);
    else screen.print(...acceptedLines(one, screen.style));
    return 0;
  },
};

async function follow(call: CommandCall, id: string): Promise<number> {
  const { screen } = call;
  let said = "";
  const one = await followAccepted(call, id, (moment) => {
    if (screen.json) return screen.printJsonLine(moment);
    const text = `${moment.state} ${progressText(moment)}`.trim();
    // A terminal has a line that is drawn over.
    if (!screen.watched && text !== said) screen.print(text);
    said = text;
  });
  if (!screen.json) screen.print(...acceptedLines(one, screen.style));
  return 0;
}

const cancel: Command = {
  name: "invocations cancel",
  summary: "End an accepted invocation that has not ended",
  about: [
    "What runs is asked to end: its signal aborts, and what it answers is kept. After the " +
      "function's `async.cancelGraceMs` its instance is ended. What it has done stays done.",
  ],
  args: [ID],
  flags: [{ name: "wait", description: "Wait until what runs has ended." }],
  examples: [{ line: "invocations cancel ID", says: "It is not tried again." }],
  async run(call) {
    const { args, screen, client, isOn } = call;
    const request = args[0] ?? "";
    const said = await client().cancelInvocation({ params: { request }, body: {} });
    const isStopping = said.stopping && !isOn("wait");
    if (said.stopping && isOn("wait")) await followAccepted(call, request);
    if (screen.json) screen.printJson({ ...said, stopping: isStopping });
    else if (isStopping) screen.print(`${screen.style.green("✓")} ${request} was asked to end.`);
    else if (said.cancelled) screen.print(`${screen.style.green("✓")} Cancelled ${request}.`);
    else screen.print(`${request} had come to its end.`);
    return 0;
  },
};

/** What was given of both. */
export function filterOf(call: CommandCall) {
  const { args, oneOf } = call;
  const { app, fn } = args[0] === undefined ? {} : readAppOrFunction(args[0]);
  return { app, function: fn, source: oneOf("source", LEDGER_SOURCES), ...timesOf(call) };
}

/**
 * Whoever asks for a key of events by the flag of every command would be shown all. Throws
 * FLAG_VALUE_INVALID.
 */
function assertNoRunNamed({ flag }: CommandCall): void {
  const value = flag("idempotency-key");
  if (value === undefined) return;
  const why = "a list changes nothing; `--accepted-as KEY` lists what was accepted under a key";
  const named = { command: "invocations ls", flag: "--idempotency-key" };
  throw failCommand("FLAG_VALUE_INVALID", { ...named, value, why });
}

/** `--from` and `--to`. */
export function timesOf({ flag, host }: CommandCall) {
  const timeOf = (name: string): string | undefined => {
    const value = flag(name);
    const named = { command: "invocations", flag: `--${name}`, nowMs: host.clock.wallMs() };
    return value === undefined ? undefined : readTime(value, named);
  };
  return { from: timeOf("from"), to: timeOf("to") };
}

function printBytes({ screen }: CommandCall, bytes: Uint8Array): void {
  const text = isUtf8(bytes) ? new TextDecoder().decode(bytes) : undefined;
  const content = text === undefined ? base64Of(bytes) : { text };
  if (screen.json) screen.printJson({ ...content, bytes: bytes.length });
  else if (text === undefined) screen.printBytes(bytes);
  else screen.print(text);
}

export const ACCEPTED_COMMANDS: readonly Command[] = [list, show, cancel];

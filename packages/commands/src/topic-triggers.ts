import type { TopicTriggerRequest, TopicTriggerResource } from "@skerry/api-schema";
import { EVENT_FORMATS } from "@skerry/api-schema/client";
import { everyItem } from "@skerry/sdk";
import {
  YES_FLAG,
  collect,
  confirm,
  readDuration,
  failCommand,
  showable,
  type Column,
  type Screen,
} from "@skerry/terminal";
import { APP_FLAG, printRemoved } from "./app-scope.ts";
import type { Command, CommandCall } from "./command.ts";
import { printList } from "./print-list.ts";

const PAGE = 1_000;
const NAME = { name: "NAME", description: "The trigger's name within its app." };

const list: Command = {
  name: "triggers ls",
  summary: "List the topic triggers of an app",
  args: [],
  flags: [APP_FLAG],
  examples: [
    { line: "triggers ls --app shop", says: "What each reads, and how far behind it is." },
  ],
  async run(call) {
    const { screen, client } = call;
    const params = { app: call.required("app") };
    return await printList(screen, COLUMNS, (cursor) =>
      client().listTopicTriggers({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

const set: Command = {
  name: "triggers set",
  summary: "Let a topic's messages run a function",
  about: [
    "The function gets batches: an array of CloudEvents. What it names in batchItemFailures, or " +
      "all of a batch that fails, is tried again; the rest is settled.",
    "One that is there keeps its place in the topic; flags that are left out fall back.",
  ],
  args: [NAME],
  flags: [
    APP_FLAG,
    { name: "topic", value: "TOPIC", description: "What it reads. Required." },
    { name: "function", value: "FN", description: "Function of the app. Required." },
    {
      name: "from",
      value: "PLACE",
      description: "Where a new one begins: as --to of `triggers seek`. Default latest.",
    },
    { name: "batch", value: "N", description: "Messages of one batch. Default 100." },
    { name: "batch-wait", value: "DURATION", description: "Wait for a full one. Default 0s." },
    { name: "batches-at-once", value: "N", description: "In one partition. Default 8." },
    { name: "attempts", value: "N", description: "Before a message is given up. Default 3." },
    { name: "retry-delay", value: "DURATION", description: "Before a second attempt. Default 1s." },
    {
      name: "event-format",
      value: "FORMAT",
      description: "cloudevents, scf (CKafka), fc (Kafka), lambda (SQS). Default cloudevents.",
    },
    { name: "paused", description: "It runs nothing until it is resumed." },
  ],
  examples: [
    {
      line: "triggers set store --app shop --topic prices --function store",
      says: "From now on; --from earliest takes what the topic keeps too.",
    },
  ],
  async run(call) {
    const { screen, client } = call;
    const params = paramsOf(call);
    const made = await client().putTopicTrigger({ params, body: requestOf(call) });
    show(screen, made, "Set");
    return 0;
  },
};

const remove: Command = {
  name: "triggers rm",
  summary: "Remove a topic trigger with its place and its dead letters",
  args: [NAME],
  flags: [APP_FLAG, YES_FLAG],
  examples: [{ line: "triggers rm store --app shop --yes", says: "Without asking." }],
  async run(call) {
    const { screen, client } = call;
    const params = paramsOf(call);
    const question = `Remove the trigger ${params.trigger} of ${params.app}?`;
    await confirm(call, { what: params.trigger, question });
    await client().deleteTopicTrigger({ params });
    printRemoved(screen, params.app, params.trigger);
    return 0;
  },
};

const pause = switchCommand("pause", "Let a topic trigger run nothing until it is resumed");
const resume = switchCommand("resume", "Let a paused topic trigger go on where it stood");

function switchCommand(word: "pause" | "resume", summary: string): Command {
  const name = `triggers ${word}`;
  return {
    ...{ name, summary, args: [NAME], flags: [APP_FLAG] },
    examples: [{ line: `${name} store --app shop`, says: "It says so in `triggers ls`." }],
    async run(call) {
      const params = paramsOf(call);
      const body = { enabled: word === "resume" };
      const made = await call.client().setTopicTriggerEnabled({ params, body });
      show(call.screen, made, word === "resume" ? "Resumed" : "Paused");
      return 0;
    },
  };
}

const seek: Command = {
  name: "triggers seek",
  summary: "Move a topic trigger to another place in its topic",
  about: [
    "Moved back, everything from there is run again. Partitions that offsets do not name stay " +
      "where they are.",
  ],
  args: [NAME],
  flags: [
    APP_FLAG,
    {
      name: "to",
      value: "PLACE",
      description: "earliest, latest, a time, or PARTITION:OFFSET,…. Required.",
    },
  ],
  examples: [
    { line: "triggers seek store --app shop --to 2027-01-01T08:00:00Z", says: "Replay from then." },
    {
      line: "triggers seek store --app shop --to 0:7,1:12",
      says: "From message 7 of partition 0 and 12 of partition 1.",
    },
  ],
  async run(call) {
    const params = paramsOf(call);
    const body = { to: call.required("to") };
    show(call.screen, await call.client().seekTopicTrigger({ params, body }), "Moved");
    return 0;
  },
};

async function discardDead(call: CommandCall): Promise<number> {
  const { screen, client } = call;
  const params = paramsOf(call);
  const question = `Forget the dead letters of ${params.app}/${params.trigger}?`;
  await confirm(call, { what: params.trigger, question });
  const answer = await client().discardTopicDeadLetters({ params });
  screen.printDone(answer, `Forgot ${answer.discarded} dead letters.`);
  return 0;
}

const dead: Command = {
  name: "triggers dead",
  summary: "Show messages that a topic trigger has given up, or forget them",
  args: [NAME],
  flags: [APP_FLAG, { name: "discard", description: "Forget them." }, YES_FLAG],
  examples: [
    { line: "triggers dead store --app shop", says: "With why each was given up." },
    { line: "triggers dead store --app shop --discard --yes", says: "Forgets all of them." },
  ],
  async run(call) {
    const { screen, client, isOn } = call;
    if (isOn("discard")) return await discardDead(call);
    const params = paramsOf(call);
    const pages = everyItem((cursor) =>
      client().listTopicDeadLetters({ params, query: { limit: PAGE, cursor } }),
    );
    const items = await collect(pages);
    if (screen.json) screen.printJson({ items });
    else {
      for (const { partition, offset, key, attempts, reason } of items) {
        const place = screen.style.dim(`${partition}:${offset}`);
        screen.print(`${place} ${showable(key ?? "-")} ${attempts} attempts: ${showable(reason)}`);
      }
    }
    return 0;
  },
};

/** The platform says what of it is not valid. Throws ARGUMENT_MISSING. */
function requestOf(call: CommandCall): TopicTriggerRequest {
  const { flag, isOn } = call;
  const settings = {
    ...counted(call, "batch", "batchMessages"),
    ...counted(call, "batches-at-once", "batchesAtOnce"),
    ...counted(call, "attempts", "attempts"),
    ...timed(call, "batch-wait", "batchWaitMs"),
    ...timed(call, "retry-delay", "retryDelayMs"),
    ...formatOf(call),
  };
  const told = {
    topic: call.required("topic"),
    function: call.required("function"),
    ...(flag("from") === undefined ? {} : { from: flag("from") }),
    ...{ enabled: !isOn("paused"), settings },
  };
  return told as TopicTriggerRequest;
}

/** Throws ARGUMENT_INVALID. */
function formatOf({ flag }: CommandCall): object {
  const value = flag("event-format");
  if (value === undefined) return {};
  const eventFormat = EVENT_FORMATS.find((format) => format === value);
  if (eventFormat !== undefined) return { eventFormat };
  const expected = EVENT_FORMATS.join(", ");
  const hint = "Leave it out for CloudEvents.";
  throw failCommand("ARGUMENT_INVALID", { value: "--event-format", expected, hint });
}

function counted({ flag, count }: CommandCall, name: string, setting: string): object {
  if (flag(name) === undefined) return {};
  return { [setting]: count(name, { min: 1, max: 1_000, otherwise: 1 }) };
}

function timed({ flag }: CommandCall, name: string, setting: string): object {
  const value = flag(name);
  if (value === undefined) return {};
  return { [setting]: readDuration(value, { command: "triggers set", flag: `--${name}` }) };
}

/** Throws ARGUMENT_MISSING. */
function paramsOf(call: CommandCall) {
  return { app: call.required("app"), trigger: call.args[0] ?? "" };
}

function show(screen: Screen, trigger: TopicTriggerResource, what: string): void {
  const { app, name, topic, lag } = trigger;
  const state = trigger.enabled ? "" : "paused, ";
  screen.printDone(trigger, `${what} ${app}/${name}: ${state}${lag} behind in ${topic}.`);
}

const COLUMNS: readonly Column<TopicTriggerResource>[] = [
  { title: "TRIGGER", text: ({ name }) => name, flexible: true },
  { title: "TOPIC", text: ({ topic }) => topic },
  { title: "FUNCTION", text: (trigger) => trigger.function },
  { title: "STATE", text: ({ enabled }) => (enabled ? "on" : "paused") },
  { title: "BEHIND", text: ({ lag }) => String(lag) },
  { title: "OLDEST", text: ({ oldestAt }) => oldestAt ?? "-" },
  { title: "RUNNING", text: ({ batchesRunning }) => String(batchesRunning) },
  { title: "SETTLED", text: ({ settled }) => String(settled) },
  { title: "DEAD", text: ({ deadLettersKept }) => String(deadLettersKept) },
];

export const TOPIC_TRIGGER_COMMANDS: readonly Command[] = [
  ...[list, set, remove, pause, resume, seek, dead],
];

import type { TopicMessageResource, TopicResource } from "@skerry/api-schema";
import { everyItem, followTopic } from "@skerry/sdk";
import {
  YES_FLAG,
  bytesText,
  collect,
  confirm,
  durationText,
  patiently,
  readDuration,
  failCommand,
  showable,
  type Column,
  type Screen,
} from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { namedRunOf } from "./named-run.ts";
import { printList } from "./print-list.ts";
import { readPayload } from "./invoke.ts";

const PAGE = 1_000;
const DEFAULT_RETENTION = "7d";
const NAME = { name: "TOPIC", description: "The topic's name." };

const list: Command = {
  name: "topics ls",
  summary: "List topics",
  args: [],
  flags: [],
  examples: [{ line: "topics ls", says: "What they keep, and how far behind their triggers are." }],
  async run({ screen, client }) {
    return await printList(screen, COLUMNS, (cursor) =>
      client().listTopics({ query: { limit: PAGE, cursor } }),
    );
  },
};

const create: Command = {
  name: "topics create",
  summary: "Make a topic, or change one",
  about: ["Partitions can only become more; the order of keys holds while they do."],
  args: [NAME],
  flags: [
    { name: "partitions", value: "N", description: "Default 4, or what it has." },
    { name: "retention", value: "DURATION", description: "How long it keeps. Default 7d." },
    { name: "retention-bytes", value: "N", description: "Most that it keeps. Default no bound." },
  ],
  examples: [
    { line: "topics create prices", says: "Four partitions, seven days." },
    { line: "topics create prices --partitions 16 --retention 12h", says: "Wider, and for less." },
  ],
  async run(call) {
    const { args, screen, client, flag, count } = call;
    const params = { topic: args[0] ?? "" };
    const named = { command: "topics create", flag: "--retention" };
    const bytes = { min: 1 << 20, max: Number.MAX_SAFE_INTEGER, otherwise: 0 };
    const retentionBytes = count("retention-bytes", bytes);
    const known = await knownPartitions(call, params.topic);
    const partitions = count("partitions", { min: 1, max: 256, otherwise: known ?? 4 });
    const body = {
      partitions,
      retentionMs: readDuration(flag("retention") ?? DEFAULT_RETENTION, named),
      ...(retentionBytes === 0 ? {} : { retentionBytes }),
    };
    const made = await client().putTopic({ params, body });
    const kept = `keeps ${durationText(made.retentionMs)}`;
    screen.printDone(made, `${made.name}: ${made.partitions} partitions, ${kept}.`);
    return 0;
  },
};

async function knownPartitions({ client }: CommandCall, name: string): Promise<number | undefined> {
  const pages = everyItem((cursor) => client().listTopics({ query: { limit: PAGE, cursor } }));
  return (await collect(pages)).find((topic) => topic.name === name)?.partitions;
}

const remove: Command = {
  name: "topics rm",
  summary: "Remove a topic with its messages and triggers",
  args: [NAME],
  flags: [YES_FLAG],
  examples: [{ line: "topics rm prices --yes", says: "Without asking." }],
  async run(call) {
    const { args, screen, client } = call;
    const topic = args[0] ?? "";
    const question = `Remove the topic ${topic} with all that it keeps?`;
    await confirm(call, { what: topic, question });
    await client().deleteTopic({ params: { topic } });
    screen.printDone({ removed: topic }, `Removed ${topic}.`);
    return 0;
  },
};

const publish: Command = {
  name: "topics publish",
  summary: "Publish a message to a topic, or many",
  about: [
    "What is answered is on disk. An array of --many is published in one commit. With " +
      "--idempotency-key the same messages are published once, however often the command is run.",
  ],
  args: [NAME],
  flags: [
    { name: "data", short: "d", value: "JSON", description: "The message: JSON, @FILE, or -." },
    { name: "partition-key", value: "KEY", description: "Messages of one key keep their order." },
    { name: "type", value: "TYPE", description: "Type of its CloudEvent." },
    { name: "many", description: "--data is an array of messages, as the API takes them." },
  ],
  examples: [
    {
      line: `topics publish prices --partition-key hotel-7 -d '{"cents": 9900}'`,
      says: "One message.",
    },
    { line: "topics publish prices --many -d @messages.json", says: "An array of {key, data}." },
  ],
  async run(call) {
    const { args, screen, client, flag, isOn, host } = call;
    const data = await readPayload({ ...call, args: [] });
    const [key, type] = [flag("partition-key"), flag("type")];
    const one = {
      data,
      ...(key === undefined ? {} : { key }),
      ...(type === undefined ? {} : { headers: { type } }),
    };
    if (isOn("many") && !Array.isArray(data)) {
      const hint = 'Give an array such as [{"key": "a", "data": 1}].';
      throw failCommand("ARGUMENT_INVALID", { value: "--data", expected: "an array", hint });
    }
    const messages = (isOn("many") ? data : [one]) as (typeof one)[];
    const made = await client().publishMessages({
      params: { topic: args[0] ?? "" },
      body: { messages },
      // As it is said: it is the topic's, whoever says it. What nobody has named has none.
      idempotencyKey: namedRunOf(host, flag) ?? null,
    });
    if (screen.json) screen.printJson(made);
    else if (isOn("many")) screen.print(`${made.messages.length} messages published.`);
    else for (const { partition, offset } of made.messages) screen.print(`${partition}:${offset}`);
    return 0;
  },
};

const tail: Command = {
  name: "topics tail",
  summary: "Show messages of a topic",
  about: ["It moves nobody's position. With --json each message is one line of JSON."],
  args: [NAME],
  flags: [
    {
      name: "from",
      value: "PLACE",
      description: "earliest, latest, a time, or PARTITION:OFFSET,…. Default earliest.",
    },
    { name: "follow", short: "f", description: "Go on with new messages until Ctrl-C." },
  ],
  examples: [
    { line: "topics tail prices", says: "Everything that it keeps." },
    { line: "topics tail prices --from latest --follow", says: "What comes from now on." },
  ],
  async run({ args, flag, isOn, screen, client, host }) {
    const params = { topic: args[0] ?? "" };
    const from = flag("from") ?? "earliest";
    let cursor: string | undefined;
    for (;;) {
      const query = { limit: PAGE, from, ...(cursor === undefined ? {} : { cursor }) };
      const page = await patiently(host, () => client().listTopicMessages({ params, query }));
      for (const message of page.items) printMessage(screen, message);
      cursor = page.nextCursor;
      if (page.items.length === 0) break;
    }
    if (!isOn("follow")) return 0;
    const { clock, signal } = host;
    for await (const message of followTopic(client(), { ...params, cursor, clock, signal })) {
      printMessage(screen, message);
      await screen.drained();
    }
    return 0;
  },
};

function printMessage(screen: Screen, message: TopicMessageResource): void {
  if (screen.json) return screen.printJson(message);
  const { partition, offset, key, publishedAt, data, data_base64: bytes } = message;
  const value = bytes === undefined ? JSON.stringify(data) : `base64 ${bytes}`;
  const place = screen.style.dim(`${publishedAt} ${partition}:${offset}`);
  screen.print(`${place} ${showable(key ?? "-")} ${showable(value)}`);
}

const COLUMNS: readonly Column<TopicResource>[] = [
  { title: "TOPIC", text: ({ name }) => name, flexible: true },
  { title: "PARTITIONS", text: ({ partitions }) => String(partitions) },
  { title: "MESSAGES", text: ({ messages }) => String(messages) },
  { title: "SIZE", text: ({ bytes }) => bytesText(bytes) },
  { title: "KEEPS", text: ({ retentionMs }) => durationText(retentionMs) },
  {
    title: "BEHIND",
    text: ({ triggers }) =>
      triggers.map(({ app, name, lag }) => `${app}/${name} ${lag}`).join(", ") || "-",
  },
];

export const TOPIC_COMMANDS: readonly Command[] = [list, create, remove, publish, tail];

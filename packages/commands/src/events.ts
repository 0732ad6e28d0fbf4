import type { KeptEventResource, PutEvent } from "@skerry/api-schema";
import { delay } from "@skerry/base";
import { failCommand, patiently, showable, type Screen } from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { readPayload } from "./invoke.ts";

const PAGE = 100;
const FOLLOW_EVERY_MS = 500;
const SOURCE = "/cli";

const put: Command = {
  name: "events put",
  summary: "Put an event on the bus, or many",
  about: [
    "What is answered is on disk. Without TYPE --data is a whole CloudEvent, or an array of them.",
    "Of one source and id there is one event for as long as the bus keeps it.",
  ],
  args: [{ name: "TYPE", isOptional: true, description: "What happened: order.placed." }],
  flags: [
    { name: "data", short: "d", value: "JSON", description: "Its data: JSON, @FILE, or -." },
    { name: "source", value: "URI", description: `Where it happened. Default ${SOURCE}.` },
    { name: "subject", value: "TEXT", description: "What of the source it is about." },
    { name: "id", value: "ID", description: "Names it among those of its source. Default fresh." },
  ],
  examples: [
    {
      line: `events put order.placed --source /shop -d '{"cents": 9900}'`,
      says: "Its rules run, or publish, by themselves.",
    },
    { line: "events put -d @events.json", says: "CloudEvents as they are, in one commit." },
  ],
  async run(call) {
    const { screen, client } = call;
    const made = await client().putEvents({ body: await eventsOf(call) });
    if (screen.json) screen.printJson(made);
    else for (const { id, repeated } of made.events) screen.print(repeated ? `${id} again` : id);
    return 0;
  },
};

/** The platform says what of it is not valid. Throws ARGUMENT_MISSING. */
async function eventsOf(call: CommandCall): Promise<PutEvent | PutEvent[]> {
  const { args, flag } = call;
  const [type] = args;
  const data = flag("data") === undefined ? undefined : await readPayload({ ...call, args: [] });
  if (type === undefined) {
    if (data !== undefined) return data as PutEvent | PutEvent[];
    const usage = "skerry events put TYPE";
    throw failCommand("ARGUMENT_MISSING", { command: "events put", argument: "TYPE", usage });
  }
  return {
    ...{ specversion: "1.0", type, source: flag("source") ?? SOURCE },
    ...{ id: flag("id"), subject: flag("subject"), data },
  };
}

const tail: Command = {
  name: "events tail",
  summary: "Show events of the bus",
  about: ["With --json each is one line of JSON."],
  args: [],
  flags: [
    { name: "from", value: "PLACE", description: "earliest, latest, or a time. Default earliest." },
    { name: "follow", short: "f", description: "Go on with new events until Ctrl-C." },
  ],
  examples: [
    { line: "events tail", says: "Everything that it keeps." },
    { line: "events tail --from latest --follow", says: "What comes from now on." },
  ],
  async run({ flag, isOn, screen, client, host }) {
    const from = flag("from") ?? "earliest";
    let cursor: string | undefined;
    while (!host.signal.aborted) {
      const query = { limit: PAGE, from, ...(cursor === undefined ? {} : { cursor }) };
      const page = await patiently(host, () => client().listEvents({ query }));
      for (const kept of page.items) printEvent(screen, kept);
      cursor = page.nextCursor;
      if (page.items.length > 0) continue;
      if (!isOn("follow")) break;
      await delay(host.clock, FOLLOW_EVERY_MS, host.signal).catch(() => undefined);
    }
    return 0;
  },
};

function printEvent(screen: Screen, kept: KeptEventResource): void {
  if (screen.json) return screen.printJson(kept);
  const { type, source, id, data, data_base64: bytes } = kept.event;
  const value =
    bytes === undefined ? JSON.stringify(data ?? null) : `base64 ${JSON.stringify(bytes)}`;
  const place = screen.style.dim(`${kept.putAt} ${showable(String(id))}`);
  screen.print(`${place} ${showable(String(type))} ${showable(String(source))} ${showable(value)}`);
}

export const EVENT_COMMANDS: readonly Command[] = [put, tail];

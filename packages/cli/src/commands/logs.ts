import type { LogLineResource } from "@skerry/contracts";
import { followLogs, type Client } from "@skerry/sdk";
import type { Command, CommandCall } from "../command.ts";
import { collect } from "../collect.ts";
import { FUNCTION_ARGUMENT, readFunctionPath } from "../function-path.ts";
import { logLineText } from "../log-line.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 10_000;
const PAGE = 1_000;

export const logs: Command = {
  name: "logs",
  summary: "Show what a function wrote, with START, END and REPORT of each invocation",
  args: [FUNCTION_ARGUMENT],
  flags: [
    { name: "follow", short: "f", description: "Go on with new lines until Ctrl-C." },
    { name: "request", value: "ID", description: "Only lines of this invocation." },
    {
      name: "limit",
      short: "n",
      value: "N",
      description: `The last N lines. Default ${LIMIT_DEFAULT}, at most ${LIMIT_MAX}.`,
    },
  ],
  about: ["With --json it is { items }; with --follow too, one JSON object a line, as it comes."],
  examples: [
    { line: "logs shop/checkout", says: "The last lines." },
    { line: "logs shop/checkout --follow", says: "The last lines, then new ones." },
    { line: "logs shop/checkout --request ID", says: "One invocation, whole." },
  ],
  async run(call) {
    const { args, flag, isOn, count, host } = call;
    const path = readFunctionPath(args[0]);
    const request = flag("request");
    const limit = count("limit", { min: 0, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
    const selection = { ...path, request };
    const { lines, cursor } = await lastLines(call.client(), { ...selection, limit });
    if (call.screen.json && !isOn("follow")) call.screen.printJson({ items: lines });
    else for (const line of lines) show(call, line);
    if (!isOn("follow")) return 0;
    const follow = { ...selection, cursor, signal: host.signal };
    for await (const line of followLogs(call.client(), { ...follow, clock: host.clock })) {
      show(call, line);
      await call.screen.drained();
    }
    return 0;
  },
};

function show({ screen }: CommandCall, line: LogLineResource): void {
  if (screen.json) screen.printJsonLine(line);
  else screen.print(...logLineText(line, screen));
}

interface Wanted {
  readonly app: string;
  readonly fn: string;
  readonly request: string | undefined;
  readonly limit: number;
}

/** The API gives the oldest first, so the last lines are found by walking to the end. */
async function lastLines(
  client: Client,
  { app, fn, request, limit }: Wanted,
): Promise<{ readonly lines: readonly LogLineResource[]; readonly cursor: string | undefined }> {
  let lines: LogLineResource[] = [];
  let cursor: string | undefined;
  for (;;) {
    const query = { limit: PAGE, request, cursor };
    const page = await collect(client.listLogs({ params: { app, fn }, query }));
    lines = limit === 0 ? [] : [...lines, ...page].slice(-limit);
    cursor = page.at(-1)?.cursor ?? cursor;
    if (page.length < PAGE) return { lines, cursor };
  }
}

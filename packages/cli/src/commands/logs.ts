import type { LogLineResource } from "@skerry/contracts";
import { followLogs, type Client } from "@skerry/sdk";
import type { Command, CommandCall } from "../command.ts";
import { collect } from "../collect.ts";
import { FUNCTION_ARGUMENT, readFunctionPath, type FunctionPath } from "../function-path.ts";
import { logLineText } from "../log-line.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;

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
      description: `The last N lines, at most ${LIMIT_MAX}. Default ${LIMIT_DEFAULT}, with --request all.`,
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
    const whole = request !== undefined && flag("limit") === undefined;
    const limit = count("limit", { min: 0, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
    const selection = { ...path, request };
    const wanted = { ...selection, limit: whole ? undefined : limit };
    const { lines, cursor } = await readLog(call.client(), wanted);
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
  /** Undefined for everything. */
  readonly limit: number | undefined;
}

interface Found {
  readonly lines: readonly LogLineResource[];
  /** Where a follow goes on. */
  readonly cursor: string | undefined;
}

async function readLog(client: Client, { app, fn, request, limit }: Wanted): Promise<Found> {
  const params = { app, fn };
  if (limit === undefined) return await readWhole(client, { params, request });
  const query = { request, tail: "true", limit: Math.max(1, limit) };
  const last = await collect(client.listLogs({ params, query }));
  return { lines: limit === 0 ? [] : last, cursor: last.at(-1)?.cursor };
}

async function readWhole(
  client: Client,
  { params, request }: { readonly params: FunctionPath; readonly request: string | undefined },
): Promise<Found> {
  const lines: LogLineResource[] = [];
  for (;;) {
    const query = { limit: LIMIT_MAX, request, cursor: lines.at(-1)?.cursor };
    const page = await collect(client.listLogs({ params, query }));
    lines.push(...page);
    if (page.length < LIMIT_MAX) return { lines, cursor: lines.at(-1)?.cursor };
  }
}

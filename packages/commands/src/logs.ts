import type { LogFilterQuery, LogLineResource } from "@skerry/api-schema";
import { LOG_LEVELS } from "@skerry/api-schema/log-filter";
import { followLogs, type Client } from "@skerry/sdk";
import { collect, failCommand, type Flag } from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { readQualifiedPath, type FunctionPath } from "./function-path.ts";
import { logLineText } from "./log-line.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;

/** What chooses among the lines of any log. */
export const LOG_FILTER_FLAGS: readonly Flag[] = [
  { name: "request", value: "ID", description: "Only lines of this invocation." },
  { name: "grep", value: "TEXT", description: "Only lines with this text, in any case." },
  {
    name: "level",
    value: "LEVEL",
    description: "Only lines of this level or a more severe one: debug, info, warn, error.",
  },
  {
    name: "since",
    value: "WHEN",
    description: "Only lines from then on: a time, or how long ago, such as 90s, 15m, 2h, 3d.",
  },
  { name: "until", value: "WHEN", description: "Only lines up to then." },
  {
    name: "field",
    value: "NAME=VALUE",
    description: "Only lines with this field: instance, revision, stream, or one of a JSON line.",
  },
];

export const logs: Command = {
  name: "logs",
  summary: "Show what a function wrote, with START, END and REPORT of each invocation",
  args: [
    {
      name: "APP/FN[:QUALIFIER]",
      description:
        "The function; with $LATEST, a number or an alias (its main version) only of that.",
    },
  ],
  flags: [
    { name: "follow", short: "f", description: "Go on with new lines until Ctrl-C." },
    ...LOG_FILTER_FLAGS,
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
    { line: "logs shop/checkout:3 --follow", says: "New lines of version 3." },
    { line: "logs shop/checkout --request ID", says: "One invocation, whole." },
    {
      line: "logs shop/checkout --grep declined --level warn --since 2h",
      says: "The last warnings and errors with that word.",
    },
  ],
  async run(call) {
    const { args, flag, isOn, count, host } = call;
    const { qualifier: version, ...path } = readQualifiedPath(args[0]);
    const request = flag("request");
    const whole = request !== undefined && flag("limit") === undefined;
    const limit = count("limit", { min: 0, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
    const filter = { ...readLogFilter(call, "logs"), version };
    const selection = { ...path, request, filter };
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

/** What `LOG_FILTER_FLAGS` of `command` choose, but the request. Throws FLAG_VALUE_INVALID. */
export function readLogFilter({ flag, host }: CommandCall, command: string): LogFilterQuery {
  const level = flag("level");
  const known = LOG_LEVELS.find((one) => one === level);
  if (level !== undefined && known === undefined) {
    throw failCommand("FLAG_VALUE_INVALID", {
      ...{ command, flag: "--level", value: level },
      why: `it is one of ${LOG_LEVELS.join(", ")}`,
    });
  }
  const time = (name: string): string | undefined =>
    readTime(flag(name), { command, flag: `--${name}`, nowMs: host.clock.wallMs() });
  const texts = { grep: flag("grep"), field: flag("field") };
  return { ...texts, level: known, since: time("since"), until: time("until") };
}

const AGO = /^(\d{1,9})(s|m|h|d)$/;
const UNIT_MS = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** ISO 8601 text of a time, or of so long ago. */
function readTime(
  text: string | undefined,
  { nowMs, ...named }: { readonly command: string; readonly flag: string; readonly nowMs: number },
): string | undefined {
  if (text === undefined) return undefined;
  const [, count, unit = ""] = AGO.exec(text) ?? [];
  const agoMs = Number(count) * (UNIT_MS.get(unit) ?? Number.NaN);
  const date = new Date(Number.isNaN(agoMs) ? text : nowMs - agoMs);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  const why = "it is a time such as 2026-01-31T09:00:00Z, or how long ago, such as 15m";
  throw failCommand("FLAG_VALUE_INVALID", { ...named, value: text, why });
}

interface Wanted {
  readonly app: string;
  readonly fn: string;
  readonly request: string | undefined;
  readonly filter: LogFilterQuery;
  /** Undefined for everything. */
  readonly limit: number | undefined;
}

interface Found {
  readonly lines: readonly LogLineResource[];
  /** Where a follow goes on. */
  readonly cursor: string | undefined;
}

async function readLog(
  client: Client,
  { app, fn, request, filter, limit }: Wanted,
): Promise<Found> {
  const params = { app, fn };
  if (limit === undefined) return await readWhole(client, { params, request, filter });
  const query = { ...filter, request, tail: "true", limit: Math.max(1, limit) };
  const last = await collect(client.listLogs({ params, query }));
  return { lines: limit === 0 ? [] : last, cursor: last.at(-1)?.cursor };
}

async function readWhole(
  client: Client,
  {
    params,
    request,
    filter,
  }: Pick<Wanted, "request" | "filter"> & { readonly params: FunctionPath },
): Promise<Found> {
  const lines: LogLineResource[] = [];
  for (;;) {
    const query = { ...filter, limit: LIMIT_MAX, request, cursor: lines.at(-1)?.cursor };
    const page = await collect(client.listLogs({ params, query }));
    lines.push(...page);
    if (page.length < LIMIT_MAX) return { lines, cursor: lines.at(-1)?.cursor };
  }
}

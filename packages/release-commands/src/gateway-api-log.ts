/** The access log of a gateway API, as people read it. */
import type { LogLineResource } from "@skerry/api-schema";
import {
  LOG_FILTER_FLAGS,
  logLineText,
  readLogFilter,
  type Command,
  type CommandCall,
} from "@skerry/commands";
import type { AccessFacts } from "@skerry/contracts";
import { collect } from "@skerry/terminal";
import { API_ARGUMENT, readApiPath } from "./gateway-api-path.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;

export const logs: Command = {
  name: "apis logs",
  summary: "Show the requests of a gateway API, with what became of each",
  about: ["With --request the lines that the function wrote for it are among them."],
  args: [API_ARGUMENT],
  flags: [
    ...LOG_FILTER_FLAGS,
    {
      name: "limit",
      short: "n",
      value: "N",
      description: `The last N lines, at most ${LIMIT_MAX}. Default ${LIMIT_DEFAULT}.`,
    },
  ],
  examples: [
    { line: "apis logs shop/web", says: "The last requests." },
    { line: "apis logs shop/web --field status=404 --since 1h", says: "What was not found." },
    { line: "apis logs shop/web --request ID", says: "One request, with its function's lines." },
  ],
  async run(call) {
    const { args, flag, count, screen, client } = call;
    const params = readApiPath(args[0]);
    const limit = count("limit", { min: 1, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
    const query = {
      ...readLogFilter(call, "apis logs"),
      request: flag("request"),
      tail: "true",
      limit,
    };
    const lines = await collect(client().listGatewayApiLogs({ params, query }));
    if (screen.json) screen.printJson({ items: lines });
    else for (const line of lines) screen.print(...shownText(line, call));
    return 0;
  },
};

function shownText(line: LogLineResource, { screen }: CommandCall): readonly string[] {
  const facts = factsOf(line);
  return logLineText(facts === undefined ? line : { ...line, text: factsText(facts) }, screen);
}

/** Undefined of a line that a function wrote. */
function factsOf({ text, stream }: LogLineResource): AccessFacts | undefined {
  if (stream !== "platform" || !text.startsWith("{")) return undefined;
  return JSON.parse(text) as AccessFacts;
}

function factsText(facts: AccessFacts): string {
  const { method, path, status, durationMs, stage, publication, route, cache } = facts;
  const { function: fn, version, downgrade, reason, principal, clientIp } = facts;
  return [
    `${method} ${path} ${status} ${durationMs} ms ${stage}#${publication}`,
    ...(route === undefined ? [] : [`route ${route}`]),
    ...(fn === undefined ? [] : [version === undefined ? fn : `${fn}:${version}`]),
    ...(cache === undefined ? [] : [`cache ${cache}`]),
    ...(downgrade === undefined ? [] : [`in its place for ${downgrade}`]),
    ...(reason === undefined ? [] : [reason]),
    principal === undefined ? clientIp : `${clientIp} as ${principal}`,
  ].join(", ");
}

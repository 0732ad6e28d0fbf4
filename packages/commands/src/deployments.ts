import type { DeploymentLogLine, DeploymentResource } from "@skerry/api-schema";
import { followDeploymentLog } from "@skerry/sdk";
import { ageText, collect, durationText, type Column, type Argument } from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { buildLineText } from "./log-line.ts";
import { fail } from "./errors.ts";

const PAGE = 1_000;
const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 1_000;

const APP: Argument = { name: "APP", description: "The app." };

const list: Command = {
  name: "deployments ls",
  summary: "List the deployments of an app that are kept, newest first",
  args: [APP],
  flags: [
    {
      name: "limit",
      short: "n",
      value: "N",
      description: `At most N. Default ${LIMIT_DEFAULT}, at most ${LIMIT_MAX}.`,
    },
  ],
  examples: [{ line: "deployments ls shop", says: "The latest." }],
  async run({ args, count, client, screen, host }) {
    const limit = count("limit", { min: 1, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
    const params = { app: args[0] ?? "" };
    const { items } = await client().listDeployments({ params, query: { limit } });
    if (screen.json) screen.printJson({ items });
    else if (items.length === 0) screen.note("Nothing was deployed to it, or not for a while.");
    else screen.printTable(columns(host.clock.wallMs()), items);
    return 0;
  },
};

const logs: Command = {
  name: "deployments logs",
  summary: "Show what the builds of a deployment printed",
  args: [
    APP,
    { name: "ID", isOptional: true, description: "The deployment; the newest when absent." },
  ],
  flags: [{ name: "follow", short: "f", description: "Go on with new lines until it has ended." }],
  about: [
    "Of a long log the oldest lines go. With --json it is { items }; with --follow too, one JSON " +
      "object a line, as it comes.",
  ],
  examples: [
    { line: "deployments logs shop", says: "Of the newest deployment." },
    { line: "deployments logs shop ID --follow", says: "One that is under way." },
  ],
  async run(call) {
    const { args, isOn, client, host, screen } = call;
    const [app = ""] = args;
    const params = { app, deployment: args[1] ?? (await newest(call, app)) };
    if (isOn("follow")) {
      const { clock, signal } = host;
      for await (const line of followDeploymentLog(client(), { ...params, clock, signal })) {
        show(call, line);
        await screen.drained();
      }
      return 0;
    }
    const items = await collect(wholeLog(call, params));
    if (screen.json) screen.printJson({ items });
    else if (items.length === 0) screen.note("Its builds printed nothing.");
    else for (const line of items) show(call, line);
    return 0;
  },
};

/** Throws DEPLOYMENT_MISSING. */
async function newest({ client }: CommandCall, app: string): Promise<string> {
  const { items } = await client().listDeployments({ params: { app }, query: { limit: 1 } });
  const [deployment] = items;
  if (deployment === undefined) throw fail("DEPLOYMENT_MISSING", { app });
  return deployment.id;
}

async function* wholeLog(
  { client }: CommandCall,
  params: { readonly app: string; readonly deployment: string },
): AsyncGenerator<DeploymentLogLine> {
  let cursor: string | undefined;
  for (;;) {
    const query = { limit: PAGE, cursor };
    const lines = await collect(client().listDeploymentLog({ params, query }));
    yield* lines;
    if (lines.length < PAGE) return;
    cursor = lines.at(-1)?.cursor;
  }
}

function show({ screen }: CommandCall, line: DeploymentLogLine): void {
  if (screen.json) screen.printJsonLine(line);
  else screen.print(buildLineText(line, screen));
}

function columns(nowMs: number): readonly Column<DeploymentResource>[] {
  return [
    { title: "ID", text: ({ id }) => id },
    { title: "STATE", text: ({ state }) => state },
    {
      title: "FUNCTIONS",
      text: ({ functions }) => functions.map(({ name }) => name).join(", "),
      flexible: true,
    },
    { title: "AGE", text: ({ createdAt }) => ageText(createdAt, nowMs), alignRight: true },
    {
      title: "TOOK",
      alignRight: true,
      text: ({ createdAt, endedAt }) =>
        endedAt === null ? "" : durationText(Date.parse(endedAt) - Date.parse(createdAt)),
    },
  ];
}

export const DEPLOYMENT_COMMANDS: readonly Command[] = [list, logs];

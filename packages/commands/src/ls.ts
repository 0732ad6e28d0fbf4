import { everyItem, type Client } from "@skerry/sdk";
import type { FunctionResource } from "@skerry/api-schema";
import { ageText, collect, type Column } from "@skerry/terminal";
import type { Command } from "./command.ts";
import { readAppOrFunction } from "./function-path.ts";

const PAGE = 1_000;

export const ls: Command = {
  name: "ls",
  summary: "List functions with their URLs",
  args: [{ name: "APP", isOptional: true, description: "Only functions of this app." }],
  flags: [],
  examples: [
    { line: "ls", says: "All functions of all apps." },
    { line: "ls shop --json", says: "The functions of one app as { items }." },
  ],
  async run({ args, screen, client, host }) {
    const app = args[0] === undefined ? undefined : readAppOrFunction(args[0]).app;
    const items = await collect(functionsOf(client(), app));
    if (screen.json) screen.printJson({ items });
    else if (items.length === 0) {
      const where = app === undefined ? "" : ` in ${app}`;
      screen.note(`Nothing is deployed${where}. \`skerry deploy DIR\` deploys a folder.`);
    } else screen.printTable(columns(host.clock.wallMs()), items);
    return 0;
  },
};

async function* functionsOf(
  client: Client,
  app: string | undefined,
): AsyncGenerator<FunctionResource, void, void> {
  if (app !== undefined) {
    yield* everyItem((cursor) =>
      client.listFunctions({ params: { app }, query: { limit: PAGE, cursor } }),
    );
    return;
  }
  for await (const { name } of everyItem((cursor) =>
    client.listApps({ query: { limit: PAGE, cursor } }),
  )) {
    yield* functionsOf(client, name);
  }
}

function columns(nowMs: number): readonly Column<FunctionResource>[] {
  return [
    { title: "FUNCTION", text: ({ app, name }) => `${app}/${name}` },
    { title: "HANDLER", text: ({ latest }) => latest.handlerKind, spare: true },
    { title: "AUTH", text: ({ latest }) => latest.config.auth },
    {
      title: "MEMORY",
      text: ({ latest }) => `${latest.config.memoryMb} MiB`,
      alignRight: true,
      spare: true,
    },
    {
      title: "CHANGED",
      text: ({ updatedAt }) => ageText(updatedAt, nowMs),
      alignRight: true,
      spare: true,
    },
    { title: "URL", text: ({ urls }) => urls[0] ?? "" },
  ];
}

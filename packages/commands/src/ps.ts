import type { InstanceResource } from "@skerry/api-schema";
import { everyItem, type Client } from "@skerry/sdk";
import { ageText, collect, durationText, type Column } from "@skerry/terminal";
import type { Command } from "./command.ts";
import { readAppOrFunction, type AppOrFunction } from "./function-path.ts";

const MIB = 1 << 20;

export const ps: Command = {
  name: "ps",
  summary: "List live instances: state, memory, and why each was started",
  args: [{ name: "APP[/FN]", isOptional: true, description: "Only instances of these functions." }],
  flags: [],
  examples: [
    { line: "ps", says: "All instances." },
    { line: "ps shop/checkout", says: "Those of one function." },
  ],
  async run({ args, screen, client, host }) {
    const only = args[0] === undefined ? undefined : readAppOrFunction(args[0]);
    const pages = everyItem((cursor) => client().listInstances({ query: { cursor } }));
    const all = await collect(pages);
    const items = all.filter((instance) => {
      const { app, fn } = only ?? { app: instance.app };
      return instance.app === app && (fn === undefined || instance.function === fn);
    });
    if (items.length === 0 && only !== undefined) await assertThere(client(), only);
    if (screen.json) screen.printJson({ items });
    else if (items.length === 0) screen.note("No instance is alive; a request starts one.");
    else screen.printTable(columns(host.clock.wallMs()), items);
    return 0;
  },
};

/** Nothing alive is an answer only of what there is. Throws APP_NOT_FOUND, FUNCTION_NOT_FOUND. */
async function assertThere(client: Client, { app, fn }: AppOrFunction): Promise<void> {
  if (fn === undefined) await client.listFunctions({ params: { app }, query: { limit: 1 } });
  else await client.getFunction({ params: { app, fn } });
}

function functionText({ app, function: fn, version }: InstanceResource): string {
  return version === null ? `${app}/${fn}` : `${app}/${fn}:${version}`;
}

function columns(nowMs: number): readonly Column<InstanceResource>[] {
  return [
    { title: "INSTANCE", text: ({ id }) => id },
    { title: "FUNCTION", text: functionText, flexible: true },
    { title: "STATE", text: ({ state }) => state },
    {
      title: "MEMORY",
      text: ({ memoryBytes, memoryMb }) => `${Math.round(memoryBytes / MIB)}/${memoryMb} MiB`,
      alignRight: true,
    },
    { title: "CPU", text: ({ cpuMs }) => durationText(cpuMs), alignRight: true, spare: true },
    { title: "AGE", text: ({ startedAt }) => ageText(startedAt, nowMs), alignRight: true },
    { title: "WHY", text: ({ reason, startKind }) => `${reason} (${startKind})`, flexible: true },
    { title: "PID", text: ({ pid }) => String(pid), alignRight: true, spare: true },
    {
      title: "UID",
      text: ({ uid }) => (uid === null ? "-" : String(uid)),
      alignRight: true,
      spare: true,
    },
  ];
}

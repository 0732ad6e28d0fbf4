import type { InvocationResource } from "@skerry/api-schema";
import { everyItem } from "@skerry/sdk";
import {
  ageText,
  bytesText,
  collect,
  durationText,
  fieldLines,
  stageLines,
  type Column,
  type Stage,
  type Style,
} from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { FUNCTION_ARGUMENT, readFunctionPath, type FunctionPath } from "./function-path.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 10_000;
const PAGE_MAX = 1_000;

export const invocations: Command = {
  name: "invocations",
  summary: "List calls of a function, newest first, or show one with its stages",
  args: [FUNCTION_ARGUMENT],
  flags: [
    { name: "request", value: "ID", description: "Show this one, with where its time went." },
    {
      name: "limit",
      short: "n",
      value: "N",
      description: `At most N. Default ${LIMIT_DEFAULT}, at most ${LIMIT_MAX}.`,
    },
  ],
  examples: [
    { line: "invocations shop/checkout", says: "The latest." },
    { line: "invocations shop/checkout --request ID", says: "One, stage by stage." },
  ],
  async run(call) {
    const { args, flag, screen, client, host } = call;
    const path = readFunctionPath(args[0]);
    const request = flag("request");
    if (request !== undefined) {
      const record = await client().getInvocation({ params: { ...path, request } });
      if (screen.json) screen.printJson(record);
      else screen.print(...recordLines(record, screen.style));
      return 0;
    }
    const items = await latest(call, path);
    if (screen.json) screen.printJson({ items });
    else if (items.length === 0) screen.note("It has not been called, or not for a while.");
    else screen.printTable(columns(host.clock.wallMs()), items);
    return 0;
  },
};

async function latest(
  { client, count }: CommandCall,
  path: FunctionPath,
): Promise<readonly InvocationResource[]> {
  const wanted = count("limit", { min: 1, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
  const limit = Math.min(wanted, PAGE_MAX);
  const pages = everyItem((cursor) =>
    client().listInvocations({ params: path, query: { limit, cursor } }),
  );
  return await collect(pages, wanted);
}

function columns(nowMs: number): readonly Column<InvocationResource>[] {
  return [
    { title: "REQUEST", text: ({ requestId }) => requestId },
    { title: "AGE", text: ({ startedAt }) => ageText(startedAt, nowMs), alignRight: true },
    { title: "OUTCOME", text: ({ outcome }) => outcome, flexible: true },
    { title: "STATUS", text: ({ status }) => String(status), alignRight: true },
    {
      title: "HANDLER",
      text: ({ stagesMs }) => durationText(stagesMs.handler),
      alignRight: true,
    },
    {
      title: "BILLED",
      text: ({ billedMs }) => durationText(billedMs),
      alignRight: true,
      spare: true,
    },
    { title: "START", text: startText, flexible: true },
  ];
}

function startText({ coldReason, startKind }: InvocationResource): string {
  return coldReason === "warm" ? startKind : `${startKind} (${coldReason})`;
}

function recordLines(record: InvocationResource, style: Style): readonly string[] {
  const stages = Object.entries(record.stagesMs).map(([name, ms]): Stage => ({ name, ms }));
  return [
    style.bold(record.requestId),
    ...fieldLines(
      [
        ["Started", record.startedAt],
        ["Outcome", `${record.outcome} · status ${record.status}`],
        ["Start", startText(record)],
        ["Billed", `${durationText(record.billedMs)} · ${record.memoryMb} MiB`],
        ["Body", `${bytesText(record.bytesIn)} in, ${bytesText(record.bytesOut)} out`],
        ["Revision", record.revisionId],
        ["Instance", record.instanceId ?? "none"],
        ["Place", `site ${record.site}, zone ${record.zone}, set ${record.set}`],
      ],
      style,
    ),
    ...stageLines(stages, style),
  ];
}

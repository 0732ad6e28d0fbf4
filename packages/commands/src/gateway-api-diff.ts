/** What differs between two lists of routes: those worked on, and what stages serve or served. */
import { DRAFT } from "@skerry/api-schema";
import type { Command, CommandCall } from "./command.ts";
import { API_ARGUMENT, readApiPath, readRoutesAt, type ApiPath } from "./gateway-api-path.ts";
import { diffServed, diffText, type Served } from "./gateway-api-view.ts";

const LIVE = "release";

const place = (description: string) => ({
  ...{ isOptional: true, description: `${description} ${DRAFT}, STAGE or STAGE:NUMBER.` },
});

export const diff: Command = {
  name: "apis diff",
  summary: "Show what differs between stages, publications, and the routes that are worked on",
  about: [
    "Without more it is what a publication of the draft would change for callers of release.",
  ],
  args: [
    API_ARGUMENT,
    { name: "FROM", ...place(`Default ${LIVE}:`) },
    { name: "TO", ...place(`Default ${DRAFT}:`) },
  ],
  flags: [],
  examples: [
    { line: "apis diff shop/web", says: "From release to the draft." },
    { line: "apis diff shop/web prepub test", says: "Between two stages." },
    { line: "apis diff shop/web release:3 release", says: "Since an earlier publication." },
  ],
  async run(call) {
    const { args, screen } = call;
    const params = readApiPath(args[0]);
    const from = await servedAt(call, params, args[1] ?? LIVE);
    const to = await servedAt(call, params, args[2] ?? DRAFT);
    const found = diffServed(from, to);
    if (screen.json) {
      screen.printJson(found);
      return 0;
    }
    const lines = diffText(found, screen.style);
    if (lines.length === 0) screen.print(`${from.name} and ${to.name} have the same routes.`);
    else screen.print(screen.style.bold(`${from.name} → ${to.name}`), ...lines);
    return 0;
  },
};

async function servedAt({ client }: CommandCall, path: ApiPath, text: string): Promise<Served> {
  const at = readRoutesAt(text);
  if (at.kind === "draft") {
    return { name: DRAFT, routes: (await client().getGatewayApi({ params: path })).routes };
  }
  const params = { ...path, stage: at.stage };
  const number = at.number ?? (await client().getStage({ params })).publication?.number;
  if (number === undefined) return { name: `${at.stage}, which serves nothing`, routes: [] };
  const publication = String(number);
  const found = await client().getPublication({ params: { ...params, publication } });
  const { routes, qualifier, variables } = found;
  return { name: `${found.stage}:${number}`, routes, qualifier, variables };
}

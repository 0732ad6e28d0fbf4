/** What differs between two lists of routes: those worked on, and what stages serve or served. */
import type { Command } from "@skerry/commands";
import { DRAFT } from "@skerry/contracts";
import { API_ARGUMENT, readApiPath } from "./gateway-api-path.ts";
import { diffText } from "./gateway-api-view.ts";

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
    const [, from = LIVE, to = DRAFT] = args;
    const found = await call.client().diffGatewayApi({ params, query: { from, to } });
    if (screen.json) screen.printJson(found);
    else if (found.isSame) screen.print(`${found.from} and ${found.to} have the same routes.`);
    else {
      const lines = diffText(found, screen.style);
      screen.print(screen.style.bold(`${found.from} → ${found.to}`), ...lines);
    }
    return 0;
  },
};

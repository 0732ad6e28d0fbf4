import type { AuditResource } from "@skerry/api-schema";
import { everyItem } from "@skerry/sdk";
import { ageText, collect, type Column } from "@skerry/terminal";
import type { Command } from "./command.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 10_000;
const PAGE_MAX = 1_000;

export const audit: Command = {
  name: "audit",
  summary: "List who changed what, newest first",
  about: [
    "Every change leaves one record, which is never altered or removed. --json has the details of " +
      "each. Needs a key of the whole account whose role is operator or admin.",
  ],
  args: [],
  flags: [
    {
      name: "limit",
      short: "n",
      value: "N",
      description: `At most N. Default ${LIMIT_DEFAULT}, at most ${LIMIT_MAX}.`,
    },
  ],
  examples: [
    { line: "audit", says: "The latest changes." },
    { line: "audit -n 1000 --json", says: "More of them, with their details." },
  ],
  async run({ count, screen, client, host }) {
    const wanted = count("limit", { min: 1, max: LIMIT_MAX, otherwise: LIMIT_DEFAULT });
    const limit = Math.min(wanted, PAGE_MAX);
    const pages = everyItem((cursor) => client().listAudit({ query: { limit, cursor } }));
    const items = await collect(pages, wanted);
    if (screen.json) screen.printJson({ items });
    else if (items.length === 0) screen.note("Nothing was changed yet.");
    else screen.printTable(columns(host.clock.wallMs()), items);
    return 0;
  },
};

function columns(nowMs: number): readonly Column<AuditResource>[] {
  return [
    { title: "AGE", text: ({ at }) => ageText(at, nowMs), alignRight: true },
    { title: "WHAT", text: operationOf },
    { title: "RESOURCE", text: ({ resource }) => resource, flexible: true },
    { title: "KEY", text: ({ keyId }) => keyId },
    { title: "REQUEST", text: ({ requestId }) => requestId, spare: true },
  ];
}

/** The operation of the API, which says more than the permission that it needed. */
function operationOf({ action, details }: AuditResource): string {
  const operation = details["operation"];
  return typeof operation === "string" ? operation : action;
}

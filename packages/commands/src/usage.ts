import type { UsageItem, UsageResource } from "@skerry/api-schema";
import { bytesText, type Column } from "@skerry/terminal";
import type { Command } from "./command.ts";
import { moneyText } from "./top-view.ts";

export const usage: Command = {
  name: "usage",
  summary: "Show what was used and what it costs, by day, app or function",
  about: [
    "Sums of invocation records, exact. Prices are the platform's (`priceGbSecond`, " +
      "`priceMillionCalls`). Days are of UTC.",
  ],
  args: [],
  flags: [
    { name: "from", value: "DAY", description: "First day. Default the first of the month." },
    { name: "to", value: "DAY", description: "Last day. Default today." },
    {
      name: "by",
      value: "WHAT",
      description: "day, app or function, or several joined by commas. Default function.",
    },
  ],
  examples: [
    { line: "usage", says: "This month, by function." },
    { line: "usage --from 2026-01-01 --to 2026-01-31 --by day,app", says: "A bill." },
  ],
  async run({ flag, screen, client }) {
    const query = { from: flag("from"), to: flag("to"), by: flag("by") };
    const found = await client().getUsage({ query });
    if (screen.json) screen.printJson(found);
    else if (found.rows.length === 0) screen.note(`Nothing was used ${rangeOf(found)}.`);
    else {
      const total = { ...found.total, day: null, app: null, function: null };
      screen.printTable(columnsOf(found), [...found.rows, total]);
    }
    return 0;
  },
};

function rangeOf({ from, to }: UsageResource): string {
  return from === to ? `on ${from}` : `from ${from} to ${to}`;
}

function columnsOf({ rows: items, prices }: UsageResource): readonly Column<UsageItem>[] {
  const hasDays = items.some(({ day }) => day !== null);
  const hasNames = items.some(({ app }) => app !== null);
  const isTotal = (item: UsageItem): boolean => item.day === null && item.app === null;
  const name = (item: UsageItem): string =>
    isTotal(item) ? (hasDays ? "" : "total") : [item.app, item.function].filter(Boolean).join("/");
  const number = { alignRight: true } as const;
  const days: Column<UsageItem> = { title: "DAY", text: ({ day }) => day ?? "total" };
  const names: Column<UsageItem> = { title: "FUNCTION", text: name, flexible: true };
  return [
    ...(hasDays ? [days] : []),
    ...(hasNames ? [names] : []),
    { ...number, title: "CALLS", text: ({ invocations }) => String(invocations) },
    { ...number, title: "ERRORS", text: ({ errors }) => String(errors) },
    { ...number, title: "BILLED", text: ({ billedMs }) => `${(billedMs / 1_000).toFixed(3)} s` },
    { ...number, title: "GB-S", text: ({ gbSeconds }) => gbSeconds.toFixed(3) },
    { ...number, title: "OUT", text: ({ bytesOut }) => bytesText(bytesOut), spare: true },
    { ...number, title: `COST ${prices.currency}`, text: ({ cost }) => moneyText(cost) },
  ];
}

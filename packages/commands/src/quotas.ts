import type { QuotasResource } from "@skerry/api-schema";
import { QUOTA_NAMES, type QuotaName } from "@skerry/contracts";
import { failCommand, type Column, type Screen } from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { fail } from "./errors.ts";

/** What a quota is called on the command line, and what it bounds. */
const TOLD: Readonly<Record<QuotaName, string>> = {
  concurrency: "requests under way at once",
  ratePerSecond: "requests a second",
  burst: "requests at once after a pause",
  memoryMb: "memory of all instances, MiB",
  logKbPerMinute: "log lines kept in a minute, KiB",
  storageMb: "code, artefacts and kept logs, MiB",
  openInvocationsMax: "accepted invocations that have not ended",
};

const show: Command = {
  name: "quotas show",
  summary: "Show what the account's functions may use together, and how much they use",
  args: [],
  flags: [],
  examples: [{ line: "quotas show", says: "All quotas." }],
  async run({ screen, client }) {
    printQuotas(screen, await client().getQuotas());
    return 0;
  },
};

const set: Command = {
  name: "quotas set",
  summary: "Change quotas; they are in force at once",
  about: [
    "A value is a number, `none` for no bound, or `default`. What is not named stays as it is. It " +
      "needs a key of the role operator or admin.",
  ],
  args: [],
  flags: QUOTA_NAMES.map((name) => ({
    name: flagOf(name),
    value: "N",
    description: `${TOLD[name].charAt(0).toUpperCase()}${TOLD[name].slice(1)}.`,
  })),
  examples: [
    { line: "quotas set --concurrency 200 --memory-mb 4096", says: "Two of them." },
    { line: "quotas set --rate-per-second none", says: "No bound." },
  ],
  async run(call) {
    const { screen, client } = call;
    const body = readValues(call);
    printQuotas(screen, await client().putQuotas({ body }));
    return 0;
  },
};

/** Throws FLAG_VALUE_INVALID, and FLAG_MISSING when nothing is to be changed. */
function readValues({ flag }: CommandCall): Record<string, number | null | "default"> {
  const values: Record<string, number | null | "default"> = {};
  for (const name of QUOTA_NAMES) {
    const text = flag(flagOf(name));
    if (text === undefined) continue;
    if (text === "none") values[name] = null;
    else if (text === "default") values[name] = "default";
    else values[name] = readNumber(flagOf(name), text);
  }
  if (Object.keys(values).length === 0) {
    const flags = QUOTA_NAMES.map((name) => `--${flagOf(name)}`);
    throw fail("QUOTA_UNNAMED", { flags });
  }
  return values;
}

function readNumber(name: string, text: string): number {
  const value = /^\d{1,12}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  const why = "it is a number, `none` or `default`";
  throw failCommand("FLAG_VALUE_INVALID", {
    command: "quotas set",
    flag: `--${name}`,
    value: text,
    why,
  });
}

/** `ratePerSecond` → `rate-per-second`. */
function flagOf(name: QuotaName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function printQuotas(screen: Screen, resource: QuotasResource): void {
  if (screen.json) return screen.printJson(resource);
  screen.printTable(columnsOf(resource), QUOTA_NAMES);
}

function columnsOf({ quotas, defaults, used }: QuotasResource): readonly Column<QuotaName>[] {
  const text = (value: number | null): string => (value === null ? "none" : String(value));
  const usedOf = (name: QuotaName): string => {
    const value = name in used ? used[name as keyof typeof used] : undefined;
    return value === undefined ? "-" : String(Math.round(value * 100) / 100);
  };
  return [
    { title: "QUOTA", text: flagOf },
    { title: "VALUE", text: (name) => text(quotas[name]), alignRight: true },
    { title: "USED", text: usedOf, alignRight: true },
    { title: "DEFAULT", text: (name) => text(defaults[name]), alignRight: true },
    { title: "OF", text: (name) => TOLD[name], flexible: true },
  ];
}

export const QUOTA_COMMANDS: readonly Command[] = [show, set];

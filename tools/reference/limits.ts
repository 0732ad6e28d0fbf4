/**
 * The tables of docs/limits.md, rendered from the constants and schemas that hold the limits. The
 * rest of the page is written by hand; each table stands between marks.
 */
import { readFileSync } from "node:fs";
import { LIMITS, QUOTA_NAMES, quotasOf } from "@skerry/contracts";
import { accountQuotas, functionLimits } from "@skerry/contracts/schemas";

export const LIMITS_PAGE = new URL("../../docs/limits.md", import.meta.url);
const SOURCE = new URL("../../packages/contracts/src/limits.ts", import.meta.url);

type Row = readonly string[];

/** The page as it is on disk. */
export function readLimitsPage(): string {
  return readFileSync(LIMITS_PAGE, "utf8");
}

/** The page with every table as the code has it. */
export function renderLimitsPage(page: string): string {
  return [...TABLES].reduce((text, [name, rows]) => {
    const pattern = new RegExp(`(<!-- table: ${name} -->\n)[^]*?(<!-- end -->)`);
    return text.replace(pattern, (_all, begin: string, end: string) => {
      return `${begin}\n${tableOf(rows())}\n\n${end}`;
    });
  }, page);
}

const TABLES: ReadonlyMap<string, () => readonly Row[]> = new Map([
  ["function", functionRows],
  ["quotas", quotaRows],
  ["platform", platformRows],
]);

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`,
  );
  const [head = "", ...rest] = lines;
  return [head, `| ${(rows[0] ?? []).map(() => "---").join(" | ")} |`, ...rest].join("\n");
}

function functionRows(): readonly Row[] {
  return [
    ["`limits.…`", "what it bounds"],
    ...Object.entries(functionLimits.shape).map(([name, { description = "" }]) => [
      `\`${name}\``,
      description,
    ]),
  ];
}

function quotaRows(): readonly Row[] {
  const defaults = quotasOf({});
  return [
    ["quota", "flag of `skerry quotas set`", "default", "what it bounds"],
    ...QUOTA_NAMES.map((name) => [
      `\`${name}\``,
      `\`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}\``,
      defaults[name] === null ? "none" : String(defaults[name]),
      accountQuotas.shape[name].description ?? "",
    ]),
  ];
}

/** What each is about is the comment in front of it. */
function platformRows(): readonly Row[] {
  const source = readFileSync(SOURCE, "utf8");
  return [
    ["limit", "value", "what it bounds"],
    ...Object.entries(LIMITS).map(([name, value]) => [
      `\`${name}\``,
      amountText(name, value),
      commentOf(source, name) ?? `${wordsOf(name)}.`,
    ]),
  ];
}

function commentOf(source: string, name: string): string | undefined {
  const pattern = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*${name}:`);
  return pattern
    .exec(source)?.[1]
    ?.replaceAll(/\s*\n\s*\*\s*/g, " ")
    .trim();
}

/** `functionsPerAppMax` → `Functions per app`. */
function wordsOf(name: string): string {
  const words = name.replace(/Max$/, "").replaceAll(/[A-Z]/g, (one) => ` ${one.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const UNITS = [
  ["GiB", 1 << 30],
  ["MiB", 1 << 20],
  ["KiB", 1 << 10],
] as const;

function amountText(name: string, value: number): string {
  const unit = UNITS.find(([, bytes]) => value % bytes === 0);
  if (/[bB]ytes/.test(name) && unit !== undefined) return `${value / unit[1]} ${unit[0]}`;
  if (name.endsWith("MsMax") && value % 1_000 === 0) return `${value / 1_000} s`;
  return value.toLocaleString("en-US");
}

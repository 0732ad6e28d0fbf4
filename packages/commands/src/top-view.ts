/**
 * What `skerry top` shows, as lines: pure, so that every width and state can be looked at in tests.
 * A frame is drawn over the last one, line by line, and never clears the screen in between.
 */
import type { TopItem, TopResource } from "@skerry/api-schema";
import {
  bytesText,
  countText,
  cutTo,
  durationText,
  renderTable,
  showable,
  type Column,
  type Style,
} from "@skerry/terminal";

export const SORTS = [
  "live",
  "calls",
  "errors",
  "p95",
  "instances",
  "memory",
  "cost",
  "name",
] as const;
export type Sort = (typeof SORTS)[number];

/** What the person at the keyboard has chosen. */
export interface TopChoice {
  readonly sort: Sort;
  /** Part of a name; empty shows all. */
  readonly filter: string;
  /** The filter is being typed. */
  readonly isTyping: boolean;
}

export const FIRST_CHOICE: TopChoice = { sort: "calls", filter: "", isTyping: false };

/** Keys of what a terminal sent at once; a sequence, such as that of an arrow, is one. */
export function keysOf(typed: string): readonly string[] {
  return typed.startsWith("\u001b") ? [typed] : typed.split("");
}

/** What a key does; undefined ends. */
export function choose(choice: TopChoice, key: string): TopChoice | undefined {
  if (key === "\u0003") return undefined;
  if (choice.isTyping) return type(choice, key);
  if (key === "q") return undefined;
  if (key === "s" || key === "S") {
    const by = key === "s" ? 1 : SORTS.length - 1;
    const sort = SORTS[(SORTS.indexOf(choice.sort) + by) % SORTS.length] ?? choice.sort;
    return { ...choice, sort };
  }
  if (key === "/") return { ...choice, isTyping: true };
  return key === "\u001b" ? { ...choice, filter: "" } : choice;
}

const FILTER_CHARS_MAX = 60;

function type(choice: TopChoice, key: string): TopChoice {
  if (key === "\r" || key === "\n") return { ...choice, isTyping: false };
  if (key === "\u001b") return { ...choice, isTyping: false, filter: "" };
  if (key === "\u007f" || key === "\b") return { ...choice, filter: choice.filter.slice(0, -1) };
  const text = key.replaceAll(/[^\x20-\x7e]/g, "");
  return { ...choice, filter: (choice.filter + text).slice(0, FILTER_CHARS_MAX) };
}

const VALUES: Readonly<Record<Exclude<Sort, "name">, (item: TopItem) => number>> = {
  live: ({ live, waiting }) => live + waiting,
  calls: ({ calls }) => calls,
  errors: ({ errors }) => errors,
  p95: ({ p95Ms }) => p95Ms ?? -1,
  instances: instancesOf,
  memory: ({ memoryBytes }) => memoryBytes,
  cost: ({ costToday }) => costToday,
};

/** Those that the choice wants, in its order; equal ones by name. */
export function chosenItems(
  items: readonly TopItem[],
  { sort, filter }: Pick<TopChoice, "sort" | "filter">,
): readonly TopItem[] {
  const wanted = filter.toLowerCase();
  const byName = (a: TopItem, b: TopItem): number => (nameOf(a) < nameOf(b) ? -1 : 1);
  const value = sort === "name" ? () => 0 : VALUES[sort];
  return items
    .filter((item) => nameOf(item).toLowerCase().includes(wanted))
    .toSorted((a, b) => value(b) - value(a) || byName(a, b));
}

interface Frame {
  readonly choice: TopChoice;
  readonly style: Style;
  readonly columns: number;
  /** Lines that there are; as many as needed when absent. */
  readonly rows?: number;
  /** Why what is shown is not new; undefined when it is. */
  readonly trouble?: string | undefined;
}

/** Lines of one frame, none wider than the terminal. */
export function topLines(top: TopResource, frame: Frame): readonly string[] {
  const { choice, style, columns, rows = Number.MAX_SAFE_INTEGER } = frame;
  const items = chosenItems(top.functions, choice);
  const table = renderTable(columnsOf(top, frame), items, { columns, paintTitle: style.dim });
  const lines = [style.bold(cutTo(summary(top), columns)), ""];
  const room = Math.max(1, rows - lines.length - 2);
  const shown = table.slice(0, room);
  const hidden = table.length - shown.length;
  if (items.length === 0) shown.push(style.dim(cutTo(emptyText(top, choice), columns)));
  const foot = [style.dim(cutTo(footText(frame, hidden), columns))];
  return rows === Number.MAX_SAFE_INTEGER
    ? [...lines, ...shown]
    : [...lines, ...shown, "", ...foot];
}

function summary({ functions: items, windowMs, prices }: TopResource): string {
  const sum = (valueOf: (item: TopItem) => number): number =>
    items.reduce((total, item) => total + valueOf(item), 0);
  const rate = sum(({ calls }) => calls) / (windowMs / 1_000);
  return [
    countText(items.length, "function"),
    `${sum(({ live }) => live)} live`,
    `${rateText(rate)} calls/s`,
    countText(sum(instancesOf), "instance"),
    bytesText(sum(({ memoryBytes }) => memoryBytes)),
    `${moneyText(sum(({ costToday }) => costToday))} ${prices.currency} today`,
  ].join(" · ");
}

function emptyText({ functions: items }: TopResource, { filter }: TopChoice): string {
  if (items.length === 0) return "Nothing is deployed yet.";
  return `No function has "${filter}" in its name.`;
}

function footText({ choice, trouble }: Frame, hidden: number): string {
  if (choice.isTyping) return `filter: ${choice.filter}▏  enter keeps it, esc clears it`;
  const parts = [`sorted by ${choice.sort}`];
  if (choice.filter !== "") parts.push(`filter "${choice.filter}"`);
  if (hidden > 0) parts.push(`${hidden} more`);
  if (trouble !== undefined) parts.push(showable(trouble));
  return `${parts.join(" · ")}   s sort · / filter · q quit`;
}

const NAME_WIDTH_MIN = 20;
const NAME_WIDTH_MAX = 48;
/** Of all columns but the name. */
const OTHERS_WIDTH = 92;

function columnsOf(
  { windowMs }: TopResource,
  { style, choice, columns }: Frame,
): readonly Column<TopItem>[] {
  const nameWidth = Math.max(NAME_WIDTH_MIN, Math.min(NAME_WIDTH_MAX, columns - OTHERS_WIDTH));
  const titled = (title: string, sort: Sort): string =>
    choice.sort === sort ? `${title}▾` : title;
  const ms = (value: number | null): string => (value === null ? "-" : durationText(value));
  const number = { alignRight: true } as const;
  return [
    {
      title: titled("FUNCTION", "name"),
      text: (item) => cutTo(nameOf(item), nameWidth),
      flexible: true,
    },
    {
      ...number,
      title: titled("LIVE", "live"),
      text: ({ live, waiting }) => (waiting > 0 ? `${live}+${waiting}` : String(live)),
      paint: (text, { live }) => (live > 0 ? style.green(text) : text),
    },
    {
      ...number,
      title: titled("CALLS/S", "calls"),
      text: ({ calls }) => rateText(calls / (windowMs / 1_000)),
    },
    {
      ...number,
      title: titled("ERR", "errors"),
      text: ({ calls, errors }) => (calls === 0 ? "-" : `${Math.round((errors / calls) * 100)}%`),
      paint: (text, { errors }) => (errors > 0 ? style.red(text) : text),
    },
    { ...number, title: "P50", text: ({ p50Ms }) => ms(p50Ms), spare: true },
    { ...number, title: titled("P95", "p95"), text: ({ p95Ms }) => ms(p95Ms) },
    {
      ...number,
      title: titled("INST", "instances"),
      text: (item) => `${instancesOf(item)}`,
    },
    {
      ...number,
      title: "RESTING",
      text: ({ instances }) => String(instances.resting),
      spare: true,
    },
    {
      ...number,
      title: titled("MEMORY", "memory"),
      text: ({ memoryBytes }) => bytesText(memoryBytes),
    },
    {
      ...number,
      title: "THROTTLED",
      text: ({ throttled }) => String(throttled),
      paint: (text, { throttled }) => (throttled > 0 ? style.yellow(text) : text),
      spare: true,
    },
    { ...number, title: titled("COST", "cost"), text: ({ costToday }) => moneyText(costToday) },
  ];
}

function nameOf(item: TopItem): string {
  return `${item.app}/${item.function}`;
}

function instancesOf({ instances }: TopItem): number {
  return instances.starting + instances.ready + instances.resting;
}

function rateText(perSecond: number): string {
  return perSecond >= 100 ? String(Math.round(perSecond)) : perSecond.toFixed(1);
}

/** Enough digits for small sums: `0`, `<0.000001`, `0.000012`, `3.41`. */
export function moneyText(amount: number): string {
  if (amount === 0) return "0";
  if (amount >= 1) return amount.toFixed(2);
  return amount < 0.000_001 ? "<0.000001" : amount.toFixed(6);
}

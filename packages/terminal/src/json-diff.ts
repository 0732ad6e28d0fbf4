/** Where two JSON values differ, as paths; bounded, since answers may be large. */
import type { Style } from "./style.ts";
import { showable } from "./text.ts";

/** A place where they do. */
interface JsonDifference {
  /** Such as `items[2].price`; empty for the whole value. */
  readonly path: string;
  /** Undefined where there was none, or is none. */
  readonly before: unknown;
  readonly after: unknown;
}

interface JsonDiff {
  readonly differences: readonly JsonDifference[];
  /** There are more than were looked for. */
  readonly cut: boolean;
}

const DIFFERENCES_MAX = 100;
/** What a line shows of a value. */
const SHOWN_MAX = 200;
const NAME = /^[A-Za-z_$][\w$]*$/;

/** Of the values as JSON has them: what is absent and what is undefined are the same. */
export function diffJson(before: unknown, after: unknown): JsonDiff {
  const found: JsonDifference[] = [];
  const open: JsonDifference[] = [{ path: "", before, after }];
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const parts = partsOf(pair);
    if (parts !== undefined) open.push(...parts.reverse());
    else if (!Object.is(pair.before, pair.after)) found.push(pair);
    if (found.length > DIFFERENCES_MAX)
      return { differences: found.slice(0, DIFFERENCES_MAX), cut: true };
  }
  return { differences: found, cut: false };
}

/** Undefined for what is not looked into: scalars, and values of two kinds. */
function partsOf({ path, before, after }: JsonDifference): JsonDifference[] | undefined {
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, i) => ({
      ...{ path: `${path}[${i}]`, before: before[i] as unknown, after: after[i] as unknown },
    }));
  }
  if (!isRecord(before) || !isRecord(after)) return undefined;
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Array.from(names, (name) => ({
    path: joinPath(path, name),
    before: Object.hasOwn(before, name) ? before[name] : undefined,
    after: Object.hasOwn(after, name) ? after[name] : undefined,
  }));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function joinPath(path: string, name: string): string {
  if (!NAME.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

/** As lines: what was there, and what is. */
export function diffLines({ differences, cut }: JsonDiff, style: Style): readonly string[] {
  const lines = differences.flatMap(({ path, before, after }) => {
    const name = path === "" ? "answer" : showable(path);
    return [
      ...(before === undefined ? [] : [style.red(`- ${name}: ${shown(before)}`)]),
      ...(after === undefined ? [] : [style.green(`+ ${name}: ${shown(after)}`)]),
    ];
  });
  return cut ? [...lines, "  and more"] : lines;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return showable(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)} …` : text);
}

/** Which lines of a log are wanted. One meaning for whoever searches, wherever the lines lie. */
import type { LogLineResource } from "./resources.ts";

/** Levels by severity. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LineLevel = (typeof LOG_LEVELS)[number];

export interface LogFilter {
  /** Part of the text, whatever its case. */
  readonly text?: string | undefined;
  /** This level and more severe ones. */
  readonly level?: LineLevel | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly field?: LogField | undefined;
  /** Of any of these. */
  readonly revisionIds?: readonly string[] | undefined;
}

/** A field of the line, or of its text where that is a JSON object. */
export interface LogField {
  /** `instance`, `revision`, `stream`, or the path of a JSON value, such as `user.id`. */
  readonly name: string;
  /** As the value is written: `42`, `true`, or a text without its quotes. */
  readonly value: string;
}

export interface LogFilterQuery extends LogFilterParts {
  readonly version?: string | undefined;
}

interface LogFilterParts {
  readonly grep?: string | undefined;
  readonly level?: LineLevel | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly field?: string | undefined;
}

/** Undefined when every line is wanted. Of which revision a version is, the catalogue knows. */
export function readLogFilter(
  query: LogFilterParts & { readonly revisionIds?: readonly string[] | undefined },
): LogFilter | undefined {
  const { grep, level, since, until, field, revisionIds } = query;
  const parts = [grep, level, since, until, field, revisionIds];
  if (parts.every((part) => part === undefined || part === "")) return undefined;
  const equals = field?.indexOf("=") ?? -1;
  return {
    ...{ text: grep?.toLowerCase(), level, revisionIds },
    sinceMs: since === undefined ? undefined : Date.parse(since),
    untilMs: until === undefined ? undefined : Date.parse(until),
    field:
      field === undefined
        ? undefined
        : { name: field.slice(0, equals), value: field.slice(equals + 1) },
  };
}

/** The filter's text must be in lower case, as `readLogFilter` gives it. */
export function matchesLog(line: LogLineResource, filter: LogFilter): boolean {
  const { text, level, sinceMs, untilMs, field, revisionIds } = filter;
  if (revisionIds?.includes(line.revisionId ?? "") === false) return false;
  if (level !== undefined && LOG_LEVELS.indexOf(line.level) < LOG_LEVELS.indexOf(level)) {
    return false;
  }
  if (sinceMs !== undefined || untilMs !== undefined) {
    const atMs = Date.parse(line.at);
    if (atMs < (sinceMs ?? -Infinity) || atMs > (untilMs ?? Infinity)) return false;
  }
  if (text !== undefined && !line.text.toLowerCase().includes(text)) return false;
  return field === undefined || fieldOf(line, field.name) === field.value;
}

function fieldOf(line: LogLineResource, name: string): string | undefined {
  if (name === "instance") return line.instanceId ?? undefined;
  if (name === "revision") return line.revisionId ?? undefined;
  if (name === "stream") return line.stream;
  if (!line.text.startsWith("{")) return undefined;
  let value = parseJson(line.text);
  for (const key of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

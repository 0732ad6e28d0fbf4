/** Where the time of one invocation went, from its `Server-Timing` or its record. */
import type { Style } from "./style.ts";
import { durationText, showable } from "./text.ts";

export interface Stage {
  readonly name: string;
  readonly ms: number;
}

/** What an answer says of itself in its head. */
export interface TimedAnswer {
  /** The text of `Server-Timing`. */
  readonly serverTiming: string;
  readonly requestId: string;
}

const BAR_WIDTH = 30;

/** What the answer tells in words, and a bar for each of its stages. */
export function timingLines(
  { serverTiming, requestId }: TimedAnswer,
  style: Style,
): readonly string[] {
  const { stages, facts } = parseServerTiming(serverTiming);
  const reason = facts.get("reason");
  const start = facts.get("start");
  const head = [`request ${requestId}`, reason, start === reason ? undefined : start];
  const shown = head.filter((part) => part !== undefined).map((part) => showable(part));
  return [style.dim(shown.join(" · ")), ...stageLines(stages, style)];
}

/** One bar for each stage that took any time, as a share of the whole. */
export function stageLines(stages: readonly Stage[], style: Style): readonly string[] {
  const total = stages.reduce((sum, { ms }) => sum + ms, 0);
  const spent = stages.filter(({ ms }) => ms > 0);
  const width = Math.max(5, ...spent.map(({ name }) => name.length));
  const line = ({ name, ms }: Stage): string => {
    const blocks = Math.max(1, Math.round((ms / total) * BAR_WIDTH));
    const bar = style.cyan("█".repeat(blocks)) + " ".repeat(BAR_WIDTH - blocks);
    return `  ${showable(name).padEnd(width)}  ${bar} ${durationText(ms).padStart(8)}`;
  };
  const sum = `  ${"total".padEnd(width)}  ${" ".repeat(BAR_WIDTH)} ${durationText(total).padStart(8)}`;
  return [...spent.map(line), style.bold(sum)];
}

/**
 * Reads `name;dur=1.5, reason;desc="…"`. W3C Server Timing, section 3; what cannot be read is left
 * out.
 */
export function parseServerTiming(text: string): {
  readonly stages: readonly Stage[];
  readonly facts: ReadonlyMap<string, string>;
} {
  const stages: Stage[] = [];
  const facts = new Map<string, string>();
  for (const [, name = "", parameters = ""] of text.matchAll(
    /([\w-]+)((?:;\w+=(?:"[^"]*"|[^,;]*))*)/g,
  )) {
    const ms = /;dur=([\d.]+)/.exec(parameters)?.[1];
    const described = /;desc="([^"]*)"/.exec(parameters)?.[1];
    if (ms !== undefined) stages.push({ name, ms: Number(ms) });
    else if (described !== undefined) facts.set(name, described);
  }
  return { stages, facts };
}

/** One line of a log as people read it. */
import type { LogLineResource } from "@skerry/contracts";
import type { Screen } from "./screen.ts";
import type { Style } from "./style.ts";
import { showable } from "./text.ts";

const LEVEL_STYLES: Readonly<Record<LogLineResource["level"], keyof Style>> = {
  debug: "dim",
  info: "blue",
  warn: "yellow",
  error: "red",
};

/**
 * The time of day on a terminal, the whole time elsewhere; further lines of a text are indented.
 */
export function logLineText(
  line: LogLineResource,
  { style, isTerminal }: Pick<Screen, "style" | "isTerminal">,
): readonly string[] {
  const time = isTerminal ? line.at.slice(11, 23) : line.at;
  const level = line.level.toUpperCase().padEnd(5);
  const [first = "", ...rest] = showable(line.text).split("\n");
  const isPlatform = line.stream === "platform";
  const paint = isPlatform ? style.dim : (text: string): string => text;
  const indent = " ".repeat(time.length + level.length + 2);
  return [
    `${style.dim(time)} ${style[LEVEL_STYLES[line.level]](level)} ${paint(first)}`,
    ...rest.map((text) => indent + paint(text)),
  ];
}

/** One line of a log, and one of a build's, as people read them. */
import type { DeploymentLogLine, LogLineResource } from "@skerry/api-schema";
import { showable, type Screen, type Style } from "@skerry/terminal";

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

/** The time of day on a terminal, the whole time elsewhere. */
export function buildLineText(
  { at, function: name, text }: DeploymentLogLine,
  { style, isTerminal }: Pick<Screen, "style" | "isTerminal">,
): string {
  const time = isTerminal ? at.slice(11, 23) : at;
  return `${style.dim(time)} ${style.blue(name)} ${showable(text)}`;
}

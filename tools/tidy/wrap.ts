/**
 * Breaks comment lines that are too long, which the formatter leaves alone. The words that do not
 * fit move to the front of the next line of the same paragraph. Comments behind code, lists, tags,
 * tables and addresses are not paragraphs and stay as they are.
 */
import type { Source } from "./syntax.ts";

export const LINE_MAX = 100;

interface Line {
  /** Indentation and comment mark, with the space behind it. */
  readonly prefix: string;
  readonly words: string;
}

/** Words that a line must not begin with, or the paragraph would become something else. */
const STARTS_A_BLOCK = /^(@|[-*+#|>]|\d+[.)]|```|oxlint-|eslint-)/;

function parseLine(line: string): Line | undefined {
  const match = /^(\s*(?:\/\/|\*(?!\/)) )(\S.*)$/.exec(line);
  const [prefix, words] = [match?.[1], match?.[2]];
  return prefix === undefined || words === undefined ? undefined : { prefix, words };
}

/** A one-line block comment that is too long becomes one of several lines. */
function openBlock(line: string): readonly string[] {
  const match = /^(\s*)\/\*\*? (.*\S) \*\/$/.exec(line);
  const [indent, words] = [match?.[1], match?.[2]];
  if (indent === undefined || words === undefined || line.length <= LINE_MAX) return [line];
  return [`${indent}/**`, `${indent} * ${words}`, `${indent} */`];
}

function cut(line: string, prefixLength: number): [kept: string, rest: string] | undefined {
  let at = line.lastIndexOf(" ", LINE_MAX);
  while (at > prefixLength && STARTS_A_BLOCK.test(line.slice(at + 1)))
    at = line.lastIndexOf(" ", at - 1);
  return at <= prefixLength ? undefined : [line.slice(0, at), line.slice(at + 1)];
}

function continues(next: Line | undefined, prefix: string): next is Line {
  return next?.prefix === prefix && !STARTS_A_BLOCK.test(next.words);
}

/** Wraps the comment lines among `lines`; `isComment` tells which lines lie in a comment. */
function wrapLines(lines: readonly string[], isComment: (index: number) => boolean): string[] {
  const wrapped: string[] = [];
  const queue = lines.flatMap((line, index) =>
    (isComment(index) ? openBlock(line) : [line]).map((text) => ({
      text,
      comment: isComment(index),
    })),
  );
  for (let at = 0; at < queue.length; at += 1) {
    const { text, comment } = queue[at] ?? { text: "", comment: false };
    const parsed = comment && !text.includes("://") ? parseLine(text) : undefined;
    const parts =
      parsed === undefined || text.length <= LINE_MAX ? undefined : cut(text, parsed.prefix.length);
    wrapped.push(parts?.[0] ?? text);
    if (parts === undefined || parsed === undefined) continue;
    const next = queue[at + 1];
    const following = next?.comment === true ? parseLine(next.text) : undefined;
    const joins = continues(following, parsed.prefix) && next?.text.includes("://") === false;
    const rest = parsed.prefix + parts[1] + (joins ? ` ${following?.words ?? ""}` : "");
    queue.splice(at + 1, joins ? 1 : 0, { text: rest, comment: true });
  }
  return wrapped;
}

/** The source's text with no comment line longer than LINE_MAX, as far as it can be broken. */
export function wrapComments({ text, comments, lineAt }: Source): string {
  const inside = new Set<number>();
  for (const { value, start } of comments) {
    const first = lineAt(start) - 1;
    value.split("\n").forEach((_, index) => inside.add(first + index));
  }
  return wrapLines(text.split("\n"), (index) => inside.has(index)).join("\n");
}

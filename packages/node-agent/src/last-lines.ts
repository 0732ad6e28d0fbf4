/** The end of what was printed: what a person needs of a process that failed, and bounded. */
const LINES_MAX = 40;
const LINE_CHARS_MAX = 512;

/** Remembers a line, and forgets the oldest where there are many. */
export function keepLast(lines: string[], line: string): void {
  lines.push(line.slice(0, LINE_CHARS_MAX));
  if (lines.length > LINES_MAX) lines.shift();
}

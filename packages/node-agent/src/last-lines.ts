/** Of what was printed what a person needs of a process that failed, and bounded. */
const LINES_MAX = 40;
/** Of these the first ones, among which a cause often stands. */
const FIRST_MAX = 12;
const LINE_CHARS_MAX = 512;
const GAP = "… lines are left out here …";

/** Remembers a line; of many the first and the last stay. */
export function keepEnds(lines: string[], line: string): void {
  lines.push(line.slice(0, LINE_CHARS_MAX));
  if (lines.length > LINES_MAX) lines.splice(FIRST_MAX, 2, GAP);
}

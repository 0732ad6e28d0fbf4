/** Dates of HTTP (RFC 9110, 5.6.7): the one form that is sent, and two that are still read. */

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAY = "(?:mon|tue|wed|thu|fri|sat|sun)";
const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";
const FIXED = new RegExp(`^${DAY}, (\\d{2}) ([a-z]{3}) (\\d{4}) ${TIME} gmt$`, "i");
const RFC_850 = new RegExp(`^${DAY}[a-z]{3,6}, (\\d{2})-([a-z]{3})-(\\d{2}) ${TIME} gmt$`, "i");
const ASCTIME = new RegExp(`^${DAY} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, "i");

/** Milliseconds since the epoch; undefined when it is none. `nowMs` places years of two digits. */
export function parseHttpDate(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const fixed = FIXED.exec(text);
  if (fixed !== null) return momentOf(fixed[3], fixed[2], [fixed[1], ...fixed.slice(4, 7)]);
  const old = RFC_850.exec(text);
  if (old !== null) {
    return momentOf(String(wholeYear(Number(old[3]), nowMs)), old[2], [old[1], ...old.slice(4, 7)]);
  }
  const ansi = ASCTIME.exec(text);
  if (ansi !== null) return momentOf(ansi[6], ansi[1], ansi.slice(2, 6));
  return undefined;
}

export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

function momentOf(
  year: string | undefined,
  month: string | undefined,
  rest: readonly (string | undefined)[],
): number | undefined {
  const index = MONTHS.indexOf((month ?? "").toLowerCase());
  if (index < 0) return undefined;
  const [day = 0, hours = 0, minutes = 0, seconds = 0] = rest.map(Number);
  if (day < 1 || day > 31 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  return Date.UTC(Number(year), index, day, hours, minutes, seconds);
}

/** More than 50 years ahead is of the past (RFC 9110, 5.6.7). */
function wholeYear(twoDigits: number, nowMs: number): number {
  const now = new Date(nowMs).getUTCFullYear();
  const year = now - (now % 100) + twoDigits;
  return year > now + 50 ? year - 100 : year;
}

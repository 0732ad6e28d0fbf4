/**
 * Cron expressions, of timers and of provisioned instances alike: five fields (minute, hour, day of
 * the month, month, day of the week; crontab(5)), six (a second before them) or seven (and a year
 * behind them, as SCF writes them). Lists, ranges, steps (`0-30/10`), names (`mon`, `jan`), `?` for
 * either day, 7 for Sunday; of days `L` (last), `L-2`, `15W` (nearest weekday), `LW`, `5L` (last
 * Friday) and `5#2` (second Friday). When both days are restricted, either is enough. What times it
 * means is in cron-ticks.ts. Ours rather than a library's: what happens when clocks change, the
 * ticks before a time and the bounds are promises of the platform; a library is the measure in its
 * tests.
 */

/** What each field allows, sorted. */
export interface Cron {
  readonly fields: 5 | 6 | 7;
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  /** Days before the last of the month: 0 is the last. */
  readonly daysFromLast: readonly number[];
  /** The Monday to Friday nearest to this day, in the same month; 0 means the last of the month. */
  readonly nearestWeekdays: readonly number[];
  readonly months: readonly number[];
  /** 0 is Sunday. */
  readonly weekdays: readonly number[];
  readonly nthWeekdays: readonly NthWeekday[];
  /** Undefined: every year. */
  readonly years: readonly number[] | undefined;
  /** Either day is enough when both are restricted; a field that begins with `*` or `?` is not. */
  readonly isDayFree: boolean;
  readonly isWeekdayFree: boolean;
  /** Repeats all day, so that it follows elapsed time where clocks change. */
  readonly isHourFree: boolean;
}

export interface NthWeekday {
  readonly weekday: number;
  /** 1 to 5; 0 is the last of the month. */
  readonly nth: number;
}

/** Years that have ticks. */
export const CRON_YEARS = { min: 1970, max: 2099 } as const;

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Takes `?`. */
  readonly isDay?: true;
}

const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const WEEKDAYS = "sun mon tue wed thu fri sat".split(" ");
const SECOND: Field = { min: 0, max: 59 };
const MINUTE: Field = { min: 0, max: 59 };
const HOUR: Field = { min: 0, max: 23 };
const DAY: Field = { min: 1, max: 31, isDay: true };
const MONTH: Field = { min: 1, max: 12, names: MONTHS };
const WEEKDAY: Field = { min: 0, max: 7, names: WEEKDAYS, isDay: true };
const YEAR: Field = CRON_YEARS;
const CHARS_MAX = 200;
const PART = /^(\*|\?|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d{1,4}))?$/;

/** Undefined for text that is no such expression. */
export function parseCron(text: string): Cron | undefined {
  const given = text.trim().toLowerCase().split(/\s+/);
  const fields = given.length;
  if (text.length > CHARS_MAX || (fields !== 5 && fields !== 6 && fields !== 7)) return undefined;
  const [second = "", minute = "", hour = "", day = "", month = "", weekday = "", year] =
    fields === 5 ? ["0", ...given] : given;
  const seconds = valuesOf(second, SECOND);
  const minutes = valuesOf(minute, MINUTE);
  const hours = valuesOf(hour, HOUR);
  const months = valuesOf(month, MONTH);
  const years = valuesOf(year ?? "*", YEAR);
  const ofMonth = daysOf(day);
  const ofWeek = weekdaysOf(weekday);
  if (!seconds || !minutes || !hours || !months || !years || !ofMonth || !ofWeek) return undefined;
  return {
    ...{ fields, seconds, minutes, hours, months, ...ofMonth, ...ofWeek },
    years: year === undefined || year === "*" ? undefined : years,
    isDayFree: isFree(day),
    isWeekdayFree: isFree(weekday),
    isHourFree: isFree(hour) || hours.length === 24,
  };
}

const isFree = (field: string): boolean => field.startsWith("*") || field.startsWith("?");

function daysOf(text: string): Pick<Cron, "days" | "daysFromLast" | "nearestWeekdays"> | undefined {
  const [plain, daysFromLast, nearestWeekdays] = [[], [], []] as [string[], number[], number[]];
  for (const part of text.split(",")) {
    const [, before] = /^l(?:-(\d{1,2}))?$/.exec(part) ?? [];
    const [, near] = /^(\d{1,2}|l)w$/.exec(part) ?? [];
    if (part === "l" || before !== undefined) daysFromLast.push(Number(before ?? 0));
    else if (near === "l") nearestWeekdays.push(0);
    else if (near !== undefined) nearestWeekdays.push(valueOf(near, DAY) ?? Number.NaN);
    else plain.push(part);
  }
  const days = plain.length === 0 ? [] : valuesOf(plain.join(","), DAY);
  const isGood = daysFromLast.every((n) => n <= 30) && !nearestWeekdays.some(Number.isNaN);
  return days === undefined || !isGood ? undefined : { days, daysFromLast, nearestWeekdays };
}

function weekdaysOf(text: string): Pick<Cron, "weekdays" | "nthWeekdays"> | undefined {
  const [plain, nthWeekdays] = [[], []] as [string[], NthWeekday[]];
  for (const part of text.split(",")) {
    const [, name = "", nth] = /^([a-z]{3}|\d)(?:#([1-5])|l)$/.exec(part) ?? [];
    if (name === "") plain.push(part);
    else
      nthWeekdays.push({
        weekday: (valueOf(name, WEEKDAY) ?? Number.NaN) % 7,
        nth: Number(nth ?? 0),
      });
  }
  const values = plain.length === 0 ? [] : valuesOf(plain.join(","), WEEKDAY);
  if (values === undefined || nthWeekdays.some(({ weekday }) => Number.isNaN(weekday))) {
    return undefined;
  }
  return { weekdays: sorted(values.map((day) => day % 7)), nthWeekdays };
}

function valuesOf(text: string, field: Field): readonly number[] | undefined {
  const values: number[] = [];
  for (const part of text.split(",")) {
    const range = rangeOf(part, field);
    if (range === undefined) return undefined;
    for (let value = range.from; value <= range.to; value += range.step) values.push(value);
  }
  return sorted(values);
}

function sorted(values: readonly number[]): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function rangeOf(
  part: string,
  field: Field,
): { readonly from: number; readonly to: number; readonly step: number } | undefined {
  const [, first = "", last, stepText] = PART.exec(part) ?? [];
  const isAll = first === "*" || (first === "?" && field.isDay === true);
  if (first === "" || (isAll && last !== undefined)) return undefined;
  const from = isAll ? field.min : valueOf(first, field);
  const open = isAll || stepText !== undefined ? field.max : from;
  const to = last === undefined ? open : valueOf(last, field);
  const step = stepText === undefined ? 1 : Number(stepText);
  const fits = from !== undefined && to !== undefined && from <= to && step > 0;
  return fits ? { from, to, step } : undefined;
}

function valueOf(text: string, { min, max, names = [] }: Field): number | undefined {
  const named = names.indexOf(text);
  const value = named >= 0 ? named + (min === 1 ? 1 : 0) : /^\d+$/.test(text) ? Number(text) : -1;
  return value >= min && value <= max ? value : undefined;
}

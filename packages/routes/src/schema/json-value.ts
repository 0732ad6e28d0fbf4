/** What JSON values are to one another, as JSON Schema compares them. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Thrown by what would take too much; nothing else here throws. */
export class TooMuchWork extends Error {}

/** Deeper ones would take more of the stack than there is. */
const COMPARED_DEPTH_MAX = 200;

/** What work is counted by. Throws when there was too much. */
export interface Work {
  spend(steps: number): void;
}

const UNCOUNTED: Work = { spend: () => undefined };
const CHARS_OF_WORK = 64;
const ITEMS_OF_WORK = 8;
/** Steps of an expression, for each character, that take as long as one step of a run. */
const PATTERN_STEPS_OF_WORK = 16;
/** What these take, in steps of a run. */
const SORTING_WORK = 3;
const DECIMAL_WORK = 4;
const DIGITS_OF_WORK = 64;

/** Names of all members: gathering them takes longer than looking at one. */
export function namesOf(value: JsonObject, work: Work): readonly string[] {
  const names = Object.keys(value);
  work.spend(names.length);
  return names;
}

/** Before so many characters are gone through. */
export function spendOnText(length: number, work: Work): void {
  work.spend(length / CHARS_OF_WORK);
}

/** Before so many items are gone through. */
export function spendOnItems(count: number, work: Work): void {
  work.spend(count / ITEMS_OF_WORK);
}

/** Before an expression of so many steps goes through so many characters. */
export function spendOnPattern(steps: number, length: number, work: Work): void {
  work.spend(1 + (length * steps) / PATTERN_STEPS_OF_WORK);
}

/** One text for all values that are equal: members in order of their names, 1.0 as 1. */
export function canonical(value: unknown, work = UNCOUNTED): string {
  const text = textOf(value, { depth: 0, work });
  spendOnText(text.length, work);
  return text;
}

function textOf(value: unknown, { depth, work }: { depth: number; work: Work }): string {
  if (depth > COMPARED_DEPTH_MAX) throw new TooMuchWork();
  const below = { depth: depth + 1, work };
  if (Array.isArray(value)) {
    spendOnItems(value.length, work);
    return `[${value.map((one) => textOf(one, below)).join(",")}]`;
  }
  if (!isObject(value)) return JSON.stringify(value) ?? "";
  const names = namesOf(value, work);
  work.spend(names.length * SORTING_WORK);
  const members = names
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${textOf(value[name], below)}`);
  return `{${members.join(",")}}`;
}

/** Whether one number is a whole multiple of the other, as they are written in decimal. */
export function isMultipleOf(value: number, of: number, work: Work): boolean {
  if (!Number.isFinite(value)) return false;
  if (Number.isSafeInteger(value) && Number.isSafeInteger(of)) return value % of === 0;
  const [a, b] = [decimalOf(value), decimalOf(of)];
  work.spend(DECIMAL_WORK + Math.abs(a.exponent - b.exponent) / DIGITS_OF_WORK);
  const exponent = Math.min(a.exponent, b.exponent);
  const whole = (one: Decimal): bigint => one.digits * 10n ** BigInt(one.exponent - exponent);
  return whole(a) % whole(b) === 0n;
}

interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

function decimalOf(value: number): Decimal {
  const [mantissa = "0", exponent = "0"] = value.toString().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

/** Characters as Unicode counts them. */
export function countCharacters(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at += 1) {
    const isHigh = (text.charCodeAt(at) & 0xfc00) === 0xd800;
    if (isHigh && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      count -= 1;
      at += 1;
    }
  }
  return count;
}

/** `text` as a part of a JSON pointer (RFC 6901). */
export function pointerPart(text: string | number): string {
  return `/${String(text).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

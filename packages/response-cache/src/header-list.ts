/** Flat lists of header names and values. Names compare without case. */

/** Lines of one header joined by commas; undefined when there is none. `name` is lower-case. */
export function valueOf(headers: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isNamed(headers[i] as string, name)) continue;
    const line = headers[i + 1] as string;
    value = value === undefined ? line : `${value}, ${line}`;
  }
  return value;
}

/** The first line of a header. */
export function firstLineOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (isNamed(headers[i] as string, name)) return headers[i + 1];
  }
  return undefined;
}

/** All but the named, whose names are lower-case. */
export function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const rest: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!names.has(name.toLowerCase())) rest.push(name, headers[i + 1] as string);
  }
  return rest;
}

/** Only the named. */
export function only(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const some: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (names.has(name.toLowerCase())) some.push(name, headers[i + 1] as string);
  }
  return some;
}

/** Members of a comma-separated list, without empty ones; nothing of it may be quoted. */
export function listOf(value: string | undefined): string[] {
  if (value === undefined) return [];
  return value
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

function isNamed(given: string, name: string): boolean {
  return given.length === name.length && (given === name || given.toLowerCase() === name);
}

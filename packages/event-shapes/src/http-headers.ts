/** What may stand in a response's head. RFC 9110 sections 5.1, 5.5 and 7.6.1. */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Why a header cannot be sent; undefined when it can. */
export function headerFault(name: string, value: string): string | undefined {
  if (!TOKEN.test(name)) return `${JSON.stringify(name.slice(0, 100))} is no header name`;
  if (BAD_VALUE.test(value))
    return `the value of the header ${name} has a character that is not allowed`;
  return undefined;
}

/** Headers that speak of one connection; the platform has its own and drops those of functions. */
export function isConnectionHeader(name: string): boolean {
  return CONNECTION_HEADERS.has(name);
}

/** Node's raw headers of a response, names in lower case, without those of its connection. */
export function flatHeaders(raw: readonly string[]): string[] {
  const flat: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (!isConnectionHeader(name)) flat.push(name, raw[i + 1] as string);
  }
  return flat;
}

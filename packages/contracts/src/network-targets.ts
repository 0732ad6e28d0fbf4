/**
 * Where functions may connect to: targets `HOST:PORT` and patterns over them, as they stand in
 * configurations. A pattern is `HOST` or `HOST:PORT`, where a label `*` stands for any one label, a
 * leading `*.` for any number of them, and `*` alone for every host; without a port it means every
 * port. Nothing is resolved here: names and addresses are compared as they are written.
 */
export interface NetworkTarget {
  /** Lower case, without brackets or a trailing dot. */
  readonly host: string;
  readonly port: number;
}

const HOST_CHARS_MAX = 253;
const NAME = /^(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*$/;
/** Only that it could be one; whoever connects parses it. */
const IPV6 = /^[0-9a-f:]{2,39}(?:[0-9]{1,3}\.[0-9.]{5,11})?$/;
const PATTERN =
  /^(?:\*|(?:[a-z0-9_-]{1,63}|\*)(?:\.(?:[a-z0-9_-]{1,63}|\*))*|\[[0-9a-f:.]{2,45}\])$/;

/** Reads `HOST:PORT` or `[IPV6]:PORT`; undefined when it is neither. */
export function parseTarget(text: string): NetworkTarget | undefined {
  const colon = text.lastIndexOf(":");
  const port = parsePort(text.slice(colon + 1));
  const host = text.slice(0, Math.max(0, colon)).toLowerCase();
  if (port === undefined || host.length > HOST_CHARS_MAX) return undefined;
  if (host.startsWith("[") && host.endsWith("]")) {
    const inner = host.slice(1, -1);
    return inner.includes(":") && IPV6.test(inner) ? { host: inner, port } : undefined;
  }
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  return NAME.test(name) ? { host: name, port } : undefined;
}

function parsePort(text: string): number | undefined {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** True when one of the patterns takes in the target. */
export function isTargetIn(patterns: readonly string[], target: NetworkTarget): boolean {
  return patterns.some((pattern) => matches(pattern.toLowerCase(), target));
}

function matches(pattern: string, { host, port }: NetworkTarget): boolean {
  const at = portAt(pattern);
  if (at >= 0 && Number(pattern.slice(at + 1)) !== port) return false;
  const wanted = at < 0 ? pattern : pattern.slice(0, at);
  if (wanted === "*") return true;
  if (wanted.startsWith("[")) return wanted === `[${host}]`;
  return labelsMatch(wanted.split("."), host.split("."));
}

function labelsMatch(wanted: readonly string[], labels: readonly string[]): boolean {
  const isOpen = wanted[0] === "*" && wanted.length > 1;
  if (isOpen ? labels.length < wanted.length : labels.length !== wanted.length) return false;
  const extra = labels.length - wanted.length;
  return wanted.every((label, i) => label === "*" || label === labels[i + extra]);
}

/** Where the port of a pattern begins; below 0 when it has none. */
function portAt(pattern: string): number {
  const colon = pattern.lastIndexOf(":");
  return colon > pattern.lastIndexOf("]") ? colon : -1;
}

/** Whether it is one pattern over hosts and ports. */
export function isPattern(text: string): boolean {
  const pattern = text.toLowerCase();
  const at = portAt(pattern);
  if (at >= 0 && parsePort(pattern.slice(at + 1)) === undefined) return false;
  return PATTERN.test(at < 0 ? pattern : pattern.slice(0, at));
}

/** The patterns of a `targetPatternList`. */
export function splitPatterns(text: string): readonly string[] {
  return text
    .split(",")
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== "");
}

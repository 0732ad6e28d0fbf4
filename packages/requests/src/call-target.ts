/**
 * Which function a URL names. Host and path are read by http's parsers only, and both the guard and
 * the router act on the one `CallTarget` that comes out, so they cannot disagree. A host of the
 * form FN.APP.localhost, or QUALIFIER.FN.APP.localhost, wins over the path.
 */
import { HOST_SUFFIX, PATH_PREFIX } from "@skerry/contracts";
import { parseAuthority, targetBelow, type Authority, type ParsedTarget } from "@skerry/http";

export interface CallTarget {
  readonly app: string;
  readonly fn: string;
  /** As it was asked for, whether or not there is such a one. */
  readonly qualifier: string | undefined;
  /** Path and query as the function sees them. */
  readonly url: string;
  /** Authority the caller used; empty when it named none. */
  readonly authority: string;
}

interface HostReading {
  readonly text: string;
  readonly named: Pick<CallTarget, "app" | "fn" | "qualifier"> | undefined;
}

const HOSTS_KEPT_MAX = 1_000;
const PREFIX_SEGMENTS = 3;

/** Reads targets; remembers the hosts it has parsed. */
export class TargetReader {
  readonly #hosts = new Map<string, HostReading>();

  /**
   * Undefined when the URL names no function. Throws http's errors for hosts and paths that are
   * refused.
   */
  read(target: ParsedTarget, host: string | undefined): CallTarget | undefined {
    const { text, named } =
      target.authority === undefined ? this.#readHost(host) : readingOf(target.authority);
    if (named !== undefined) return { ...named, url: urlOf(target), authority: text };
    const [prefix, app, name] = target.segments;
    if (prefix !== PATH_PREFIX || app === undefined || name === undefined) return undefined;
    const colon = name.indexOf(":");
    const fn = colon < 0 ? name : name.slice(0, colon);
    const qualifier = colon < 0 ? undefined : name.slice(colon + 1);
    const url = urlOf(targetBelow(target, PREFIX_SEGMENTS));
    return { app, fn, qualifier, url, authority: text };
  }

  #readHost(host: string | undefined): HostReading {
    if (host === undefined) return NO_HOST;
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const reading = readingOf(parseAuthority(host));
    if (this.#hosts.size >= HOSTS_KEPT_MAX) this.#hosts.clear();
    this.#hosts.set(host, reading);
    return reading;
  }
}

/** Whether a host is of the form that names a function, be there one or not. */
export function isFunctionHost(hostname: string): boolean {
  return readingOf({ hostname, port: undefined }).named !== undefined;
}

const NO_HOST: HostReading = { text: "", named: undefined };

function readingOf({ hostname, port }: Authority): HostReading {
  const text = port === undefined ? hostname : `${hostname}:${port}`;
  if (!hostname.endsWith(HOST_SUFFIX)) return { text, named: undefined };
  const [app, fn, qualifier, ...more] = hostname
    .slice(0, -HOST_SUFFIX.length)
    .split(".")
    .toReversed();
  const isNamed = fn !== undefined && app !== undefined && more.length === 0;
  return { text, named: isNamed ? { app, fn, qualifier } : undefined };
}

function urlOf({ rawPath, rawQuery }: ParsedTarget): string {
  return rawQuery === "" ? rawPath : `${rawPath}?${rawQuery}`;
}

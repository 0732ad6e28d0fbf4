/**
 * Which function a URL names. Host and path are read by http's parsers only, and both the guard and
 * the router act on the one `CallTarget` that comes out, so they cannot disagree. A host of the
 * form FN.APP.localhost wins over the path.
 */
import { HOST_SUFFIX, PATH_PREFIX } from "@skerry/contracts";
import { parseAuthority, targetBelow, type Authority, type ParsedTarget } from "@skerry/http";

export interface CallTarget {
  readonly app: string;
  readonly fn: string;
  /** Path and query as the function sees them. */
  readonly url: string;
  /** Authority the caller used; empty when it named none. */
  readonly authority: string;
}

interface HostReading {
  readonly text: string;
  readonly named: { readonly app: string; readonly fn: string } | undefined;
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
    const [prefix, app, fn] = target.segments;
    if (prefix !== PATH_PREFIX || app === undefined || fn === undefined) return undefined;
    return { app, fn, url: urlOf(targetBelow(target, PREFIX_SEGMENTS)), authority: text };
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

const NO_HOST: HostReading = { text: "", named: undefined };

function readingOf({ hostname, port }: Authority): HostReading {
  const text = port === undefined ? hostname : `${hostname}:${port}`;
  if (!hostname.endsWith(HOST_SUFFIX)) return { text, named: undefined };
  const [fn, app, ...more] = hostname.slice(0, -HOST_SUFFIX.length).split(".");
  const named = fn !== undefined && app !== undefined && more.length === 0;
  return { text, named: named ? { app, fn } : undefined };
}

function urlOf({ rawPath, rawQuery }: ParsedTarget): string {
  return rawQuery === "" ? rawPath : `${rawPath}?${rawQuery}`;
}

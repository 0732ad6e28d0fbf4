/**
 * What `lookup` has for a host: of the host itself, or of the longest pattern `*.…` that covers it.
 */
export function findDomain<T>(
  hostname: string,
  lookup: (host: string) => T | undefined,
): T | undefined {
  let found = lookup(hostname);
  for (let dot = hostname.indexOf("."); found === undefined && dot > 0;) {
    found = lookup(`*${hostname.slice(dot)}`);
    dot = hostname.indexOf(".", dot + 1);
  }
  return found;
}

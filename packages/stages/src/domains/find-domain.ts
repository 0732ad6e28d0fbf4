/**
 * What `lookup` has for a host: of the host itself, or of the pattern `*.…` that stands for it. A
 * pattern stands for one label, as in certificates: hosts that are deeper are free to others.
 */
export function findDomain<T>(
  hostname: string,
  lookup: (host: string) => T | undefined,
): T | undefined {
  const dot = hostname.indexOf(".");
  return lookup(hostname) ?? (dot < 0 ? undefined : lookup(`*${hostname.slice(dot)}`));
}

/** Instances that aliases keep ready of the versions to which they lead. */
import { PER_MILLE, type AliasEntry, type AliasTarget } from "@skerry/contracts";

/**
 * How many of each version are to be kept ready, of all aliases of a function together. An alias
 * divides its number as it divides requests, rounded up; a version that only a rule leads to gets
 * one. Versions that get none are absent.
 */
export function provisionByAliases(
  aliases: Iterable<Pick<AliasEntry, "target">>,
): ReadonlyMap<number, number> {
  const wanted = new Map<number, number>();
  for (const { target } of aliases) {
    for (const [version, count] of partsOf(target)) {
      wanted.set(version, (wanted.get(version) ?? 0) + count);
    }
  }
  return wanted;
}

function partsOf(target: AliasTarget): ReadonlyMap<number, number> {
  const { version, shares, rules, provisionedInstances: instances = 0 } = target;
  if (instances === 0) return new Map();
  const shared = shares.reduce((sum, { perMille }) => sum + perMille, 0);
  const perMille = new Map([[version, PER_MILLE - shared]]);
  for (const share of shares) {
    perMille.set(share.version, (perMille.get(share.version) ?? 0) + share.perMille);
  }
  const parts = new Map<number, number>();
  for (const [one, part] of perMille) {
    if (part > 0) parts.set(one, Math.ceil((instances * part) / PER_MILLE));
  }
  for (const rule of rules) if (!parts.has(rule.version)) parts.set(rule.version, 1);
  return parts;
}

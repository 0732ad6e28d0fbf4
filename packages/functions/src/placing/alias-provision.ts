/** Instances that aliases keep ready of the versions to which they lead. */
import type { RevisionId } from "@skerry/base";
import { PER_MILLE, type AliasEntry, type AliasTarget, type Variables } from "@skerry/contracts";
import { overlayOf } from "../qualifying/overlay.ts";

/** So many are to be kept ready of a version, with what is laid over its environment. */
export interface AliasProvision {
  readonly version: number;
  readonly overlay: Variables | undefined;
  readonly instances: number;
}

/**
 * How many are to be kept ready, of all aliases of a function together, by the ids of their
 * revisions. An alias divides its number as it divides requests, rounded up; a version that only a
 * rule leads to gets one. What gets none, or has no id, is absent.
 */
export function provisionByAliases(
  aliases: Iterable<Pick<AliasEntry, "target">>,
  idOf: (of: Omit<AliasProvision, "instances">) => RevisionId | undefined,
): ReadonlyMap<RevisionId, AliasProvision> {
  const wanted = new Map<RevisionId, AliasProvision>();
  for (const { target } of aliases) {
    const parts = partsOf(target);
    const overlay = parts.size === 0 ? undefined : overlayOf(target);
    for (const [version, count] of parts) {
      const id = idOf({ version, overlay });
      if (id === undefined) continue;
      const instances = (wanted.get(id)?.instances ?? 0) + count;
      wanted.set(id, { version, overlay, instances });
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

/**
 * The allow-list of today's exceptions. It may only shrink: an entry covers exactly what it
 * measured when it was written, more is a violation, less means that the entry must be lowered or
 * removed.
 */
import { violation, type Violation } from "./violation.ts";

export interface Allowance {
  readonly rule: string;
  readonly path: string;
  /** The sum of the amounts allowed: violations, or lines beyond a red line's subject. */
  readonly amount: number;
  readonly why: string;
}

const LIST = "tools/tidy/allowed.json";

/** What remains of `found` after the allow-list, together with entries that no longer fit. */
export function applyRatchet(
  found: readonly Violation[],
  allowed: readonly Allowance[],
): readonly Violation[] {
  const keyOf = ({ rule, path }: { rule: string; path: string }): string => `${rule} ${path}`;
  const groups = Map.groupBy(found, keyOf);
  const complaints: Violation[] = [];
  for (const entry of allowed) {
    const amount = (groups.get(keyOf(entry)) ?? []).reduce((sum, one) => sum + one.amount, 0);
    if (amount <= entry.amount) groups.delete(keyOf(entry));
    if (entry.why.trim() === "")
      complaints.push(violation("ratchet", { path: LIST }, `${keyOf(entry)}: say why`));
    if (amount < entry.amount) {
      const change =
        amount === 0 ? "remove the entry" : `lower it from ${entry.amount} to ${amount}`;
      complaints.push(violation("ratchet", { path: LIST }, `${keyOf(entry)}: ${change}`));
    }
  }
  return [...[...groups.values()].flat(), ...complaints];
}

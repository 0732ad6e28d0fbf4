/** Where the driver of a home keeps its groups on this machine. */
import { openHierarchies } from "../src/cgroups.ts";
import { ownerNameOf } from "../src/host.ts";
import { rmdirSync } from "node:fs";
import assert from "node:assert/strict";

/** The owner's directory in one hierarchy; the ones made in others are removed again. */
export function findHierarchy(home: string): string {
  const [first, ...others] = openHierarchies({ ownerName: ownerNameOf(home) });
  for (const { owner } of others) rmdirSync(owner);
  assert.ok(first !== undefined, "root has control groups");
  return first.owner;
}

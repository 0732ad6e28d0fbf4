/**
 * What the sandboxes of one owner's directory have on this machine right now, for those who check
 * that nothing is left.
 */
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { ownerNameOf } from "./host.ts";
import { pidsWithMarker } from "./process-table.ts";
import { findOwnerDirectories } from "./sweep.ts";

export interface Traces {
  /**
   * Processes that were started in a sandbox of the owner, as far as their environment can be read.
   */
  readonly pids: readonly number[];
  /** Control group directories: the owner's own and one per sandbox, in every hierarchy. */
  readonly groups: readonly string[];
}

/** Looks once; `home` is the directory that the driver was opened with. Changes nothing. */
export function findTraces(home: string): Traces {
  const ownerName = ownerNameOf(existsSync(home) ? realpathSync(home) : home);
  const owners = findOwnerDirectories(ownerName);
  const groups = owners.flatMap((owner) => [owner, ...directoriesIn(owner)]);
  return { pids: pidsWithMarker(`${ownerName}/`), groups };
}

function directoriesIn(owner: string): readonly string[] {
  try {
    return readdirSync(owner, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(owner, entry.name));
  } catch {
    return [];
  }
}

/**
 * Puts an app's config objects where an instance reads them: a directory of the instance's own,
 * bound read-only at `/config` when its sandbox started. A file is written aside and renamed into
 * place, so that a reader sees the former content or the new one, never half; whoever sleeps finds
 * it when it wakes.
 */
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigObjectEntry } from "@skerry/contracts";

/** What lies in an instance's directory: the version of each file by its name. */
export type LaidConfigs = Map<string, string>;

/** Other uids read them. */
const FILE_MODE = 0o444;

/**
 * Makes the directory hold what `objects` say; what lies there already is left alone. Throws what
 * the file system throws; called again, it goes on.
 */
export function syncConfigs(
  directory: string,
  objects: readonly ConfigObjectEntry[],
  laid: LaidConfigs,
): void {
  const wanted = new Map(objects.map((object) => [object.name, object]));
  for (const name of [...laid.keys()]) {
    if (wanted.has(name)) continue;
    rmSync(join(directory, name), { force: true });
    laid.delete(name);
  }
  for (const [name, object] of wanted) {
    const version = `${object.id}/${object.version}`;
    if (laid.get(name) === version) continue;
    writeWhole(directory, name, Buffer.from(object.contentBase64, "base64"));
    laid.set(name, version);
  }
}

function writeWhole(directory: string, name: string, bytes: Buffer): void {
  // Beside the directory: a list of it never shows what is not there yet.
  const fresh = `${directory}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, bytes);
  chmodSync(fresh, FILE_MODE);
  renameSync(fresh, join(directory, name));
}

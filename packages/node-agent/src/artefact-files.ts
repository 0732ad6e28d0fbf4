/**
 * Puts a revision's artefact where an instance sees it. A blank was born with an empty directory
 * bound read-only at `/code`; its files appear there as hard links. An artefact of many files, or
 * on another disk, is not worth that: its directory is mounted whole into a sandbox that starts
 * fresh.
 */
import { linkSync, mkdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { ArtefactManifest } from "@skerry/contracts";

/** Past this a fresh start with a mount is quicker than the links. */
export const LINKED_FILES_MAX = 64;

export interface Artefact {
  readonly directory: string;
  readonly manifest: ArtefactManifest;
  /** Every file, relative to the directory. */
  readonly files: readonly string[];
}

export async function readArtefact(directory: string): Promise<Artefact> {
  const text = await readFile(join(directory, "artefact.json"), "utf8");
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
  return { directory, manifest: JSON.parse(text) as ArtefactManifest, files };
}

/** Hard-links every file of the artefact below `target`, which other uids can read. */
export function linkArtefact(artefact: Artefact, target: string): void {
  const made = new Set<string>(["."]);
  for (const file of artefact.files) {
    const folder = dirname(file);
    if (!made.has(folder)) {
      mkdirSync(join(target, folder), { recursive: true, mode: 0o755 });
      made.add(folder);
    }
    linkSync(join(artefact.directory, file), join(target, file));
  }
}

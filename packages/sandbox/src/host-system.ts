/**
 * What a sandbox with the system `host` sees of this machine besides `/usr`: the directories or
 * links that lead into it, and the few parts of `/etc` without which installed programs do not run.
 * Nothing here may hold a secret; of files that may, what programs need is copied.
 */
import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { readPhpSettings } from "./php-settings.ts";

export interface HostSystem {
  /** Where the machine has a link: its path and what it leads to. */
  readonly links: Readonly<Record<string, string>>;
  /** Where it has a directory of its own. */
  readonly directories: readonly string[];
  /** Directories and files of `/etc`; the skeleton has an empty place for each. */
  readonly etc: readonly string[];
  /** Files of `/etc` that are written instead, with their texts. */
  readonly written: Readonly<Record<string, string>>;
}

const ROOTS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
const ETC = ["/etc/alternatives", "/etc/ld.so.cache"];

export function readHostSystem(): HostSystem {
  const links: Record<string, string> = {};
  const directories: string[] = [];
  for (const path of ROOTS) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() === true) links[path] = readlinkSync(path);
    else if (found?.isDirectory() === true) directories.push(path);
  }
  const etc = ETC.filter((path) => existsSync(path));
  return { links, directories, etc, written: readPhpSettings() };
}

/**
 * A file of a function's package, found by decoded segments and nothing else. Names that begin with
 * a dot are nobody's business but `.well-known`, and what a link leads out of the package is not
 * there.
 */
import { constants } from "node:fs";
import { open, realpath, type FileHandle } from "node:fs/promises";
import { join, sep } from "node:path";

export interface PackageFile {
  readonly kind: "file";
  /** The caller closes it. */
  readonly handle: FileHandle;
  readonly bytes: number;
  /** Below the package's folder, with slashes. */
  readonly path: string;
}

export type FoundFile = PackageFile | { readonly kind: "folder" } | undefined;

/** `segments` as the path parser makes them, none of them empty. Rejects when the disk fails. */
export async function openPackageFile(
  directory: string,
  segments: readonly string[],
): Promise<FoundFile> {
  if (!segments.every(isPlainName)) return undefined;
  const path = segments.join("/");
  let handle: FileHandle | undefined;
  try {
    const [root, found] = await Promise.all([
      realpath(directory),
      realpath(join(directory, ...segments)),
    ]);
    if (found !== root && !found.startsWith(root + sep)) return undefined;
    handle = await open(found, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (stats.isFile()) return { kind: "file", handle, bytes: stats.size, path };
    await handle.close();
    return stats.isDirectory() ? { kind: "folder" } : undefined;
  } catch (error) {
    await handle?.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && MISSING.has(code)) return undefined;
    throw error;
  }
}

const MISSING: ReadonlySet<string> = new Set([
  ...["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "EACCES", "ENXIO"],
]);

/** The parser refuses most of it already; a file system forgives nothing. */
function isPlainName(segment: string): boolean {
  if (segment === "" || /[/\\\0]/.test(segment)) return false;
  return !segment.startsWith(".") || segment === ".well-known";
}

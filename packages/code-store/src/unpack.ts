import { dirname, join } from "node:path";
import type { Random } from "@skerry/base";
import { makeFolder, publishFolder, removeTree } from "./durable.ts";
import { failCode, storing } from "./errors.ts";
import { extractArchive, type UnpackedTree } from "./extract.ts";
import { CODE_STORE_LIMITS, type ArchiveLimits } from "./limits.ts";
import { acceptArchive, archiveFile, type Archive } from "./spool.ts";

export interface UnpackOptions {
  readonly archive: Archive;
  /**
   * Where the tree shall be. Must not exist; its parent must, on the same file system as `into`.
   */
  readonly into: string;
  /** What differs from CODE_STORE_LIMITS. */
  readonly limits?: Partial<ArchiveLimits>;
}

/**
 * Unpacks a zip archive that nobody trusts, all or nothing: `into` appears complete and durable, or
 * not at all. Works in a hidden folder beside `into`, which is gone when the call ends. Throws
 * ARCHIVE_… reasons for what is wrong with the archive, CODE_UPLOAD_BROKEN, CODE_TARGET_EXISTS,
 * CODE_STORE_FULL or CODE_STORE_IO.
 */
export async function unpackArchive(
  deps: { readonly random: Random },
  { archive, into, limits: changed }: UnpackOptions,
): Promise<UnpackedTree> {
  acceptArchive(archive);
  const limits: ArchiveLimits = { ...CODE_STORE_LIMITS, ...changed };
  const token = Buffer.from(deps.random.bytes(12)).toString("hex");
  const workspace = join(dirname(into), `.unpack-${token}`);
  const tree = join(workspace, "tree");
  return storing(async () => {
    try {
      await makeFolder(workspace);
      const bytesMax = limits.archiveBytesMax;
      const archivePath = await archiveFile(archive, { workspace, bytesMax });
      await makeFolder(tree);
      const unpacked = await extractArchive({ archivePath, into: tree, limits });
      const published = await publishFolder(tree, into);
      if (!published) throw failCode("CODE_TARGET_EXISTS", { path: into });
      return unpacked;
    } finally {
      await removeTree(workspace);
    }
  });
}

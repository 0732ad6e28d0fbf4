/**
 * What the platform lays down for sandboxes, such as runtimes and tools, is trusted by its name
 * alone: all of it is on disk before it has that name, so that a power cut leaves it whole or
 * absent. It is made beside its place as `NAME.new-PID`, which the next start sweeps.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { publishTree } from "@skerry/code-store";

/**
 * Has `make` fill a fresh folder, which then gets the name `directory`. Several processes at once
 * may; what the first to finish made is what stays.
 */
export async function layDownOnce(
  directory: string,
  make: (fresh: string) => Promise<void>,
): Promise<void> {
  const fresh = `${directory}.new-${process.pid}`;
  let hasName = false;
  try {
    await rm(fresh, { recursive: true, force: true });
    await mkdir(dirname(directory), { recursive: true, mode: 0o755 });
    await mkdir(fresh);
    await make(fresh);
    hasName = await publishTree(fresh, directory);
  } finally {
    if (!hasName) await rm(fresh, { recursive: true, force: true });
  }
}

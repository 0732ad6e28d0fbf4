/**
 * Removes what a sandbox wrote. Trees deeper than any path, and folders that their owner may not
 * enter, are nothing to `fs.rm`; the machine's own tools go through them by descriptor.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * True when nothing of it is left. Never rejects: what stays must not keep anybody from working.
 */
export async function removeTree(path: string): Promise<boolean> {
  if (await succeeds("rm", ["-rf", "--", path])) return true;
  await succeeds("chmod", ["-R", "u+rwX", "--", path]);
  return await succeeds("rm", ["-rf", "--", path]);
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(program, [...args]);
    return true;
  } catch {
    return false;
  }
}

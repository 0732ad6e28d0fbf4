/** npm, copied at its first use to where sandboxes of any uid can run it. */
import { existsSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface NpmTool {
  /** Part of the key of everything that it installs. */
  readonly version: string;
  directory(): Promise<string>;
}

export function findNpmTool(toolsDirectory: string): NpmTool {
  const source = dirname(createRequire(import.meta.url).resolve("npm/package.json"));
  const manifest = readFileSync(join(source, "package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { readonly version: string };
  const directory = join(toolsDirectory, `npm-${version}`);
  return {
    version,
    directory: async () => {
      if (!existsSync(directory)) await copyOnce(source, directory);
      return directory;
    },
  };
}

/** Several at once may copy; the first to finish is the one that is used. */
async function copyOnce(source: string, directory: string): Promise<void> {
  const fresh = `${directory}.new-${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(dirname(directory), { recursive: true, mode: 0o755 });
  await cp(source, fresh, { recursive: true });
  await chmod(fresh, 0o755);
  await rename(fresh, directory).catch(async (error: unknown) => {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  });
}

/** npm, copied at its first use to where sandboxes of any uid can run it. */
import { existsSync, readFileSync } from "node:fs";
import { chmod, cp } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { layDownOnce } from "./lay-down.ts";

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
  await layDownOnce(directory, async (fresh) => {
    await cp(source, fresh, { recursive: true });
    await chmod(fresh, 0o755);
  });
}

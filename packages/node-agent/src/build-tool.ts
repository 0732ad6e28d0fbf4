/** Copies the bundler's binary to where sandboxes of any uid can run it. */
import { constants, copyFileSync, existsSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { layDownOnce } from "./lay-down.ts";

// Only its number: its program would be a tenth of what an agent loads to start.
const { version: esbuildVersion } = createRequire(import.meta.url)("esbuild/package.json") as {
  readonly version: string;
};

export interface BuildTool {
  readonly directory: string;
  /** Part of every artefact's key. */
  readonly version: string;
}

export async function prepareBuildTool(toolsDirectory: string): Promise<BuildTool> {
  const directory = join(toolsDirectory, `esbuild-${esbuildVersion}`);
  const target = join(directory, "esbuild");
  if (!existsSync(target)) {
    await layDownOnce(directory, layDown);
    // A folder without its binary is what an earlier release left when it was cut off.
    if (!existsSync(target)) {
      await rm(directory, { recursive: true, force: true });
      await layDownOnce(directory, layDown);
    }
    await chmod(toolsDirectory, 0o755);
  }
  return { directory, version: esbuildVersion };
}

async function layDown(fresh: string): Promise<void> {
  copyFileSync(esbuildBinary(), join(fresh, "esbuild"), constants.COPYFILE_FICLONE);
  await chmod(join(fresh, "esbuild"), 0o555);
  await chmod(fresh, 0o755);
}

function esbuildBinary(): string {
  const fromEsbuild = createRequire(import.meta.resolve("esbuild"));
  return fromEsbuild.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`);
}

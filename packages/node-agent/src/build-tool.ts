/** Copies the bundler's binary to where sandboxes of any uid can run it. */
import { constants, copyFileSync, existsSync } from "node:fs";
import { chmod, mkdir, rename } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { version as esbuildVersion } from "esbuild";

export interface BuildTool {
  readonly directory: string;
  /** Part of every artefact's key. */
  readonly version: string;
}

export async function prepareBuildTool(toolsDirectory: string): Promise<BuildTool> {
  const directory = join(toolsDirectory, `esbuild-${esbuildVersion}`);
  const target = join(directory, "esbuild");
  if (!existsSync(target)) {
    await mkdir(directory, { recursive: true });
    const fresh = `${target}.new-${process.pid}`;
    copyFileSync(esbuildBinary(), fresh, constants.COPYFILE_FICLONE);
    await chmod(fresh, 0o555);
    await rename(fresh, target);
    await chmod(toolsDirectory, 0o755);
    await chmod(directory, 0o755);
  }
  return { directory, version: esbuildVersion };
}

function esbuildBinary(): string {
  const fromEsbuild = createRequire(import.meta.resolve("esbuild"));
  return fromEsbuild.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`);
}

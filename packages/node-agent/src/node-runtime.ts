/**
 * Node's runtime: one Node binary and one bundle of the instance runtime, laid down once under the
 * platform's home where every sandbox mounts the same inodes, so that their pages are shared.
 */
import { createHash } from "node:crypto";
import { constants, copyFileSync, existsSync } from "node:fs";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@skerry/base";
import { nodeFlags, RUNTIME_ENTRY, SHIM_MEMORY_MB, warmArgument } from "@skerry/instance-runtime";
import { build, stop } from "esbuild";
import { fileURLToPath } from "node:url";
import { fail } from "./errors.ts";
import type { RuntimeBuild } from "./runtime-build.ts";

export interface NodeRuntimeOptions {
  readonly runtimesDirectory: string;
  readonly nodeBinary: string;
  readonly nodeVersion: string;
}

/** Bundles the runtime and copies the binary, unless both are there already. */
export async function prepareNodeRuntime(options: NodeRuntimeOptions): Promise<RuntimeBuild> {
  try {
    const bundle = await bundleRuntime();
    const digest = createHash("sha256").update(bundle).digest("hex").slice(0, 8);
    const id = `node${options.nodeVersion.replace(/^v/, "")}-${digest}`;
    const directory = join(options.runtimesDirectory, id);
    if (!existsSync(directory)) await layDown({ ...options, directory, bundle });
    const command: RuntimeBuild["command"] = ({ inside, memoryMb, warmFor }) =>
      nodeCommand(inside, memoryMb, warmArgument(warmFor));
    return { id, directory, system: "minimal", command };
  } catch (error) {
    if (PlatformError.is(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw fail("RUNTIME_UNUSABLE", { runtime: options.nodeVersion, why }, error);
  }
}

/**
 * The same files as a shim: it starts the code's own program beside itself, which finds the
 * programs of the machine and this Node.
 */
export function prepareProgramRuntime(node: RuntimeBuild): RuntimeBuild {
  const command: RuntimeBuild["command"] = ({ inside }) =>
    nodeCommand(inside, SHIM_MEMORY_MB, warmArgument("none"));
  return { ...node, id: `${node.id}-program`, system: "host", command };
}

function nodeCommand(inside: string, memoryMb: number, warm: string): readonly string[] {
  return [join(inside, "node"), ...nodeFlags(memoryMb), join(inside, "runtime.cjs"), warm];
}

async function bundleRuntime(): Promise<Uint8Array> {
  const result = await build({
    entryPoints: [fileURLToPath(RUNTIME_ENTRY)],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node24",
    minifySyntax: true,
    legalComments: "none",
    logLevel: "silent",
  });
  // It runs a process of its own, which nobody needs until the next start.
  await stop();
  const [file] = result.outputFiles;
  if (file === undefined) throw fail("RUNTIME_UNUSABLE", { runtime: "node", why: "no bundle" });
  return file.contents;
}

async function layDown(options: {
  readonly directory: string;
  readonly runtimesDirectory: string;
  readonly nodeBinary: string;
  readonly bundle: Uint8Array;
}): Promise<void> {
  const fresh = `${options.directory}.new-${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  await chmod(options.runtimesDirectory, 0o755);
  copyFileSync(options.nodeBinary, join(fresh, "node"), constants.COPYFILE_FICLONE);
  await chmod(join(fresh, "node"), 0o555);
  await writeFile(join(fresh, "runtime.cjs"), options.bundle, { mode: 0o444 });
  await chmod(fresh, 0o755);
  await rename(fresh, options.directory).catch(async (error: unknown) => {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(options.directory)) throw error;
  });
}

/**
 * Node's runtime: one Node binary and one bundle of the instance runtime, laid down once under the
 * platform's home where every sandbox mounts the same inodes, so that their pages are shared.
 */
import { constants, copyFileSync, existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@skerry/base";
import { nodeFlags, SHIM_MEMORY_MB, warmArgument } from "@skerry/instance-runtime";
import { fail } from "./errors.ts";
import { layDownOnce } from "./lay-down.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import { bundleRuntime, findBundled, noteInputs } from "./runtime-bundle.ts";

export interface NodeRuntimeOptions {
  readonly runtimesDirectory: string;
  readonly nodeBinary: string;
  readonly nodeVersion: string;
}

/** Bundles the runtime and copies the binary, unless both are there and nothing changed. */
export async function prepareNodeRuntime(options: NodeRuntimeOptions): Promise<RuntimeBuild> {
  try {
    const prefix = `node${options.nodeVersion.replace(/^v/, "")}-`;
    const found = await findBundled(options.runtimesDirectory, prefix);
    if (found !== undefined) return nodeBuild(found, join(options.runtimesDirectory, found));
    const { bytes, digest, inputs } = await bundleRuntime();
    const id = prefix + digest;
    const directory = join(options.runtimesDirectory, id);
    if (!existsSync(directory)) await layDown({ ...options, directory, bundle: bytes });
    await noteInputs(directory, inputs);
    return nodeBuild(id, directory);
  } catch (error) {
    if (PlatformError.is(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw fail("RUNTIME_UNUSABLE", { runtime: options.nodeVersion, why }, error);
  }
}

/** What `directory` holds, laid down by this release or an earlier one. */
export function nodeBuild(id: string, directory: string): RuntimeBuild {
  const command: RuntimeBuild["command"] = ({ inside, memoryMb, warmFor }) =>
    nodeCommand(inside, memoryMb, warmArgument(warmFor));
  return { id, directory, system: "minimal", command };
}

/** Marks the id of a build that runs as a shim; its files are those of the build without it. */
export const PROGRAM_SUFFIX = "-program";

/**
 * The same files as a shim: it starts the code's own program beside itself, which finds the
 * programs of the machine and this Node.
 */
export function prepareProgramRuntime(node: RuntimeBuild): RuntimeBuild {
  const command: RuntimeBuild["command"] = ({ inside }) =>
    nodeCommand(inside, SHIM_MEMORY_MB, warmArgument("none"));
  return { ...node, id: `${node.id}${PROGRAM_SUFFIX}`, system: "host", command };
}

function nodeCommand(inside: string, memoryMb: number, warm: string): readonly string[] {
  return [join(inside, "node"), ...nodeFlags(memoryMb), join(inside, "runtime.cjs"), warm];
}

async function layDown(options: {
  readonly directory: string;
  readonly runtimesDirectory: string;
  readonly nodeBinary: string;
  readonly bundle: Uint8Array;
}): Promise<void> {
  await layDownOnce(options.directory, async (fresh) => {
    await chmod(options.runtimesDirectory, 0o755);
    copyFileSync(options.nodeBinary, join(fresh, "node"), constants.COPYFILE_FICLONE);
    await chmod(join(fresh, "node"), 0o555);
    await writeFile(join(fresh, "runtime.cjs"), options.bundle, { mode: 0o444 });
    await chmod(fresh, 0o755);
  });
}

/**
 * Node 24, fetched by npm when a function first asks for it: version and checksum stand in the lock
 * file of `node24/`. Installed beside the platform it would take its own Node's place on the PATH.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { certificateEnvironment } from "./certificates.ts";
import { fail } from "./errors.ts";
import { layDownOnce } from "./lay-down.ts";

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL("../node24/", import.meta.url));
const FETCH_TIMEOUT_MS = 240_000;
const NPM_OPTIONS = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];

export interface Node24Options {
  /** Where fetched programs are kept. */
  readonly toolsDirectory: string;
  /** npm's environment: proxies and mirrors of the operator. */
  readonly env: NodeJS.ProcessEnv;
}

/** The binary and its version, as `process.version` has it. Rejects with RUNTIME_MISSING. */
export async function fetchNode24({
  toolsDirectory,
  env,
}: Node24Options): Promise<{ readonly nodeBinary: string; readonly nodeVersion: string }> {
  const directory = join(toolsDirectory, "node24");
  const nodeBinary = join(
    directory,
    "node_modules",
    `node-${process.platform}-${process.arch}`,
    "bin",
    "node",
  );
  try {
    if (!existsSync(nodeBinary)) await fetchInto(directory, env);
    const { stdout } = await run(nodeBinary, ["--version"]);
    return { nodeBinary, nodeVersion: stdout.trim() };
  } catch (error) {
    const { stderr, message } = error as Error & { readonly stderr?: string };
    const why = `it cannot be fetched: ${stderr?.trim() || message}`;
    const install = `cp -r packages/node-agent/node24 ${directory} && npm ci --prefix ${directory}`;
    throw fail("RUNTIME_MISSING", { title: "Node", versionMin: "24", why, install }, error);
  }
}

async function fetchInto(directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  const npm = join(dirname(createRequire(import.meta.url).resolve("npm/package.json")), "bin");
  await rm(directory, { recursive: true, force: true });
  await layDownOnce(directory, async (fresh) => {
    await cp(PROJECT, fresh, { recursive: true });
    await run(process.execPath, [join(npm, "npm-cli.js"), "ci", ...NPM_OPTIONS], {
      cwd: fresh,
      env: { ...certificateEnvironment(), ...env },
      timeout: FETCH_TIMEOUT_MS,
    });
  });
}

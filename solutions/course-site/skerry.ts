/** The command line of the platform, as a person would use it on the built site. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../packages/cli/bin/skerry.mjs", import.meta.url));

export interface Ran {
  readonly exitCode: number;
  /** Both streams, in the order in which they came apart. */
  readonly said: string;
}

/** Runs `skerry ARGS`. `env` tells it where the platform is. */
export function skerry(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { env }, (_, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, said: stdout + stderr });
    });
  });
}

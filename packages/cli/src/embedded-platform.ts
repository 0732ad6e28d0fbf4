/** Starts the platform of this checkout beside the command line, with its own defaults. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fail } from "./errors.ts";

const MAIN = fileURLToPath(new URL("../../../apps/platform/src/main.ts", import.meta.url));
const READY = /is ready/;
const TAIL_MAX = 4_096;

/** Resolves when it is ready, with how to stop it. Throws PLATFORM_NOT_STARTED. */
export async function startEmbeddedPlatform(env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  if (!existsSync(MAIN)) throw fail("PLATFORM_NOT_STARTED", { why: "it is not installed here" });
  // A group of its own: the terminal's Ctrl-C is for the command line, which stops it.
  const child = spawn(process.execPath, [MAIN], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env,
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const hear = (text: Buffer): void => {
      said = (said + text.toString()).slice(-TAIL_MAX);
      if (READY.test(said)) resolve();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    void ended.then(() => reject(fail("PLATFORM_NOT_STARTED", { why: said.trim() })));
  });
  return async () => {
    child.kill("SIGINT");
    await ended;
  };
}

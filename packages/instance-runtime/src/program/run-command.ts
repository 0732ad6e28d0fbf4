/** Runs commands of a build; the proxy to the network is in the environment. */
import type { RunCommand } from "../runtime.ts";
import { startProgram } from "./program.ts";

export function createRunCommand(base: NodeJS.ProcessEnv): RunCommand {
  return async ({ command, directory, env }) => {
    const program = startProgram({ command, directory, env: { ...base, ...env } });
    const { how, code } = await program.ended;
    return code === 0 ? { ok: true } : { ok: false, how };
  };
}

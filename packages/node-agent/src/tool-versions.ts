/** What the machine's package managers say they are: another version may install other files. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 10_000;
const VERSION_CHARS_MAX = 200;
/** Nothing of whoever started the platform: the sandbox will not see it either. */
const ENVIRONMENT = {
  PATH: "/usr/bin:/bin",
  HOME: "/nonexistent",
  COMPOSER_ALLOW_SUPERUSER: "1",
  NO_COLOR: "1",
};

/** Asks each time, because an upgrade leaves no other trace. Empty when the tool is not there. */
export async function toolVersion([program = "", ...args]: readonly string[]): Promise<string> {
  const options = { cwd: "/", timeout: VERSION_TIMEOUT_MS, env: ENVIRONMENT };
  const { stdout } = await run(program, args, options).catch(() => ({ stdout: "" }));
  return stdout.trim().slice(0, VERSION_CHARS_MAX);
}

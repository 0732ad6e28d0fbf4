/** Deploys the app as it stands, but for where Redis is and how many instances there may be. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const CLI = fileURLToPath(new URL("../../../packages/cli/bin/skerry.mjs", import.meta.url));

export interface DeployOptions {
  /** `HOST:PORT`. */
  readonly redis: string;
  readonly instances: number;
  /** How the command finds the platform. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export async function deployApp({ redis, instances, env }: DeployOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "hotel-prices-"));
  try {
    cpSync(join(HERE, "apply"), join(folder, "apply"), { recursive: true });
    const manifest = readFileSync(join(HERE, "skerry.yaml"), "utf8")
      .replace("127.0.0.1:6379", redis)
      .replace(/maxInstances: \d+/, `maxInstances: ${instances}`);
    writeFileSync(join(folder, "skerry.yaml"), manifest);
    await promisify(execFile)(process.execPath, [CLI, "deploy", folder], { env });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Documents as a person follows them: their examples, pasted into a shell. */
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const CLI = fileURLToPath(new URL("../packages/cli/bin/skerry.mjs", import.meta.url));
const TIMEOUT_MS = 600_000;

/** The texts of the code fences with this info string. */
export function fencesOf(document: string, info: string): readonly string[] {
  const pattern = new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...document.matchAll(pattern)].map(([, text]) => text ?? "");
}

/**
 * Runs commands as a person would paste them into a shell, where `npx skerry` is this checkout's;
 * a command that fails ends it. Resolves with what they printed. `cwd` is an empty folder when
 * absent.
 */
export async function paste(
  script: string,
  { env, cwd }: { readonly env: Readonly<Record<string, string>>; readonly cwd?: string },
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-paste-"));
  try {
    const node = dirname(process.execPath);
    const npx = join(folder, "npx");
    writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${CLI}' "$@"\n`);
    chmodSync(npx, 0o755);
    const { stdout } = await promisify(execFile)("bash", ["-euc", script], {
      cwd: cwd ?? folder,
      env: { ...env, PATH: `${folder}:${node}:${process.env["PATH"]}`, HOME: folder },
      timeout: TIMEOUT_MS,
    });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Documents as a person follows them: their examples, pasted into a shell. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const CLI = fileURLToPath(new URL("../packages/cli/bin/skerry.mjs", import.meta.url));
const TIMEOUT_MS = 600_000;
/** Of one script, in a row. */
const LATE_LOGS_MAX = 10;

/** The texts of the code fences with this info string. */
export function fencesOf(document: string, info: string): readonly string[] {
  const pattern = new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...document.matchAll(pattern)].map(([, text]) => text ?? "");
}

/** The first code fence with this info string; there is one. */
export function fenceOf(document: string, info: string): string {
  const [text] = fencesOf(document, info);
  assert.ok(text !== undefined, `the document has a fence ${info}`);
  return text;
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
      env: {
        ...compiled(),
        ...env,
        PATH: `${folder}:${node}:${process.env["PATH"]}`,
        HOME: folder,
      },
      timeout: TIMEOUT_MS,
    });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A compile cache only saves time; a new home has none of its own. */
function compiled(): Readonly<Record<string, string>> {
  const { NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}

/**
 * The same for a script that shows a log right behind a call. What an instance prints comes by way
 * of its agent, and a busy one reads it late: then the script runs again. A command that fails ends
 * it all the same.
 */
export async function pasteWithLog(
  script: string,
  line: RegExp,
  options: Parameters<typeof paste>[1],
): Promise<string> {
  let printed = "";
  for (let turn = 0; turn < LATE_LOGS_MAX && !line.test(printed); turn += 1)
    printed = await paste(script, options);
  assert.match(printed, line);
  return printed;
}

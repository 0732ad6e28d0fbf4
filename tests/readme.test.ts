/** The README's tour works as it is printed, against a platform that was just started. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startPlatform } from "@skerry/testkit";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const CLI = fileURLToPath(new URL("../packages/cli/bin/skerry.mjs", import.meta.url));
const TIMEOUT = { timeout: 180_000 };

/** The text of the code fences with this info string. */
function fences(info: string): readonly string[] {
  const pattern = new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...README.matchAll(pattern)].map(([, text]) => text ?? "");
}

/** Runs as a person would paste it; a command that fails ends it. */
async function paste(script: string, cwd: string, env: Record<string, string>): Promise<string> {
  const npx = join(cwd, "npx");
  writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  chmodSync(npx, 0o755);
  const { stdout } = await promisify(execFile)("bash", ["-e", "-u", "-c", script], {
    cwd,
    env: { ...env, PATH: `${cwd}:${process.env["PATH"]}`, HOME: cwd },
    timeout: TIMEOUT.timeout,
  });
  return stdout;
}

test("the README's tour runs as it is printed", TIMEOUT, async () => {
  const [tour] = fences("sh tour");
  assert.ok(tour !== undefined, "the README has a tour");
  const folder = mkdtempSync(join(tmpdir(), "skerry-tour-"));
  const platform = await startPlatform();
  try {
    const printed = await paste(tour, folder, platform.cliEnvironment);
    assert.match(printed, /Good morning, Ada\./);
    assert.match(printed, /START .*\n(?:.*\n)*.*asked by Ada(?:.*\n)*.*REPORT /);
    assert.match(printed, /Nothing to change/);
    assert.match(printed, /tour\/greeter/);
    const apps = await platform.client.listApps();
    const params = { app: "tour" };
    const left = apps.items.some(({ name }) => name === "tour")
      ? (await platform.client.listFunctions({ params })).items
      : [];
    assert.deepEqual(left, [], "the tour cleans up after itself");
  } finally {
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a tour with a command that fails is noticed (negative control)", TIMEOUT, async () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-tour-"));
  try {
    await assert.rejects(paste("npx skerry no-such-command\n", folder, {}));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { platformConfig } from "@skerry/contracts/schemas";
import { until } from "@skerry/testkit";
import { layoutOf, prepareHome } from "../layout.ts";

const IDLE_ROLE = fileURLToPath(new URL("../../test/idle-role.ts", import.meta.url));

/** A role's process that ends with the test; its compiled programs are kept at `cache`. */
function startRole(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), "skerry-role-"));
  prepareHome(layoutOf(home));
  const cache = join(home, "compiled");
  const role = spawn(process.execPath, [IDLE_ROLE], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: cache,
      SKERRY_ROLE_CONFIG: JSON.stringify(platformConfig.parse({ home })),
    },
  });
  const ended = once(role, "exit");
  const { stdout } = role;
  assert.ok(stdout !== null);
  const said = { text: "", whole: once(stdout, "end") };
  stdout.setEncoding("utf8").on("data", (text: string) => (said.text += text));
  t.after(async () => {
    role.kill("SIGKILL");
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  return { role, cache, ended, said };
}

test("what a role has compiled is kept while it serves, so that its being killed loses none", async (t) => {
  const { role, cache } = startRole(t);
  const kept = (): number =>
    existsSync(cache) ? readdirSync(cache).flatMap((of) => readdirSync(join(cache, of))).length : 0;
  await until("compiled programs are kept", () => kept() > 0, { deadlineMs: 60_000 });
  assert.equal(role.exitCode, null, "it serves on");
});

test("a role whose supervisor is gone puts its things away once, however it learns of that", async (t) => {
  const { role, ended, said } = startRole(t);
  const isReady = (message: unknown): boolean =>
    (message as { readonly op: string }).op === "ready";
  await new Promise<void>((resolve) => {
    role.on("message", (message) => {
      if (isReady(message)) resolve();
    });
  });
  role.disconnect();
  assert.deepEqual(await ended, [0, null]);
  await said.whole;
  assert.equal(said.text, "putting away\n");
});

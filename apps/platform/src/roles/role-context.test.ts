import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { platformConfig } from "@skerry/contracts/schemas";
import { until } from "@skerry/testkit";
import { layoutOf, prepareHome } from "../layout.ts";

const IDLE_ROLE = fileURLToPath(new URL("../../test/idle-role.ts", import.meta.url));

test("what a role has compiled is kept while it serves, so that its being killed loses none", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "skerry-role-"));
  prepareHome(layoutOf(home));
  const cache = join(home, "compiled");
  const role = spawn(process.execPath, [IDLE_ROLE], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: cache,
      SKERRY_ROLE_CONFIG: JSON.stringify(platformConfig.parse({ home })),
    },
  });
  const ended = once(role, "exit");
  t.after(async () => {
    role.kill("SIGKILL");
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  const kept = (): number =>
    existsSync(cache) ? readdirSync(cache).flatMap((of) => readdirSync(join(cache, of))).length : 0;
  await until("compiled programs are kept", () => kept() > 0, { deadlineMs: 60_000 });
  assert.equal(role.exitCode, null, "it serves on");
});

/** A home that an earlier release wrote is opened by this one: nothing is lost, and it goes on. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startPlatform } from "@skerry/testkit";

const FIXTURES = fileURLToPath(new URL("fixtures", import.meta.url));
const TIMEOUT = { timeout: 120_000 };

/** A copy of a kept home that this run may change. */
function copyOf(name: string): string {
  const home = mkdtempSync(join(tmpdir(), "skerry-upgrade-"));
  cpSync(join(FIXTURES, name), home, { recursive: true });
  chmodSync(home, 0o755);
  return home;
}

for (const name of readdirSync(FIXTURES)) {
  test(`the home ${name} of an earlier release is opened and goes on`, TIMEOUT, async () => {
    const home = copyOf(name);
    const platform = await startPlatform({ home });
    try {
      const params = { app: "kept", fn: "greeter" };
      const found = await platform.client.getFunction({ params });
      assert.deepEqual(found.latest.config.env, { COLOUR: "blue" });
      const answer = await fetch(`${platform.gatewayUrl}/-/kept/greeter/`);
      assert.deepEqual(await answer.json(), { greeting: "from an earlier release" });
      const { items } = await platform.client.listInvocations({ params });
      assert.ok(items.length >= 1, "the record of the earlier release is there");
      const files = { "index.ts": "export const handler = () => ({ greeting: 'from this one' });" };
      await platform.deploy({ app: "kept", fn: "greeter", files, config: { auth: "none" } });
      const after = await fetch(`${platform.gatewayUrl}/-/kept/greeter/`);
      assert.deepEqual(await after.json(), { greeting: "from this one" });
    } finally {
      await platform.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });
}

test(
  "a home of a later release is refused with what to do, and is not changed",
  TIMEOUT,
  async () => {
    const home = copyOf("home-1");
    try {
      writeFileSync(join(home, "state", "store.json"), JSON.stringify({ format: 999 }));
      await assert.rejects(startPlatform({ home }), /format|release|newer/i);
      assert.ok(!readdirSync(home).includes("admin.key"));
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
);

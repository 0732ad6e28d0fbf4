/**
 * Makes the fixture of this release's files for the upgrade test: a home in which one function was
 * deployed and called. Run it once per release, `node tests/make-home-fixture.ts NAME`, and keep
 * every earlier fixture.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startPlatform, until } from "@skerry/testkit";

/** What a later release must be able to open; the rest is made anew at each start. */
const KEPT = ["code", "node.json", "snapshots", "spool", "state"];

const name = process.argv[2] ?? "home-1";
const target = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const home = mkdtempSync(join(tmpdir(), "skerry-fixture-"));
// Sandboxes have uids of their own and must be able to enter it.
chmodSync(home, 0o755);
const platform = await startPlatform({ home });
await platform.deploy({
  app: "kept",
  fn: "greeter",
  files: {
    "index.ts": `export const handler = () => ({ greeting: "from an earlier release" });\n`,
  },
  config: { auth: "none", env: { COLOUR: "blue" } },
});
const answer = await fetch(`${platform.gatewayUrl}/-/kept/greeter/`);
if (!answer.ok) throw new Error(`the function answered ${answer.status}`);
const params = { app: "kept", fn: "greeter" };
await until("the record is kept", async () => {
  return (await platform.client.listInvocations({ params })).items.length === 1;
});
await platform.stop();
rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const entry of KEPT) cpSync(join(home, entry), join(target, entry), { recursive: true });
rmSync(home, { recursive: true, force: true });

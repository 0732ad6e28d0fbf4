/** Says in one line what holds the limits of a sandbox here. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog, systemClock } from "@skerry/base";
import { openSandboxDriver } from "@skerry/sandbox";

const home = mkdtempSync(join(tmpdir(), "skerry-level-"));
chmodSync(home, 0o755);
const driver = await openSandboxDriver({ clock: systemClock(), log: silentLog() }, { home });
const { label, limits, rest } = driver.level;
process.stdout.write(`# level ${JSON.stringify({ label, ...limits, rest })}\n`);
await driver.close();
rmSync(home, { recursive: true });

/**
 * Makes the fixture of this release's files for the upgrade test: a home in which functions were
 * deployed and called, and whose platform was killed before control had read the spools. Run it
 * once per release, `node tests/make-home-fixture.ts NAME`, list its contents in upgrade.test.ts,
 * and keep every earlier fixture.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { callHttp, startPlatform, until, type Platform } from "@skerry/testkit";

/** What a later release must be able to open; the rest is made anew at each start. */
const KEPT = ["code", "node.json", "snapshots", "spool", "state"];
const SEGMENT = /\.seg$/;
/** Loads only with its configuration. */
const PICKY = `const length = process.env.COLOUR.length;
export const handler = () => length;
`;
const GREETER = `export const handler = (event) => {
  console.log("asked by", event.query?.name ?? "nobody");
  return { greeting: "from an earlier release" };
};
`;

async function call(platform: Platform, path: string, status: number): Promise<void> {
  const answer = await callHttp({ port: platform.gatewayPort, path });
  assert.equal(answer.status, status, answer.text);
}

async function fill(platform: Platform): Promise<void> {
  const [app, auth, env] = ["kept", "none", { COLOUR: "blue" }] as const;
  const greeter = { app, fn: "greeter", files: { "index.ts": GREETER } };
  await platform.deploy({ ...greeter, config: { auth, env } });
  const picky = { app, fn: "picky", files: { "index.ts": PICKY } };
  await platform.deploy({ ...picky, config: { auth, env } });
  await platform.deploy({ ...picky, config: { auth } });
  await call(platform, "/-/kept/greeter/?name=Ada", 200);
  await call(platform, "/-/kept/picky/", 502);
  for (const fn of ["greeter", "picky"]) {
    await until(`the record of ${fn} is kept`, async () => {
      const params = { app, fn };
      return (await platform.client.listInvocations({ params })).items.length === 1;
    });
  }
}

/** Calls that control does not learn of, because it stands still and is then killed. */
async function leaveUnread(platform: Platform, spool: string): Promise<void> {
  for (const pid of platform.pids("control")) process.kill(pid, "SIGSTOP");
  await call(platform, "/-/kept/greeter/?name=Grace", 200);
  await call(platform, "/-/kept/picky/", 502);
  await until("the line is in the spool", () => textOf(spool).includes("asked by Grace"));
  await platform.kill("all");
}

function textOf(spool: string): string {
  return readdirSync(spool, { recursive: true, encoding: "utf8" })
    .filter((path) => SEGMENT.test(path))
    .map((path) => readFileSync(join(spool, path), "utf8"))
    .join("");
}

/** Brings the log of the last writes into the database itself: a fixture should be small. */
function shrink(state: string): void {
  for (const file of readdirSync(state).filter((one) => one.endsWith(".db"))) {
    const database = new DatabaseSync(join(state, file));
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
  }
}

const name = process.argv[2];
assert.ok(name !== undefined, "a name for the fixture");
const target = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const home = mkdtempSync(join(tmpdir(), "skerry-fixture-"));
// Sandboxes have uids of their own and must be able to enter it.
chmodSync(home, 0o755);
const platform = await startPlatform({ home });
try {
  await fill(platform);
  await leaveUnread(platform, join(home, "spool", "logs"));
  shrink(join(home, "state"));
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const entry of KEPT) cpSync(join(home, entry), join(target, entry), { recursive: true });
  // Sweeps what the killed one left on this machine.
  await platform.start();
  await platform.stop();
} finally {
  await platform.abandon();
  rmSync(home, { recursive: true, force: true });
}

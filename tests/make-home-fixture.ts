/**
 * Makes the fixture of this release's files for the upgrade test: a home in which functions were
 * deployed and called, one with a secret, a config object, a layer and a schedule, which holds work
 * for later and what calls it (`upgrade/later-work.ts`), and whose
 * platform was killed before control had read the spools. Its master key and the value of its
 * secret are made for it and used nowhere else. Run it once per release,
 * `node tests/make-home-fixture.ts NAME`, list its contents in upgrade.test.ts, and keep every
 * earlier fixture.
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
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { packFolder } from "@skerry/sdk/pack";
import { callHttp, startPlatform, until, type Platform } from "@skerry/testkit";
import { fill as fillLater } from "./upgrade/later-work.ts";

/** What a later release must be able to open; the rest is made anew at each start. */
const KEPT = ["code", "node.json", "secrets.key", "snapshots", "spool", "state"];
const SEGMENT = /\.seg$/;
/** Fails where it is to serve: a build does not run `init`. */
const PICKY = `export const init = () => {
  throw new RangeError("not here");
};
export const handler = () => 0;
`;
const GREETER = `export const handler = (event) => {
  console.log("asked by", event.query?.name ?? "nobody");
  return { greeting: "from an earlier release" };
};
`;
/** Needs all that a function can be given. */
const LENT = `import { readFileSync } from "node:fs";
const { TOKEN, SKERRY_CONFIG_DIR, SKERRY_LAYERS } = process.env;
export const handler = () => ({
  secretChars: TOKEN.length,
  config: readFileSync(SKERRY_CONFIG_DIR + "/word", "utf8"),
  layer: readFileSync(SKERRY_LAYERS + "/word", "utf8"),
});
`;

async function call(platform: Platform, path: string, status: number): Promise<void> {
  const answer = await callHttp({ port: platform.gatewayPort, path });
  assert.equal(answer.status, status, answer.text);
}

async function fill(platform: Platform): Promise<void> {
  const [app, auth, env] = ["kept", "none", { COLOUR: "blue" }] as const;
  const greeter = { app, fn: "greeter", files: { "index.ts": GREETER } };
  await platform.deploy({ ...greeter, config: { auth, env } });
  await platform.deploy({ app, fn: "picky", files: { "index.ts": PICKY }, config: { auth } });
  await lend(platform, app);
  await call(platform, "/-/kept/greeter/?name=Ada", 200);
  await call(platform, "/-/kept/picky/", 502);
  await call(platform, "/-/kept/lent/", 200);
  for (const fn of ["greeter", "picky", "lent"]) {
    await until(`the record of ${fn} is kept`, async () => {
      const params = { app, fn };
      return (await platform.client.listInvocations({ params })).items.length === 1;
    });
  }
}

/** A function with a secret of its app, a config object, a layer and a schedule; and a quota. */
async function lend(platform: Platform, app: string): Promise<void> {
  const { client } = platform;
  await client.putAppSecret({ params: { app, secret: "token" }, body: { value: "of-a-fixture" } });
  await client.putConfig({ params: { app, config: "word" }, body: { content: "from a file" } });
  const folder = mkdtempSync(join(tmpdir(), "skerry-layer-"));
  writeFileSync(join(folder, "word"), "from a layer");
  const { digest, archive } = await packFolder(folder);
  await client.putPackage({ params: { app, digest }, archive });
  rmSync(folder, { recursive: true });
  await platform.deploy({
    ...{ app, fn: "lent", files: { "index.ts": LENT } },
    config: {
      ...{ auth: "none", secrets: { TOKEN: "token" }, layers: [digest] },
      provisionedSchedules: [{ instances: 1, cron: "0 3 1 1 *", durationMinutes: 1 }],
    },
  });
  await client.putQuotas({ body: { concurrency: 50 } });
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
  await fillLater(platform);
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

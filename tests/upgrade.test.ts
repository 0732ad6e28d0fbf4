/** A home that an earlier release wrote is opened by this one: nothing is lost, and it goes on. */
import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fetchOnce, startPlatform, until, type Platform } from "@skerry/testkit";
import { assertKept as assertKeptLater, KEEPS_ALL } from "./upgrade/later-work.ts";

const FIXTURES = fileURLToPath(new URL("fixtures", import.meta.url));
const TIMEOUT = { timeout: 600_000 };

/** A copy of a kept home that this run may change. */
function copyOf(name: string): string {
  const home = mkdtempSync(join(tmpdir(), "skerry-upgrade-"));
  cpSync(join(FIXTURES, name), home, { recursive: true });
  chmodSync(home, 0o755);
  const key = join(home, "secrets.key");
  // Version control keeps no such modes.
  if (existsSync(key)) chmodSync(key, 0o600);
  return home;
}

/** What calls of the earlier release must have left, told as `START KIND outcome` and texts. */
interface Contents {
  readonly records: Readonly<Record<string, readonly string[]>>;
  /** Lines that its functions printed. */
  readonly printed: readonly string[];
  /** Whether there is one that needs a secret, a config object and a layer. */
  readonly lends?: true;
  /** Whether there is work for later, and what calls it. */
  readonly isForLater?: true;
}

const CONTENTS: Readonly<Record<string, Contents>> = {
  "home-1": { records: { greeter: ["blank ok"] }, printed: [] },
  // Of each pair the second, and the second line, were in a spool that nobody had read.
  "home-2": {
    records: {
      greeter: ["blank ok", "warm ok"],
      picky: ["none init_failed", "none init_failed"],
    },
    printed: ["asked by Ada", "asked by Grace"],
  },
  "home-3": {
    records: {
      greeter: ["blank ok", "warm ok"],
      picky: ["none init_failed", "none init_failed"],
      lent: ["fresh ok"],
    },
    printed: ["asked by Ada", "asked by Grace"],
    lends: true,
  },
  "home-4": {
    records: {
      greeter: ["blank ok", "resumed ok"],
      picky: ["none init_failed", "none init_failed"],
      lent: ["fresh ok"],
    },
    printed: ["asked by Ada", "asked by Grace"],
    lends: true,
    isForLater: true,
  },
};

async function assertKept(platform: Platform, { records, printed }: Contents): Promise<void> {
  for (const [fn, wanted] of Object.entries(records)) {
    const params = { app: "kept", fn };
    let found: readonly string[] = [];
    await until("its records", async () => {
      const { items } = await platform.client.listInvocations({ params });
      found = items.map(({ startKind, outcome }) => `${startKind} ${outcome}`).toReversed();
      return found.length >= wanted.length;
    }).catch(() => undefined);
    assert.deepEqual(found, wanted, fn);
  }
  let lines: readonly string[] = [];
  await until("its lines", async () => {
    lines = await linesOf(platform);
    return lines.length >= printed.length;
  }).catch(() => undefined);
  assert.deepEqual(lines, printed);
}

async function linesOf(platform: Platform): Promise<readonly string[]> {
  const lines: string[] = [];
  const params = { app: "kept", fn: "greeter" };
  for await (const { stream, text } of platform.client.listLogs({ params })) {
    if (stream === "console") lines.push(text);
  }
  return lines;
}

/** What the earlier release lent to a function is lent by this one, and can be changed. */
async function assertLent({ client, gatewayUrl }: Platform): Promise<void> {
  const call = async (): Promise<unknown> => (await fetchOnce(`${gatewayUrl}/-/kept/lent/`)).json();
  const lent = { secretChars: 12, config: "from a file", layer: "from a layer" };
  assert.deepEqual(await call(), lent);
  const { latest } = await client.getFunction({ params: { app: "kept", fn: "lent" } });
  assert.deepEqual(latest.config.provisionedSchedules, [
    { instances: 1, cron: "0 3 1 1 *", timezone: "UTC", durationMinutes: 1 },
  ]);
  assert.equal((await client.getQuotas()).quotas.concurrency, 50);
  const rotated = await client.rotateSecretsKey({ body: {} });
  assert.deepEqual([rotated.rewrapped, rotated.complete], [1, true]);
  await client.putAppSecret({ params: { app: "kept", secret: "token" }, body: { value: "new" } });
  await until("the new value", async () => {
    return JSON.stringify(await call()) === JSON.stringify({ ...lent, secretChars: 3 });
  });
}

test("every kept home is looked into", () => {
  assert.deepEqual(Object.keys(CONTENTS), readdirSync(FIXTURES).toSorted());
});

for (const [name, contents] of Object.entries(CONTENTS)) {
  test(`the home ${name} of an earlier release is opened and goes on`, TIMEOUT, async () => {
    const home = copyOf(name);
    const platform = await startPlatform({ home, settings: KEEPS_ALL });
    try {
      await assertKept(platform, contents);
      const params = { app: "kept", fn: "greeter" };
      const found = await platform.client.getFunction({ params });
      assert.deepEqual(found.latest.config.env, { COLOUR: "blue" });
      const answer = await fetchOnce(`${platform.gatewayUrl}/-/kept/greeter/`);
      assert.deepEqual(await answer.json(), { greeting: "from an earlier release" });
      if (contents.lends === true) await assertLent(platform);
      if (contents.isForLater === true) await assertKeptLater(platform);
      // The fixture is without that release's runtimes.
      const told = (): number =>
        platform.logTail(2_000).split("a recorded runtime is not kept here").length - 1;
      await until("the log says so", () => told() > 0);
      assert.equal(told(), 1);
      const files = { "index.ts": "export const handler = () => ({ greeting: 'from this one' });" };
      await platform.deploy({ app: "kept", fn: "greeter", files, config: { auth: "none" } });
      const after = await fetchOnce(`${platform.gatewayUrl}/-/kept/greeter/`);
      assert.deepEqual(await after.json(), { greeting: "from this one" });
      const { latest } = await platform.client.getFunction({ params });
      assert.notEqual(latest.runtimeBuild, found.latest.runtimeBuild);
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

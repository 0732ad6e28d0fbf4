import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type FakePlatform, refusal, startFakePlatform } from "@skerry/testkit/clients";
import { runCli, type CliOptions } from "../test/run-cli.ts";

const RUN = ["rm", "shop", "--yes"];

/** A platform that remembers the idempotency keys of removals, and refuses them while `away`. */
async function removing(t: TestContext) {
  const keys: (string | undefined)[] = [];
  const state = { away: false };
  const platform: FakePlatform = await startFakePlatform({
    listFunctions: () => ({ items: [], nextCursor: null }),
    deleteApp: ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (state.away) throw refusal("UNAVAILABLE", "AWAY");
    },
    getPlatform: () => {
      throw refusal("UNAVAILABLE", "AWAY");
    },
  });
  t.after(() => platform[Symbol.asyncDispose]());
  const run = (args: readonly string[], env: CliOptions["env"] = {}) =>
    runCli(args, { url: platform.url, env });
  return { keys, state, run, asked: platform.asked };
}

test("a command that is run again with the same id sends the same idempotency keys", async (t) => {
  const { keys, run } = await removing(t);
  await run([...RUN, "--idempotency-key", "build-7"]);
  await run(RUN, { SKERRY_IDEMPOTENCY_KEY: "build-7" });
  await run(RUN);
  await run(RUN);
  assert.equal(keys[0], "build-7.1.deleteApp/shop");
  assert.equal(keys[1], keys[0]);
  assert.equal(new Set(keys).size, 3, "without an id every run has its own");
});

test("a command that gives up says with what to run it again, and only when it changed something", async (t) => {
  const { keys, state, run } = await removing(t);
  state.away = true;
  const { stderr } = await run(RUN);
  const [, id = ""] = /add --idempotency-key (\S+)/.exec(stderr) ?? [];
  state.away = false;
  const again = await run([...RUN, "--idempotency-key", id]);
  assert.equal(again.exitCode, 0, again.stderr);
  assert.equal(keys.length, 2);
  assert.equal(keys[1], keys[0]);
  const read = await run(["status"]);
  assert.match(read.stderr, /AWAY/);
  assert.doesNotMatch(read.stderr, /idempotency/);
});

test("an id that no header can carry is refused before anything is asked", async (t) => {
  const { run, asked } = await removing(t);
  for (const id of ["two words", "é", "x".repeat(61)]) {
    const { exitCode, stderr } = await run([...RUN, "--idempotency-key", id]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /IDEMPOTENCY_KEY_MALFORMED/);
  }
  assert.deepEqual(asked, []);
});

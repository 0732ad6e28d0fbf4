/** Redrives as a command line shows them: what is asked for, how far they are, and what goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RedriveResource } from "@skerry/api-schema";
import { startFakePlatform, onTerminal, withPipes } from "@skerry/testkit/clients";
import { redriveAnswers, redriveOf } from "../test/redrives.ts";
import { REDRIVE_COMMANDS } from "./redrives.ts";

const runPiped = withPipes(REDRIVE_COMMANDS);
const runOnTerminal = onTerminal(REDRIVE_COMMANDS);

const COUNTED = { counting: false, matched: 4, redriven: 1, left: 3 };
const ENDED = { ...COUNTED, endedAt: "2026-01-01T00:01:00.000Z" };

test("a redrive is asked for as it was said", async () => {
  const bodies: unknown[] = [];
  await using platform = await startFakePlatform({
    ...redriveAnswers(),
    createRedrive: ({ body }) => redriveOf({ id: `rdr_${bodies.push(body)}` }),
  });
  const said = ["shop/cart", "--state", "failed", "--limit", "20", "--rate", "40.5/s", "--dry-run"];
  const to = ["--qualifier", "release"];
  await runPiped(["invocations", "redrive", ...said, ...to, "--detach"], platform);
  await runPiped(["invocations", "redrive", "--detach"], platform);
  const [first, second] = bodies;
  const asked = { app: "shop", function: "cart", state: "failed", limit: 20, ratePerSecond: 40.5 };
  assert.deepEqual(first, { ...asked, qualifier: "release", dryRun: true });
  assert.deepEqual(second, { dryRun: false });
  for (const [flag = "", value = "", why] of [
    ...[
      ["--rate", "fast", /such as 10\/s/] as const,
      ["--qualifier", "A", /the number of a version/] as const,
    ],
    ["--state", "running", /one of failed, expired/] as const,
  ]) {
    const wrong = await runPiped(["invocations", "redrive", "shop", flag, value], platform);
    assert.match(wrong.stderr, why);
  }
  assert.equal(bodies.length, 2);
});

test("a redrive of dead letters is asked for and told of as one of invocations is", async () => {
  const bodies: unknown[] = [];
  const { filter } = redriveOf();
  const one = redriveOf({ filter: { ...filter, trigger: "store" }, target: "mended" });
  await using platform = await startFakePlatform({
    ...redriveAnswers(),
    createRedrive: ({ body }) => {
      bodies.push(body);
      return one;
    },
    getRedrive: () => ({ ...one, ...ENDED, state: "done", matched: 5, skipped: 1, redriven: 4 }),
    listRedrives: () => ({ items: [one], nextCursor: null }),
  });
  const of = ["triggers", "redrive", "store", "--app", "shop"];
  const how = ["--function", "mended", "--limit", "5", "--rate", "2", "--qualifier", "3"];
  const times = ["--from", "2030-01-01T08:00:00Z"];
  const { stdout } = await runPiped([...of, ...how, ...times], platform);
  assert.match(stdout, /Accepted 4 dead letters anew\.\n1 were not there any more\./);
  await runPiped([...of, "--dry-run", "--detach"], platform);
  const said = { app: "shop", trigger: "store" };
  const [first, second] = bodies;
  assert.deepEqual(first, {
    ...{ ...said, target: "mended", from: "2030-01-01T08:00:00Z" },
    ...{ limit: 5, ratePerSecond: 2, qualifier: "3", dryRun: false },
  });
  assert.deepEqual(second, { ...said, dryRun: true });
  const listed = await runPiped(["redrives", "ls"], platform);
  assert.match(listed.stdout, /dead letters of shop\/store/);
  const wrong = await runPiped(["triggers", "redrive", "store"], platform);
  assert.match(wrong.stderr, /--app/);
});

test("who interrupts a redrive that is followed hears how to end it, and ends nothing", async () => {
  const stop = new AbortController();
  let cancelled = 0;
  await using platform = await startFakePlatform({
    ...redriveAnswers(),
    getRedrive: () => {
      stop.abort();
      return redriveOf(COUNTED);
    },
    cancelRedrive: () => redriveOf({ matched: (cancelled += 1) }),
  });
  const options = { url: platform.url, signal: stop.signal };
  const { exitCode, stderr } = await runOnTerminal(["invocations", "redrive", "shop"], options);
  assert.equal(exitCode, 130);
  assert.match(stderr, /It goes on; end it with `skerry redrives cancel rdr_1`\.\n$/);
  assert.equal(cancelled, 0);
});

test("following shows each change once, to the end, and fails when the redrive has", async () => {
  const error = {
    code: "UNAVAILABLE",
    reason: "STORE_GONE",
    message: "It is gone.",
    hint: "Look.",
  };
  const stands: RedriveResource[] = [
    ...[redriveOf(), redriveOf(COUNTED), redriveOf(COUNTED)],
    redriveOf({ ...ENDED, state: "failed", error }),
  ];
  let reads = 0;
  await using platform = await startFakePlatform({
    ...redriveAnswers(),
    getRedrive: () => stands[Math.min(reads++, stands.length - 1)] ?? redriveOf(),
  });
  const asked = ["redrives", "show", "rdr_1", "--follow", "--json"];
  const { stdout, exitCode } = await runPiped(asked, platform);
  const told = stdout.trim().split("\n");
  assert.deepEqual(
    told.map((line) => (JSON.parse(line) as RedriveResource).state),
    ["running", "running", "failed"],
  );
  assert.equal(exitCode, 1);
  const text = await runPiped(["invocations", "redrive", "shop"], platform);
  assert.match(text.stdout, /Accepted 1 invocation anew\.\nrdr_1 is failed: It is gone\./);
  assert.equal(text.exitCode, 1);
});

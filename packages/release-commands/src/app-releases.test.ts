/** Releases as a command line shows them: what is asked for, where they are, and how they end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReleaseResource } from "@skerry/api-schema";
import { type Answers, startFakePlatform, onTerminal, withPipes } from "@skerry/testkit/clients";
import { APP_RELEASE_COMMANDS } from "./app-releases.ts";

const runPiped = withPipes(APP_RELEASE_COMMANDS);
const runOnTerminal = onTerminal(APP_RELEASE_COMMANDS);

const AT = "2026-01-01T00:00:00.000Z";
const ID = "rel_1";
type Place = ReleaseResource["places"][number];

function placesAt(current: number, left = false): Place[] {
  const shares = [["test", 100] as const, ["release", 10] as const, ["release", 100] as const];
  return shares.map(([stage, percent], i) => {
    const state = i > current ? "ahead" : left ? "left" : i === current ? "current" : "passed";
    return { stage, percent, state, isUnsampled: false, needsApproval: i === 1 };
  });
}

function releaseOf(more: Partial<ReleaseResource> = {}): ReleaseResource {
  return {
    ...{ id: ID, app: "shop", state: "running", why: null, places: placesAt(0) },
    functions: [{ function: "buy", from: 1, to: 2 }],
    apis: [],
    ...{ isApproved: true, figures: null, stepSince: AT, reason: "", startedBy: "key_1" },
    plan: {
      ...{ stepWaitMs: 1, sampleWaitMs: 1, samplesMin: 1, withoutSamples: false },
      ...{ guards: ["error-rate"], maxErrorRate: 5, maxP95Ms: null },
    },
    ...{ createdAt: AT, endedAt: null, etag: '"1"', ...more },
  };
}

const FIGURES: ReleaseResource["figures"] = {
  from: { requests: 900, errors: 9, errorRate: 0.01, p95Ms: 12.4 },
  to: { requests: 100, errors: 20, errorRate: 0.2, p95Ms: 13 },
};
const CANARY = releaseOf({ places: placesAt(1), figures: FIGURES });
const WHY = "buy: 20 % of 100 requests fail.";
const BACK = releaseOf({
  ...{ state: "rolledBack", why: WHY, places: placesAt(1, true), figures: FIGURES, endedAt: AT },
});
const DONE = releaseOf({ state: "done", places: placesAt(3), endedAt: AT });

/** Each look finds the next stand; the last stays. */
function going(...stands: readonly ReleaseResource[]): Answers {
  let reads = 0;
  const next = () => stands[Math.min(reads++, stands.length - 1)] ?? DONE;
  return { createRelease: () => releaseOf(), getRelease: next };
}

test("a release is asked for as it was said, and what is wrong is said", async () => {
  const bodies: unknown[] = [];
  await using platform = await startFakePlatform({
    createRelease: ({ body }) => releaseOf({ id: `rel_${bodies.push(body)}` }),
  });
  const how = ["--steps", "5,100", "--step-wait", "10m", "--guards", "none", "--max-p95", "300ms"];
  const rates = ["--max-error-rate", "2.5", "--stages", "a,b", "--samples", "0"];
  const more = [...rates, "--yes", "--no-apis"];
  const { stdout } = await runPiped(["release", "shop", ...how, ...more, "--detach"], platform);
  assert.equal(stdout, "rel_1\n");
  await runPiped(["release", "shop", "--plan"], platform);
  const [first, second] = bodies;
  assert.deepEqual(first, {
    ...{ description: "", reason: "", sampleWaitMs: 3_600_000 },
    ...{ stages: ["a", "b"], steps: [5, 100], stepWaitMs: 600_000, guards: [], maxP95Ms: 300 },
    ...{ maxErrorRate: 2.5, samplesMin: 0, withoutSamples: false, approved: true, dryRun: false },
    apis: false,
  });
  const otherwise = { steps: [1, 10, 50, 100], approved: false, dryRun: true, apis: true };
  assert.partialDeepStrictEqual(second, otherwise);
  for (const [flag = "", value = ""] of [
    ["--steps", "1;2"],
    ["--guards", "luck"],
  ]) {
    const wrong = await runPiped(["release", "shop", flag, value], platform);
    assert.match(wrong.stderr, /such as 0\.5 or 10|error-rate, server-errors/);
  }
  assert.equal(bodies.length, 2);
});

test("with pipes each place is a line, and the exit code says how it ended", async () => {
  await using good = await startFakePlatform(going(releaseOf(), CANARY, CANARY, DONE));
  const well = await runPiped(["release", "shop", "--yes"], good);
  assert.equal(well.exitCode, 0);
  const lines = well.stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.replace(/ {2}.*/, "")),
    ["test", "release", "release"],
  );
  assert.match(
    lines[1] ?? "",
    /10 % {2}running .*new {2}20\.00 % errors, p95 13 ms.*old {2}1\.00 %/,
  );
  await using bad = await startFakePlatform(going(CANARY, BACK));
  const back = await runPiped(["release", "shop", "--yes"], bad);
  assert.equal(back.exitCode, 1);
  assert.match(back.stdout, /rolled back: buy: 20 % of 100 requests fail/);
  const json = await runPiped(["release", "shop", "--yes", "--json"], bad);
  assert.equal((JSON.parse(json.stdout) as ReleaseResource).state, "rolledBack");
});

test("on a terminal there is a bar for each place, and both versions side by side", async () => {
  const waiting = releaseOf({ state: "waiting", isApproved: false });
  await using platform = await startFakePlatform(going(waiting, CANARY, BACK));
  const { stderr, stdout, exitCode } = await runOnTerminal(["release", "shop"], platform);
  assert.equal(exitCode, 1);
  assert.match(stderr, /waits for its approval/);
  assert.match(stderr, /skerry releases approve shop rel_1/);
  assert.match(stderr, /▶ release +10 % .*█/);
  assert.match(stderr, /new {2}20\.00 % errors, p95 13 ms, 100 requests\n +old {2}1\.00 % errors/);
  assert.ok(stderr.includes("\u001b[5A\u001b[J"), "the former picture goes");
  assert.match(stdout, /rolled back: buy: 20 %/);
});

test("a paused release ends the looking, and says how it goes on", async () => {
  const why = "Too few requests to tell: the new version had 9, of 100 each.";
  await using platform = await startFakePlatform(going(releaseOf({ state: "paused", why })));
  const { stdout, stderr, exitCode } = await runPiped(["release", "shop", "--yes"], platform);
  assert.equal(exitCode, 1);
  assert.match(stdout, /paused: Too few requests/);
  assert.match(stderr, /skerry releases resume shop rel_1/);
});

test("who interrupts hears that it goes on, and ends nothing", async () => {
  const stop = new AbortController();
  let aborted = 0;
  await using platform = await startFakePlatform({
    ...going(CANARY),
    getRelease: () => {
      stop.abort();
      return CANARY;
    },
    abortRelease: () => releaseOf({ etag: `"${(aborted += 1)}"` }),
  });
  const options = { url: platform.url, signal: stop.signal };
  const { exitCode, stderr } = await runPiped(["release", "shop"], options);
  assert.equal(exitCode, 130);
  assert.match(stderr, /It goes on; see it with `skerry releases show shop rel_1 --follow`/);
  assert.match(stderr, /end it with `skerry releases abort shop rel_1`/);
  assert.equal(aborted, 0);
});

test("a plan says which stage of which API gets what, and at which place", async () => {
  const counts = { added: 2, removed: 1, changed: 0, settings: true, lacks: [] };
  const web = { api: "web", stage: "release", from: "draft", before: 3, publication: 4, ...counts };
  const beta = { ...web, stage: "beta", before: null, lacks: ["theme"] };
  const apis: ReleaseResource["apis"] = [
    { ...web, state: "ahead" },
    { ...beta, state: "skipped" },
    { ...web, api: "admin", from: "test", lacks: [], state: "skipped" },
  ];
  await using platform = await startFakePlatform({
    createRelease: () => releaseOf({ id: "", apis }),
  });
  const { stdout } = await runPiped(["release", "shop", "--plan"], platform);
  assert.match(stdout, /release +100 % .*routes of web$/m);
  assert.equal(stdout.match(/routes of web/g)?.length, 1);
  const release = "web/release  to come: publication 4 of draft, before: 3";
  assert.ok(stdout.includes(`${release}; routes +2 -1 ~0, other settings\n`), stdout);
  assert.match(stdout, /web\/beta {2}left out: its routes name variables .* lacks: theme/);
  const admin = /admin\/release {2}left out: the stage test of admin serves nothing/;
  assert.match(stdout, admin);
  await using asked = await startFakePlatform({
    ...going(DONE),
    createRelease: () => releaseOf({ apis }),
  });
  const { stderr } = await runPiped(["release", "shop", "--yes"], asked);
  assert.match(stderr, admin, "who asks for no plan hears it, too");
  assert.doesNotMatch(stderr, /to come/);
});

test("releases are listed, shown and turned", async () => {
  const turned = (state: ReleaseResource["state"]) => () => releaseOf({ state });
  await using platform = await startFakePlatform({
    listReleases: () => ({ items: [CANARY, BACK], nextCursor: null }),
    getRelease: () => BACK,
    ...{ approveRelease: turned("running"), pauseRelease: turned("paused") },
    ...{ resumeRelease: turned("running"), abortRelease: turned("aborted") },
  });
  const listed = await runPiped(["releases", "ls", "shop"], platform);
  assert.match(listed.stdout, /rel_1 .* release 10 % +running\nrel_1 .*rolled back: buy: 20 %/);
  const shown = await runPiped(["releases", "show", "shop", ID], platform);
  assert.match(shown.stdout, /✗ release +10 %/);
  assert.match(shown.stdout, /Functions +buy 1 → 2/);
  assert.match(shown.stdout, /Guards +error-rate, errors ≤ 5 %/);
  for (const [verb, says] of [
    ...[
      ["approve", /Approved rel_1: running/] as const,
      ["pause", /Paused rel_1: paused/] as const,
    ],
    ...[["resume", /Resumed rel_1/] as const, ["abort", /Aborted rel_1: aborted/] as const],
  ]) {
    const done = await runPiped(["releases", verb, "shop", ID, "--if-match", '"1"'], platform);
    assert.equal(done.exitCode, 0, done.stderr);
    assert.match(done.stdout, says);
  }
});

/** Quotas and usage, as pipes get them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { QuotasResource, UsageResource } from "@skerry/api-schema";
import { quotasOf } from "@skerry/contracts";
import { type Asked, startFakePlatform, withPipes } from "@skerry/testkit/clients";
import { QUOTA_COMMANDS } from "./quotas.ts";
import { usage } from "./usage.ts";

const runPiped = withPipes([...QUOTA_COMMANDS, usage]);

const QUOTAS: QuotasResource = {
  quotas: quotasOf({ concurrency: 50, memoryMb: null }),
  defaults: quotasOf({}),
  used: { concurrency: 3, memoryMb: 256, storageMb: 1.23456, openInvocationsMax: 0 },
};

test("quotas are shown with their use, and set by name", async () => {
  const bodies: unknown[] = [];
  const putQuotas = ({ body }: Asked): unknown => {
    bodies.push(body);
    return QUOTAS;
  };
  await using platform = await startFakePlatform({ getQuotas: () => QUOTAS, putQuotas });
  const { url } = platform;
  const { stdout } = await runPiped(["quotas", "show"], { url });
  assert.match(stdout, /^concurrency +50 +3 +10000 /m);
  assert.match(stdout, /^memory-mb +none +256 +65536 /m);
  const json = await runPiped(["quotas", "show", "--json"], { url });
  assert.deepEqual(JSON.parse(json.stdout), QUOTAS);
  const flags = ["--concurrency", "7", "--rate-per-second", "0.5", "--memory-mb", "none"];
  const set = await runPiped(["quotas", "set", ...flags, "--storage-mb", "default"], { url });
  assert.equal(set.exitCode, 0, set.stderr);
  assert.deepEqual(bodies, [
    { concurrency: 7, ratePerSecond: 0.5, memoryMb: null, storageMb: "default" },
  ]);
  const nothing = await runPiped(["quotas", "set"], { url });
  assert.equal(nothing.exitCode, 2);
  assert.match(nothing.stderr, /No quota is named/);
  const odd = await runPiped(["quotas", "set", "--concurrency", "many"], { url });
  assert.match(odd.stderr, /--concurrency cannot be many/);
});

const SUMS = { invocations: 3, errors: 1, billedMs: 1_500, gbSeconds: 0.1875, bytesIn: 0 };
const USAGE: UsageResource = {
  ...{ from: "2026-01-01", to: "2026-01-31" },
  prices: { currency: "EUR", gbSecond: 1, millionCalls: 1, alwaysOnGbHour: 1 },
  rows: [
    { day: "2026-01-02", app: "shop", function: "cart", ...SUMS, bytesOut: 9, cost: 0.000_012 },
  ],
  total: { ...SUMS, bytesOut: 9, cost: 0.000_012 },
};

test("usage is a table with a total, or as the API answers", async () => {
  const queries: unknown[] = [];
  const getUsage = ({ query }: Asked): unknown => {
    queries.push(query);
    return USAGE;
  };
  await using platform = await startFakePlatform({ getUsage });
  const { url } = platform;
  const { stdout } = await runPiped(["usage", "--from", "2026-01-01", "--by", "day,app"], { url });
  assert.match(stdout, /^2026-01-02 +shop\/cart +3 +1 +1\.500 s +0\.188 +9 B +0\.000012$/m);
  assert.match(stdout, /^total .*0\.000012$/m);
  assert.deepEqual(queries, [{ from: "2026-01-01", by: "day,app" }]);
  const json = await runPiped(["usage", "--json"], { url });
  assert.deepEqual(JSON.parse(json.stdout), USAGE);
});

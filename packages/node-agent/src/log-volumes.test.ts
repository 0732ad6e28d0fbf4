/** Log volume as the collector of an instance meets it. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { AccountId, FunctionId, InstanceId, RevisionId } from "@skerry/base";
import {
  quotasOf,
  type FunctionLimits,
  type SetQuotas,
  type SpooledLogLine,
} from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { HandClock } from "@skerry/testkit";
import { LogCollector } from "./log-collector.ts";
import { LogVolumes } from "./log-volumes.ts";

const ID = "fn_1" as FunctionId;
const OWNER = { f: ID, v: "rev_1" as RevisionId, i: "inst_1" as InstanceId };
const LINE = `${"x".repeat(99)}\n`;

/** Prints 60 lines of 99 bytes; what is kept of them, and what the log says about the rest. */
async function print(limits: FunctionLimits, set: SetQuotas = {}) {
  const clock = new HandClock();
  const lines: SpooledLogLine[] = [];
  const fn = { id: ID, accountId: "acct_1" as AccountId };
  const latest = { config: functionConfig.parse({ limits }) };
  const config = {
    functionById: () => ({ ...fn, latest }) as never,
    quotasOf: () => quotasOf(set),
    secretOf: () => undefined,
    configsOf: () => [],
  };
  const volumes = new LogVolumes({ clock, config });
  const collector = new LogCollector({
    clock,
    spool: {
      append: (bytes) => lines.push(JSON.parse(Buffer.from(bytes).toString()) as SpooledLogLine),
    },
  });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  collector.follow({ stdout, stderr });
  collector.own(OWNER, volumes.gateOf(fn));
  stdout.write(LINE.repeat(60));
  await new Promise(setImmediate);
  clock.advance(60_000);
  stdout.write("next\n");
  await new Promise(setImmediate);
  const kept = lines.filter(({ s }) => s === "stdout").length;
  const told = lines.filter(({ s }) => s === "platform").map(({ m }) => m);
  return { kept, told, values: volumes.values.map(({ label, value }) => [label, value]) };
}

test("lines beyond a function's volume are dropped, said once, counted, and kept again later", async () => {
  const { kept, told, values } = await print({ logKbPerMinute: 1 });
  assert.equal(kept, 10 + 1);
  assert.equal(told.length, 2);
  assert.match(told[0] ?? "", /^Lines are dropped .* 1 KiB .*limits\.logKbPerMinute/);
  assert.match(told[1] ?? "", /^50 log lines were dropped/);
  assert.deepEqual(values, [
    ["function", 50],
    ["account", 0],
  ]);
});

test("the account's volume holds for a function without a limit, four fifths of it for one alone", async () => {
  const { kept, told, values } = await print({}, { logKbPerMinute: 2 });
  assert.equal(kept, 16 + 1);
  assert.match(told[0] ?? "", /account keeps 2 KiB .*--log-kb-per-minute/);
  assert.deepEqual(values[1], ["account", 44]);
});

test("without limit and quota every line is kept, and nothing is said", async () => {
  const { kept, told } = await print({}, { logKbPerMinute: null });
  assert.deepEqual([kept, told], [61, []]);
});

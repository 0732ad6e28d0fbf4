import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, createLog, systemRandom } from "@skerry/base";
import { createLedgerClock, createSequence } from "@skerry/invocations";
import { HandClock } from "@skerry/testkit";
import { NO_LISTENERS } from "../test/no-listeners.ts";
import { NO_WEBHOOKS } from "../test/no-webhooks.ts";
import { ConfigView } from "./config-view.ts";
import { Dispatcher, type DispatcherDeps } from "./dispatcher.ts";
import { DISPATCH_LIMITS } from "./limits.ts";

const LANES = 20;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("a store that fails is tried again and again, and warned of once", async () => {
  const clock = new HandClock();
  const random = systemRandom();
  const ids = createIdSource({ clock, random });
  const warnings: string[] = [];
  const log = createLog((level, message) => void (level === "warn" && warnings.push(message)));
  let isFull = true;
  let calls = 0;
  const call = (): Promise<unknown> => {
    calls += 1;
    if (isFull) return Promise.reject(new Error("no space left"));
    const nothingDue = { runs: [], expired: [], told: [], webhooks: [] };
    return Promise.resolve({ ...nothingDue, nextDueMs: clock.wallMs() + 60_000 });
  };
  const configLog = { seq: () => Promise.resolve(0), read: () => Promise.reject(new Error("no")) };
  const store = { call: call as DispatcherDeps["store"]["call"] };
  const config = new ConfigView(configLog);
  const webhooks = NO_WEBHOOKS;
  const nextSeq = createSequence(clock);
  const deps = {
    clock: createLedgerClock(clock),
    random,
    ids,
    log,
    store,
    configLog,
    config,
    webhooks,
    nextSeq,
  };
  const told = { ...NO_LISTENERS, limits: DISPATCH_LIMITS };
  const dispatcher = new Dispatcher(deps, told);
  const facts = { accountId: ids.id("acct"), windowMax: 10 };
  const wake = (): void => {
    for (let i = 0; i < LANES; i += 1)
      dispatcher.feed({ kind: "woken", functionId: ids.id("fn"), dueMs: 0, facts });
  };
  dispatcher.feed({ kind: "came", holder: "gw" });
  wake();
  for (let round = 0; round < 10; round += 1) {
    await turn();
    clock.advance(DISPATCH_LIMITS.claimAgainMs);
  }
  await turn();
  assert.ok(calls >= 10 * LANES, String(calls));
  assert.equal(warnings.length, 1);
  isFull = false;
  clock.advance(DISPATCH_LIMITS.claimAgainMs);
  await turn();
  isFull = true;
  wake();
  await turn();
  assert.equal(warnings.length, 2, "once more after it has answered");
});

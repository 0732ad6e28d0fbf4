/** Timers as control's API sets them: what is refused, paused, bound anew, and run out of turn. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  createIdSource,
  seededRandom,
  silentLog,
  systemClock,
  type FunctionId,
} from "@skerry/base";
import type { TimerRequest } from "@skerry/api-schema";
import { createSequence } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { openTimerStore } from "../../test/timer-world.ts";
import type { SourcedInvocation } from "../ledger.ts";
import { Timers } from "./timers.ts";

const clock = systemClock();
const random = seededRandom(11);
const ids = createIdSource({ clock, random });
const accepted: SourcedInvocation[] = [];
const NAME = { accountId: ids.id("acct"), app: "shop", name: "report" };
const ANY = { ...NAME, ifVersion: null };
const REQUEST: TimerRequest = {
  ...{ function: "report", cron: "0 8 1 1 *", timezone: "Europe/Berlin", enabled: true },
  ...{ missed: "once", eventFormat: "cloudevents", orderingKey: "one", payload: { a: 1 } },
};

let store: Store;
let timers: Timers;
before(async () => {
  store = await openTimerStore();
  timers = new Timers({
    ...{ store, clock, random, ids, log: silentLog() },
    ledger: {
      nextSeq: createSequence(clock),
      maxAgeOf: () => 1_000,
      wake: () => undefined,
      holdBackMs: () => undefined,
      functionOf: () => Promise.resolve(undefined),
      accept: (items) => {
        accepted.push(...items);
        return Promise.resolve(items.map(({ id }) => ({ ok: true, id, repeated: false })));
      },
    },
  });
});
after(async () => {
  await timers.close();
  await store.close();
});

function put(functionId: FunctionId, more: Partial<TimerRequest> = {}) {
  return timers.put({ ...ANY, functionId, request: { ...REQUEST, ...more } });
}

test("what would be refused is told before anything is changed", async () => {
  const checked = (more: Partial<TimerRequest>, ifVersion: number | null = null) =>
    timers.check({ ...NAME, ifVersion, request: { ...REQUEST, ...more } });
  await assert.rejects(checked({ cron: "0 0 30 2 *" }), { reason: "TIMER_NEVER_TICKS" });
  await assert.rejects(checked({ payload: "x".repeat(65_536) }), { reason: "INPUT_INVALID" });
  await assert.rejects(checked({}, 1), { reason: "TIMER_CHANGED" });
  await assert.rejects(timers.check({ ...ANY, request: null }), { reason: "TIMER_NOT_FOUND" });
  await checked({}, 0);
  assert.deepEqual(await timers.list({ ...NAME, after: "", limit: 10 }), []);
});

test("a timer of a removed function is paused and says why; resumed, it is of the new one", async () => {
  const [former, fresh] = [ids.id("fn"), ids.id("fn")];
  await put(former);
  await timers.functionRemoved(former);
  const paused = await timers.get(NAME);
  assert.deepEqual(
    [paused.enabled, paused.pausedBecause, paused.nextAt],
    [false, "function_removed", null],
  );
  const resumed = await timers.setEnabled({ ...ANY, enabled: true, functionId: fresh });
  assert.deepEqual([resumed.enabled, resumed.pausedBecause, resumed.version], [true, null, 3]);
  assert.match(resumed.nextAt ?? "", /-01-01T07:00:00\.000Z$/);
  await timers.functionRemoved(former);
  assert.equal((await timers.get(NAME)).enabled, true);
  await timers.run(NAME);
  const [run] = accepted.splice(0);
  assert.deepEqual([run?.functionId, run?.source, run?.orderingKey], [fresh, "timer", "one"]);
  const event = JSON.parse(new TextDecoder().decode(run?.payload)) as Record<string, unknown>;
  const { timer, payload } = event["data"] as Record<string, unknown>;
  assert.deepEqual([event["id"], timer, payload], [run?.id, "report", { a: 1 }]);
  assert.deepEqual(run?.event, { ct: "application/cloudevents+json" });
  await timers.run({ ...NAME, once: "k" });
  const { id } = await timers.get(NAME);
  assert.deepEqual(accepted.splice(0)[0]?.idempotency, { key: "k", digest: id });
  assert.equal(run?.idempotency, undefined);
  const [listed] = await timers.list({ ...NAME, after: "", limit: 1 });
  assert.deepEqual([listed?.name, listed !== undefined && "payload" in listed], ["report", false]);
});

test("a time for once that came while its timer was paused is not made up for", async () => {
  const functionId = ids.id("fn");
  const at = (ms: number) => ({ cron: undefined, at: new Date(clock.wallMs() + ms).toISOString() });
  await put(functionId, { ...at(-60_000), enabled: false });
  const resumed = await timers.setEnabled({ ...ANY, enabled: true, functionId: null });
  assert.deepEqual([resumed.enabled, resumed.nextAt], [true, null]);
  const ahead = await put(functionId, { ...at(3_600_000), enabled: false });
  const waits = await timers.setEnabled({ ...ANY, enabled: true, functionId: null });
  assert.equal(waits.nextAt, ahead.at, "the control: one that is still to come comes");
});

test("a change of another version is refused, and so is one of what is gone", async () => {
  const { version } = await put(ids.id("fn"));
  await assert.rejects(timers.remove({ ...NAME, ifVersion: version + 1 }), {
    reason: "TIMER_CHANGED",
  });
  await timers.remove({ ...NAME, ifVersion: version });
  await assert.rejects(timers.get(NAME), { reason: "TIMER_NOT_FOUND" });
  const gone = { ...ANY, enabled: false, functionId: null };
  await assert.rejects(timers.setEnabled(gone), { reason: "TIMER_NOT_FOUND" });
  await put(ids.id("fn"));
  await timers.appRemoved(NAME);
  await assert.rejects(timers.get(NAME), { reason: "TIMER_NOT_FOUND" });
});

test("the next ticks are told also of a timer that is paused", async () => {
  await put(ids.id("fn"), { enabled: false });
  const ticks = await timers.ticks(NAME, 2);
  assert.equal(ticks.length, 2);
  for (const tick of ticks) assert.match(tick, /-01-01T07:00:00\.000Z$/);
});

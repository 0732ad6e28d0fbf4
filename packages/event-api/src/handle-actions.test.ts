import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperationCall } from "@skerry/api-serving";
import { PlatformError, systemClock, type AccountId } from "@skerry/base";
import { createEventApi } from "./event-api.ts";
import type { EventApiDeps } from "./ports.ts";

const TIMER = { cron: "0 4 * * *" };
const EVENT = { pattern: { type: ["player.login"] } };
const CHANGES = ["bus.putRule", "bus.removeRule", "timers.put", "timers.remove", "actions.put"];

/** Rooms of one app: what is changed is noted, and what `refused` names fails. */
function open({ refused = "", isThere = true }) {
  const noted: string[] = [];
  const missing = (reason: string) =>
    Promise.reject(
      new PlatformError({
        ...{ code: "NOT_FOUND", reason, message: reason, hint: "", retryable: false },
      }),
    );
  const answer = (name: string) => {
    if (CHANGES.includes(name)) noted.push(name);
    if (name === refused) return missing("REFUSED");
    if (name === "actions.get" && !isThere) return missing("ACTION_NOT_FOUND");
    return Promise.resolve(name === "platform.functionId" ? "fn_1" : {});
  };
  const roomOf = (room: string, more: object = {}): never =>
    new Proxy(more, {
      get: (own: object, method): unknown =>
        Reflect.get(own, method) ?? (() => answer(`${room}.${String(method)}`)),
    }) as never;
  const platform = roomOf("platform", { actions: roomOf("actions") });
  const rooms = { ledger: roomOf("ledger"), topics: roomOf("topics"), bus: roomOf("bus") };
  const redrives = roomOf("redrives");
  const timers = roomOf("timers");
  const deps: EventApiDeps = { ...rooms, redrives, timers, platform, clock: systemClock() };
  const { handlers } = createEventApi(deps);
  const call = (body: object) =>
    ({
      principal: { keyId: "key_1", accountId: "acct_1" as AccountId, role: "admin" },
      ...{ params: { app: "arena", action: "reset" }, body, req: { headers: {} } },
      ...{ signal: new AbortController().signal, stamp: () => ({}) },
    }) as unknown as OperationCall<never>;
  const put = (drives: object) =>
    handlers.putAction(call({ function: "arena", description: "", drives }));
  return { noted, put, remove: () => handlers.deleteAction(call({})) };
}

for (const refused of ["actions.check", "platform.functionId", "bus.checkRule", "timers.check"]) {
  test(`an action that is refused by ${refused} changes neither its rule nor its timer`, async () => {
    const { noted, put } = open({ refused });
    await assert.rejects(put({ timer: TIMER, event: EVENT }), { reason: "REFUSED" });
    assert.deepEqual(noted, []);
  });
}

test("an action whose function is not there keeps the rule that it has", async () => {
  const { noted, put } = open({ refused: "platform.functionId" });
  await assert.rejects(put({ timer: TIMER }), { reason: "REFUSED" });
  assert.deepEqual(noted, []);
});

for (const refused of ["timers.put", "actions.put"]) {
  test(`an action that ${refused} kept from being made leaves no rule and no timer`, async () => {
    const { noted, put } = open({ refused, isThere: false });
    await assert.rejects(put({ timer: TIMER, event: EVENT }), { reason: "REFUSED" });
    assert.deepEqual(noted.slice(-2), ["bus.removeRule", "timers.remove"]);
  });

  test(`an action that is there keeps its rule and its timer when ${refused} fails`, async () => {
    const { noted, put } = open({ refused });
    await assert.rejects(put({ timer: TIMER, event: EVENT }), { reason: "REFUSED" });
    assert.ok(!noted.some((one) => one.includes("remove")), noted.join());
  });
}

test("removing an action that never was takes what was left of it", async () => {
  const { noted, remove } = open({ refused: "actions.check", isThere: false });
  await assert.rejects(remove(), { reason: "REFUSED" });
  assert.deepEqual(noted, ["bus.removeRule", "timers.remove"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceId, RevisionId } from "@skerry/base";
import { decideRoute } from "./router.ts";
import { isQueueFull } from "./waiting.ts";
import { createRouteState, type RouteEvent, type RoutePolicy } from "./state.ts";

const REV = "rev_1" as RevisionId;
const POLICY: RoutePolicy = {
  revisionId: REV,
  slots: 1,
  instancesMax: 5,
  provisioned: 0,
  queueTimeoutMs: 1_000,
  initTimeoutMs: 2_000,
  idleTimeoutMs: 10_000,
  restAfterMs: 1_000,
};

type Told = (event: RouteEvent<string>, now?: number) => readonly string[];

/** A router and what it does, as short text. */
function router(policy: Partial<RoutePolicy> = {}): Told {
  const state = createRouteState<string>({ queueLengthMax: 3 });
  let clock = 0;
  const tell: Told = (event, now = clock) => {
    clock = now;
    return decideRoute(state, event, now).map((effect) => {
      switch (effect.kind) {
        case "dispatch": {
          const resumed = effect.resumed ? " resumed" : "";
          return `${effect.request}→${effect.instanceId} ${effect.coldReason}${resumed}`;
        }
        case "start":
          return `start ${effect.revisionId} ${effect.reason}`;
        case "stop":
          return `stop ${effect.instanceId} ${effect.why}`;
        case "reject":
          return `reject ${effect.request} ${effect.why} ${effect.coldReason}`;
        default:
          return `${effect.kind} ${effect.instanceId}`;
      }
    });
  };
  tell({ kind: "revisionChanged", policy: { ...POLICY, ...policy } });
  return tell;
}

const policyOf = (revisionId: string, slots = 1): RoutePolicy => ({
  ...POLICY,
  ...{ revisionId: revisionId as RevisionId, slots },
});
const arrive = (request: string) => ({ kind: "requestArrived", request }) as const;
const ready = (id: string, revisionId: string = REV, solicited = true) =>
  ({
    kind: "instanceReady",
    solicited,
    instanceId: id as InstanceId,
    revisionId: revisionId as RevisionId,
  }) as const;
const ended = (request: string, id: string, heldMs = 5) =>
  ({ kind: "requestEnded", request, instanceId: id as InstanceId, heldMs }) as const;
const lost = (id: string) => ({ kind: "instanceLost", instanceId: id as InstanceId }) as const;
const TICK = { kind: "tick" } as const;
const STOPPED = {
  kind: "startRefused",
  revisionId: REV,
  refusal: { kind: "unavailable", why: "stopped", stopped: true },
} as const;
const refused = (kind: "limit" | "unavailable" | "init_failed") =>
  ({
    kind: "startRefused",
    revisionId: REV,
    refusal:
      kind === "init_failed" ? { kind, name: "E", message: "m", initUs: 1 } : { kind, why: "no" },
  }) as const;

test("the first request starts an instance, and the next one finds it warm", () => {
  const tell = router();
  assert.deepEqual(tell(arrive("r1")), ["start rev_1 first_instance"]);
  assert.deepEqual(tell(ready("i1")), ["r1→i1 first_instance"]);
  assert.deepEqual(tell(ended("r1", "i1")), []);
  assert.deepEqual(tell(arrive("r2")), ["r2→i1 warm"]);
});

test("load gathers on the instance that became free last, so that others rest", () => {
  const tell = router();
  tell(arrive("r1"));
  tell(arrive("r2"));
  tell(ready("i1"));
  tell(ready("i2"));
  tell(ended("r1", "i1"));
  tell(ended("r2", "i2"));
  assert.deepEqual(tell(arrive("r3"), 900), ["r3→i2 warm"]);
  assert.deepEqual(tell(TICK, 1_000), ["rest i1"]);
  assert.deepEqual(tell(arrive("r4")), ["resume i1", "r4→i1 warm resumed"]);
});

test("with busy slots a slow function starts another instance and a quick one waits", () => {
  for (const [heldMs, expected] of [
    [500, ["start rev_1 all_slots_busy"]],
    [1, []],
  ] as const) {
    const tell = router();
    tell(arrive("r1"));
    tell(ready("i1"), 20);
    tell(ended("r1", "i1", heldMs), 600);
    tell(arrive("r2"));
    assert.deepEqual(tell(arrive("r3")), expected);
    // The quick one's guess is given up after a start's time.
    if (heldMs === 1) assert.deepEqual(tell(TICK, 620), ["start rev_1 all_slots_busy"]);
  }
});

test("a look tells of a full queue before anything arrives", () => {
  const state = createRouteState<string>({ queueLengthMax: 2 });
  decideRoute(state, { kind: "revisionChanged", policy: POLICY }, 0);
  for (const [request, isFull] of [
    ["r1", false],
    ["r2", false],
    ["r3", true],
  ] as const) {
    assert.equal(isQueueFull(state), isFull);
    decideRoute(state, arrive(request), 0);
  }
  decideRoute(state, ready("i1"), 10);
  assert.equal(isQueueFull(state), false, "one is served");
});

test("a full queue refuses at once", () => {
  const tell = router({ instancesMax: 1 });
  for (const request of ["r1", "r2", "r3"]) tell(arrive(request));
  assert.deepEqual(tell(arrive("r4")), ["reject r4 queue_full warm"]);
});

test("a queue time of zero waits for starts and for nothing else", () => {
  const tell = router({ queueTimeoutMs: 0, instancesMax: 1 });
  assert.deepEqual(tell(arrive("r1")), ["start rev_1 first_instance"]);
  assert.deepEqual(tell(arrive("r2")), ["reject r2 queue_timeout warm"]);
  assert.deepEqual(tell(ready("i1"), 1_500), ["r1→i1 first_instance"]);
  assert.deepEqual(tell(arrive("r3")), ["reject r3 queue_timeout warm"]);
});

test("a start may take longer than the queue time, but not for ever", () => {
  const tell = router({ instancesMax: 1 });
  tell(arrive("r1"));
  assert.deepEqual(tell(TICK, 2_999), []);
  assert.deepEqual(tell(TICK, 3_000), ["reject r1 queue_timeout first_instance"]);
});

test("code that fails to load fails those who wait; starts pause, then one is let through", () => {
  const tell = router();
  tell(arrive("r1"));
  tell(arrive("r2"));
  assert.deepEqual(tell(refused("init_failed"), 40), [
    "reject r1 init_failed first_instance",
    "reject r2 init_failed first_instance",
  ]);
  tell(refused("init_failed"));
  assert.deepEqual(tell(arrive("r3"), 50), ["reject r3 init_failed warm"]);
  assert.deepEqual(tell(arrive("r4"), 500), ["start rev_1 first_instance"]);
  assert.deepEqual(tell(arrive("r5"), 501), []);
  assert.deepEqual(tell(ready("i1")), ["r4→i1 first_instance", "start rev_1 all_slots_busy"]);
});

test("after a refusal for the limit, or for want of a machine, the start is tried again", () => {
  for (const kind of ["limit", "unavailable"] as const) {
    const tell = router();
    tell(arrive("r1"));
    assert.deepEqual(tell(refused(kind)), []);
    assert.deepEqual(tell(TICK, 10), []);
    assert.deepEqual(tell(TICK, 60), ["start rev_1 first_instance"]);
  }
});

test("whoever waits for an instance that an operator stopped is told, unless another is to come", () => {
  const tell = router();
  tell(arrive("r1"));
  assert.deepEqual(tell(STOPPED, 40), ["reject r1 stopped first_instance"]);
  assert.deepEqual(tell(arrive("r2"), 100), ["start rev_1 first_instance"]);
  const others = router();
  others(arrive("r1"));
  others(arrive("r2"));
  assert.deepEqual(others(STOPPED, 40), []);
  assert.deepEqual(others(ready("i1"))[0], "r1→i1 first_instance");
});

test("a new revision takes over: idle instances stop, busy ones finish", () => {
  const tell = router();
  tell(arrive("r1"));
  tell(arrive("r2"));
  tell(ready("i1"));
  tell(ready("i2"));
  tell(ended("r1", "i1"));
  const policy = { ...POLICY, revisionId: "rev_2" as RevisionId };
  assert.deepEqual(tell({ kind: "revisionChanged", policy }), ["stop i1 new_revision"]);
  assert.deepEqual(tell(arrive("r3")), ["start rev_2 new_revision"]);
  assert.deepEqual(tell(ended("r2", "i2")), ["stop i2 new_revision"]);
  assert.deepEqual(tell(ready("i3", "rev_1")), ["stop i3 new_revision"]);
  assert.deepEqual(tell(ready("i4", "rev_2")), ["r3→i4 new_revision"]);
});

test("a revision that comes back takes its busy instances back", () => {
  const tell = router({ slots: 2 });
  tell(arrive("r1"));
  tell(ready("i1"));
  tell({ kind: "revisionChanged", policy: { ...POLICY, revisionId: "rev_2" as RevisionId } });
  tell({ kind: "revisionChanged", policy: { ...POLICY, slots: 2 } });
  assert.deepEqual(tell(arrive("r2")), ["r2→i1 warm"]);
});

test("an unasked instance of a revision not yet known waits for it", () => {
  const tell = router();
  assert.deepEqual(tell(ready("i1", "rev_2", false)), []);
  assert.deepEqual(tell(TICK, 2_000), []);
  tell({ kind: "revisionChanged", policy: { ...POLICY, revisionId: "rev_2" as RevisionId } });
  assert.deepEqual(tell(arrive("r1")), ["r1→i1 warm"]);
});

test("a lost instance is named as the reason of the next start", () => {
  const tell = router();
  tell(arrive("r1"));
  tell(ready("i1"));
  tell(lost("i1"));
  assert.deepEqual(tell(ended("r1", "i1")), []);
  assert.deepEqual(tell(arrive("r2")), ["start rev_1 instance_lost"]);
  tell(ready("i2"));
  tell(ended("r2", "i2"));
  assert.deepEqual(tell(TICK, 10_000), ["stop i2 idle"]);
  assert.deepEqual(tell(arrive("r3")), ["start rev_1 first_instance"]);
});

test("a retiring instance is replaced first, serves as the last resort, and then goes", () => {
  const tell = router();
  tell(arrive("r1"));
  tell(ready("i1"));
  tell(ended("r1", "i1"));
  assert.deepEqual(tell({ kind: "instanceRetiring", instanceId: "i1" as InstanceId }), [
    "start rev_1 all_slots_busy",
  ]);
  assert.deepEqual(tell(arrive("r2")), ["r2→i1 warm"]);
  assert.deepEqual(tell(ready("i2")), []);
  assert.deepEqual(tell(arrive("r3")), ["r3→i2 warm"]);
  assert.deepEqual(tell(ended("r2", "i1")), ["stop i1 draining"]);
});

test("deploys that are quicker than starts leave nobody waiting who asked before them", () => {
  const tell = router({ slots: 2 });
  const deploy = (revisionId: string, now: number): readonly string[] =>
    tell({ kind: "revisionChanged", policy: policyOf(revisionId, 2) }, now);
  tell(arrive("r1"), 0);
  assert.deepEqual(deploy("rev_2", 10), ["start rev_2 new_revision"]);
  tell(arrive("r2"), 10);
  assert.deepEqual(deploy("rev_3", 20), ["start rev_3 new_revision"]);
  tell(arrive("r3"), 20);
  assert.deepEqual(tell(ready("i1", REV), 30), ["r1→i1 first_instance"], "but neither r2 nor r3");
  assert.deepEqual(tell(ready("i2", "rev_2"), 40), ["r2→i2 new_revision"]);
  assert.deepEqual(tell(ended("r1", "i1"), 50), ["stop i1 new_revision"]);
  assert.deepEqual(tell(arrive("r4"), 60), []);
  assert.deepEqual(tell(ready("i3", "rev_3"), 70), ["r3→i3 new_revision", "r4→i3 new_revision"]);
  assert.deepEqual(tell(ended("r2", "i2"), 80), ["stop i2 new_revision"], "never warm again");
});

test("who asked before a deploy that has no room waits for what was started for it", () => {
  const full = { instancesMax: 1, queueTimeoutMs: 0 };
  const tell = router(full);
  tell(arrive("r1"));
  const policy = { ...policyOf("rev_2"), ...full };
  assert.deepEqual(tell({ kind: "revisionChanged", policy }, 10), []);
  assert.deepEqual(tell(arrive("r2"), 20), ["reject r2 queue_timeout warm"]);
  assert.deepEqual(tell(ready("i1", REV), 1_500), ["r1→i1 first_instance"]);
});

test("what comes late serves nobody who asked after its revision was followed", () => {
  const tell = router();
  tell(arrive("r1"));
  tell({ kind: "requestEnded", request: "r1", instanceId: undefined, heldMs: 0 });
  tell({ kind: "revisionChanged", policy: policyOf("rev_2") }, 10);
  tell(arrive("r2"), 10);
  assert.deepEqual(tell(ready("i1", REV), 20), ["stop i1 new_revision"]);
});

test("provisioned instances rest but are not stopped", () => {
  const tell = router({ provisioned: 1 });
  tell(ready("i1", REV, false));
  tell(ready("i2", REV, false));
  assert.deepEqual(tell(TICK, 1_000).toSorted(), ["rest i1", "rest i2"]);
  assert.deepEqual(tell(TICK, 10_000), ["stop i1 idle"]);
  assert.deepEqual(tell(TICK, 99_000), []);
});

test("what is asked for room stops the one that idles longest, and none that is busy or promised", () => {
  const tell = router({ provisioned: 1 });
  for (const id of ["i1", "i2", "i3"]) tell(ready(id, REV, false));
  assert.deepEqual(tell(arrive("r1")), ["r1→i3 warm"]);
  assert.deepEqual(tell({ kind: "roomAsked" }, 10), ["stop i1 idle"]);
  assert.deepEqual(tell({ kind: "roomAsked" }, 10), ["stop i2 idle"]);
  assert.deepEqual(tell({ kind: "roomAsked" }, 10), [], "i3 is busy");
  tell(ended("r1", "i3"));
  assert.deepEqual(tell({ kind: "roomAsked" }, 20), [], "one is promised");
});

test("who waits for a version that is removed is served by what runs, and nothing is started for it", () => {
  const tell = router({ instancesMax: 2 });
  tell(arrive("r1"));
  tell(ready("i1"));
  tell(arrive("r2"));
  tell(refused("limit"));
  assert.deepEqual(tell({ kind: "versionRemoved" }), []);
  assert.deepEqual(tell(TICK, 500), [], "no start");
  assert.deepEqual(tell(ended("r1", "i1"), 600), ["r2→i1 all_slots_busy"]);
  assert.deepEqual(tell(ended("r2", "i1"), 700), ["stop i1 removed"]);
  assert.deepEqual(tell(arrive("r3"), 800), ["reject r3 removed warm"]);
});

test("who waits for a version that is removed is told so when nothing runs of it", () => {
  const tell = router({ instancesMax: 1 });
  tell(arrive("r1"));
  assert.deepEqual(tell({ kind: "versionRemoved" }), [], "a start is under way");
  tell(arrive("r2"));
  assert.deepEqual(tell(refused("unavailable")), [
    "reject r1 removed warm",
    "reject r2 removed warm",
  ]);
});

test("a removed function refuses who waits, stops what is idle and lets the rest finish", () => {
  const tell = router({ instancesMax: 1 });
  tell(arrive("r1"));
  tell(ready("i1"));
  tell(arrive("r2"));
  assert.deepEqual(tell({ kind: "functionRemoved" }), ["reject r2 removed warm"]);
  assert.deepEqual(tell(arrive("r3")), ["reject r3 removed warm"]);
  assert.deepEqual(tell(ended("r1", "i1")), ["stop i1 removed"]);
});

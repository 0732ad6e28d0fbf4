import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChangeStamp, OperationCall, OperationHandler } from "@skerry/api-serving";
import { systemClock, type AccountId, type FunctionId, type RequestId } from "@skerry/base";
import { createEventApi, type EventApi } from "./event-api.ts";
import type { EventApiDeps, EventRooms, PlatformBooks } from "./ports.ts";

const ACCOUNT = "acct_1" as AccountId;
const FN = "fn_1" as FunctionId;

/** Any room: each method notes that it was called, and answers, or rejects with `broken`. */
function roomOf(name: string, noted: string[], broken?: ReadonlySet<string>): never {
  const method = (_: object, called: string) => () => {
    noted.push(`${name}.${called}`);
    const isBroken = broken?.has(`${name}.${called}`) === true;
    return isBroken
      ? Promise.reject(new TypeError(called))
      : Promise.resolve({ id: "one", fn: "work", function: "hello" });
  };
  return new Proxy({}, { get: method }) as never;
}

function open(broken?: ReadonlySet<string>): {
  readonly api: EventApi;
  readonly noted: string[];
  readonly deps: EventApiDeps;
} {
  const noted: string[] = [];
  const rooms: EventRooms = {
    ledger: roomOf("ledger", noted, broken),
    redrives: roomOf("redrives", noted, broken),
    timers: roomOf("timers", noted, broken),
    topics: roomOf("topics", noted, broken),
    bus: roomOf("bus", noted, broken),
  };
  const platform: PlatformBooks = {
    functionId: () => Promise.resolve(FN),
    checkQualifier: ({ name, qualifier }) =>
      qualifier === "gone" ? Promise.reject(new TypeError(`${name}:gone`)) : Promise.resolve(),
    recordAudit: async () => void noted.push("recorded"),
    keepAnswer: async () => void noted.push("kept"),
    actions: roomOf("actions", noted, broken),
  };
  const deps = { ...rooms, platform, clock: systemClock() };
  return { api: createEventApi(deps), noted, deps };
}

function callOf(role: "admin" | "developer", apps?: readonly string[]): OperationCall<never> {
  const call = {
    principal: { keyId: "key_1", accountId: ACCOUNT, role, apps },
    requestId: "r" as RequestId,
    params: {
      app: "shop",
      timer: "one",
      topic: "prices",
      trigger: "one",
      rule: "one",
      request: "r",
      redrive: "rdr_1",
    },
    ...{ query: {}, body: { app: "shop", function: "hello", dryRun: false }, req: { headers: {} } },
    ...{ isHead: false, signal: new AbortController().signal },
    stamp: () => ({ id: "aud_1", claim: null }) as unknown as ChangeStamp,
  };
  return call as unknown as OperationCall<never>;
}

function handlerOf(api: EventApi, operation: keyof typeof CHANGES): OperationHandler<never> {
  return api.handlers[operation];
}

const CHANGES = {
  cancelInvocation: "ledger.cancel",
  replayInvocation: "ledger.replay",
  createRedrive: "redrives.create",
  setRedriveEnabled: "redrives.turn",
  cancelRedrive: "redrives.turn",
  putTimer: "timers.put",
  deleteTimer: "timers.remove",
  setTimerEnabled: "timers.setEnabled",
  runTimer: "timers.run",
  putTopic: "topics.putTopic",
  deleteTopic: "topics.deleteTopic",
  putTopicTrigger: "topics.putTopicTrigger",
  deleteTopicTrigger: "topics.deleteTopicTrigger",
  setTopicTriggerEnabled: "topics.setTopicTriggerEnabled",
  seekTopicTrigger: "topics.seekTopicTrigger",
  discardTopicDeadLetters: "topics.discardTopicDeadLetters",
  putRule: "bus.putRule",
  deleteRule: "bus.removeRule",
  setRuleEnabled: "bus.setRuleEnabled",
} as const satisfies Partial<Record<keyof EventApi["handlers"], string>>;

for (const [name, made] of Object.entries(CHANGES)) {
  const operation = name as keyof typeof CHANGES;
  test(`${operation} is recorded, then made, then its answer is kept`, async () => {
    const { api, noted } = open();
    await handlerOf(api, operation)(callOf("admin"));
    assert.deepEqual(noted.slice(-3), ["recorded", made, "kept"]);
  });

  test(`${operation} that was not made keeps no answer`, async () => {
    const { api, noted } = open(new Set([made]));
    await assert.rejects(handlerOf(api, operation)(callOf("admin")));
    assert.deepEqual(noted.slice(-2), ["recorded", made]);
  });
}

test("a run, a replay and a redrive that are asked for again under one key are named alike", async () => {
  const told: unknown[] = [];
  const tell = (args: unknown) => Promise.resolve({ told: told.push(args) });
  const { deps } = open();
  const api = createEventApi({
    ...deps,
    timers: { ...deps.timers, get: deps.timers.get, run: tell as never },
    ledger: { ...deps.ledger, get: deps.ledger.get, replay: tell as never },
    redrives: { ...deps.redrives, create: tell as never },
  });
  const call = callOf("admin");
  const keyed = { ...call, req: { headers: { "idempotency-key": "k" } } } as never;
  for (const operation of ["runTimer", "replayInvocation", "createRedrive"] as const) {
    for (const one of [keyed, keyed, call]) await handlerOf(api, operation)(one);
    const once = `${operation} key_1 k`;
    const named = told.splice(0).map((args) => (args as { readonly once?: string }).once);
    assert.deepEqual(named, [once, once, undefined]);
  }
});

test("a publish has the key of its body, else that of its header", async () => {
  const told: unknown[] = [];
  const { deps } = open();
  const publishMessages = ({ body }: { readonly body: object }) => Promise.resolve(told.push(body));
  const api = createEventApi({ ...deps, topics: { ...deps.topics, publishMessages } });
  const call = callOf("admin");
  const publish = (body: object, headers: object) =>
    api.handlers.publishMessages({ ...call, body, req: { headers } } as never);
  const messages = [{ data: 1 }];
  const header = { "idempotency-key": "header" };
  await publish({ messages }, header);
  await publish({ messages, idempotencyKey: "body" }, header);
  await publish({ messages }, {});
  const keys = ["header", "body", undefined];
  assert.deepEqual(
    told,
    keys.map((idempotencyKey) => ({ messages, idempotencyKey })),
  );
  const none = { "idempotency-key": "a b" };
  await assert.rejects(publish({ messages }, none), { reason: "IDEMPOTENCY_KEY_INVALID" });
  assert.equal(told.length, 3);
});

test("what has ended is neither paused nor resumed, and may still be cancelled", async () => {
  const { deps } = open();
  const done = () => Promise.resolve({ state: "done" });
  const redrives = { ...deps.redrives, get: done, turn: done } as never;
  const api = createEventApi({ ...deps, redrives });
  const paused = handlerOf(api, "setRedriveEnabled")(callOf("admin"));
  await assert.rejects(paused, { reason: "REDRIVE_ENDED" });
  const cancelled = await handlerOf(api, "cancelRedrive")(callOf("admin"));
  assert.equal(cancelled.kind, "json");
});

test("an invocation is accepted for a time within a year", async () => {
  const { api, noted } = open();
  const atIn = (ms: number) => ({ event: 1, notBefore: new Date(Date.now() + ms).toISOString() });
  const accept = (body: object) =>
    api.handlers.acceptInvocation({ ...callOf("admin"), body } as never);
  const yearMs = 366 * 86_400_000;
  await assert.rejects(accept(atIn(yearMs + 60_000)), { reason: "INPUT_INVALID" });
  assert.equal(noted.length, 0);
  await accept(atIn(yearMs - 60_000));
  assert.deepEqual(noted, ["ledger.accept"]);
});

test("a key that is confined to apps redrives nothing of another", async () => {
  const { api, noted } = open();
  const confined = handlerOf(api, "createRedrive")(callOf("developer", ["other"]));
  await assert.rejects(confined, { reason: "ACTION_DENIED" });
  assert.equal(noted.length, 0);
  await handlerOf(api, "createRedrive")(callOf("developer", ["shop"]));
  assert.ok(noted.includes("redrives.create"), "the control: it does so of its own");
});

test("what is to run as a version that is not there is refused before anything is recorded", async () => {
  const dead = { app: "shop", trigger: "one", dryRun: false };
  const asked = [
    ["replayInvocation", {}, /^TypeError: hello:gone$/],
    ["createRedrive", { app: "shop", function: "hello", dryRun: false }, /^TypeError: hello:gone$/],
    ["createRedrive", dead, /^TypeError: work:gone$/],
  ] as const;
  for (const [operation, body, why] of asked) {
    const { api, noted } = open();
    const ask = (qualifier: string) => {
      const call = { ...callOf("admin"), body: { ...body, qualifier } };
      return handlerOf(api, operation)(call);
    };
    await assert.rejects(ask("gone"), why, operation);
    assert.ok(!noted.includes("recorded"), operation);
    await ask("3");
    assert.ok(noted.includes("recorded"), "the control: one that is there");
  }
});

test("dead letters are redriven by a trigger of an app, and by nothing that invocations have", async () => {
  const { api, noted } = open();
  const redrive = (body: object, apps?: readonly string[]) => {
    const call = { ...callOf("developer", apps), body: { dryRun: false, ...body } };
    return handlerOf(api, "createRedrive")(call);
  };
  const of = { app: "shop", trigger: "one" };
  for (const body of [
    ...[{ trigger: "one" }, { app: "shop", target: "hello" }],
    ...[
      { ...of, function: "hello" },
      { ...of, source: "url" },
      { ...of, state: "failed" },
    ],
  ])
    await assert.rejects(redrive(body), { reason: "INPUT_INVALID" }, JSON.stringify(body));
  await assert.rejects(redrive(of, ["other"]), { reason: "ACTION_DENIED" });
  assert.deepEqual(noted, []);
  await redrive({ ...of, target: "hello" });
  assert.deepEqual(noted.slice(0, 3), ["topics.lettersOf", "recorded", "redrives.create"]);
});

test("a key that is confined to apps gives none of them a topic of the account", async () => {
  const { api, noted } = open();
  const confined = handlerOf(api, "putTopicTrigger")(callOf("developer", ["shop"]));
  await assert.rejects(confined, { reason: "ACTION_DENIED" });
  assert.equal(noted.length, 0);
  await handlerOf(api, "putTopicTrigger")(callOf("developer"));
  assert.ok(noted.includes("topics.putTopicTrigger"), "the control: who reads topics may");
});

test("a key that is confined to apps lets none of them hear of the account's events", async () => {
  const { api, noted } = open();
  const confined = handlerOf(api, "putRule")(callOf("developer", ["shop"]));
  await assert.rejects(confined, { reason: "ACTION_DENIED" });
  assert.equal(noted.length, 0);
  await handlerOf(api, "putRule")(callOf("developer"));
  assert.ok(noted.includes("bus.putRule"), "the control: who reads events may");
});

test("every room hears of an app that is removed, also when one could not be told", async () => {
  const { api, noted } = open(new Set(["timers.appRemoved"]));
  await assert.rejects(api.appRemoved({ accountId: ACCOUNT, app: "shop" }));
  assert.deepEqual(noted, ["timers.appRemoved", "topics.appRemoved", "bus.appRemoved"]);
});

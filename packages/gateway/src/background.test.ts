/** Work after the answer: what keeps an instance, what it costs, and how it ends. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { INTERIM_EVERY_MS, type BackgroundReplyHead, type MeterRecord } from "@skerry/contracts";
import type { LinkStream } from "@skerry/link";
import { LeapClock } from "@skerry/testkit";
import { steady, until, World, type AgentDouble, type Call } from "../test/world.ts";
import type { GatewayDeps } from "./ports.ts";

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
});
afterEach(async () => await world.close());

interface Work {
  readonly stream: LinkStream;
  refusal: BackgroundReplyHead | undefined;
  cancelled: boolean;
}

/** Says that work of `call` goes on after its answer. */
function leaveWork(call: Call): Work {
  const stream = call.instance.link.open(
    JSON.stringify({ op: "background", r: call.head.id }),
    { end: false },
    {
      onReply: (head) => void (work.refusal = JSON.parse(head) as BackgroundReplyHead),
      onBody: () => undefined,
      onWritable: () => undefined,
      onFailed: () => void (work.cancelled = true),
    },
  );
  const work: Work = { stream, refusal: undefined, cancelled: false };
  return work;
}

/** Answers every call at once and leaves work, whose streams are returned. */
async function answerAndWork(deps: Partial<GatewayDeps> = {}): Promise<Work[]> {
  const works: Work[] = [];
  agent.handle = (call) => {
    works.push(leaveWork(call));
    call.answer("answered");
  };
  await world.start({}, deps);
  return works;
}

function recordOf(kind: MeterRecord["startKind"]): MeterRecord | undefined {
  return world.records.find(({ startKind }) => startKind === kind);
}

test("the answer leaves at once, and the slot is taken until the work is done", async () => {
  const entry = world.fn({ config: { idleTimeoutMs: 100 } });
  const works = await answerAndWork();
  assert.equal((await world.call(entry)).body, "answered");
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  await world.call(entry);
  assert.equal(agent.starts.length, 2, "another instance, since the first one is at work");
  assert.deepEqual(agent.notesOf(instance, "rest"), []);
  assert.deepEqual(agent.notesOf(instance, "stop"), []);
  works[0]?.stream.end();
  await until(() => recordOf("background") !== undefined);
  await until(() => agent.notesOf(instance, "stop").length === 1);
});

test("work is metered by a record of its own, from the answer to its end", async () => {
  const entry = world.fn();
  const works = await answerAndWork();
  const answer = await world.call(entry);
  works[0]?.stream.end();
  await until(() => recordOf("background") !== undefined);
  const record = recordOf("background");
  assert.partialDeepStrictEqual(record, {
    ...{ functionId: entry.id, outcome: "ok", status: 200, coldReason: "warm" },
    instanceId: agent.instances[0]?.grant.instanceId,
  });
  assert.ok((record?.billedUs ?? 0) >= 1_000);
  assert.notEqual(record?.requestId, answer.headers["x-skerry-request-id"]);
  assert.equal(world.records.length, 2);
});

test("work that goes on for long leaves word of itself, and one record at its end", async () => {
  const leaping = new LeapClock();
  const entry = world.fn({ config: { backgroundTimeoutMs: 600_000 } });
  const works = await answerAndWork({ clock: leaping });
  await world.call(entry);
  await until(() => works.length === 1);
  leaping.leap(INTERIM_EVERY_MS);
  await until(() => world.interims.length === 1);
  const [interim] = world.interims;
  assert.partialDeepStrictEqual(interim, {
    ...{ functionId: entry.id, outcome: "gateway_lost", startKind: "background" },
    instanceId: agent.instances[0]?.grant.instanceId,
  });
  assert.ok((interim?.billedUs ?? 0) >= INTERIM_EVERY_MS * 1_000);
  assert.equal(recordOf("background"), undefined);
  works[0]?.stream.end();
  await until(() => recordOf("background") !== undefined);
  assert.equal(recordOf("background")?.requestId, interim?.requestId);
  const left = world.interims.length;
  leaping.leap(INTERIM_EVERY_MS);
  await steady(() => world.interims.length);
  assert.equal(world.interims.length, left, "nothing of what has ended");
});

test("work that failed is counted as a failure of the function", async () => {
  const entry = world.fn();
  const works = await answerAndWork();
  await world.call(entry);
  works[0]?.stream.cancel("a task failed");
  await until(() => recordOf("background") !== undefined);
  assert.equal(recordOf("background")?.outcome, "function_error");
});

test("work that was done before the answer costs nothing more", async () => {
  const entry = world.fn();
  agent.handle = (call) => {
    leaveWork(call).stream.end();
    call.answer("answered");
  };
  await world.start();
  await world.call(entry);
  await world.call(entry);
  assert.equal(agent.starts.length, 1);
  assert.equal(recordOf("background"), undefined);
});

test("work that takes too long ends an instance of its own with it", async () => {
  const entry = world.fn({ config: { backgroundTimeoutMs: 100 } });
  await answerAndWork();
  await world.call(entry);
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.partialDeepStrictEqual(agent.notesOf(instance, "stop")[0], { why: "timeout" });
  await until(() => recordOf("background") !== undefined);
  assert.equal(recordOf("background")?.outcome, "timeout");
  assert.ok((recordOf("background")?.billedUs ?? 0) >= 100_000);
});

test("where requests share an instance, only the work that takes too long ends", async () => {
  const entry = world.fn({ config: { backgroundTimeoutMs: 100, concurrency: 10 } });
  const works = await answerAndWork();
  await world.call(entry);
  await until(() => works[0]?.cancelled === true);
  await until(() => recordOf("background") !== undefined);
  assert.equal(recordOf("background")?.outcome, "timeout");
  assert.equal((await world.call(entry)).status, 200);
  assert.equal(agent.starts.length, 1);
});

test("an instance that ends takes its work along", async () => {
  const entry = world.fn();
  await answerAndWork();
  await world.call(entry);
  agent.instances[0]?.socket.destroy();
  await until(() => recordOf("background") !== undefined);
  assert.equal(recordOf("background")?.outcome, "crashed");
});

test("only a live request leaves work, and only once", async () => {
  const entry = world.fn();
  let late: Work | undefined;
  let second: Work | undefined;
  agent.handle = (call) => {
    leaveWork(call);
    second = leaveWork(call);
    call.answer("answered");
    late = leaveWork(call);
  };
  await world.start();
  await world.call(entry);
  await until(() => late?.refusal !== undefined && second?.refusal !== undefined);
  assert.equal(late?.refusal?.e.reason, "REACH_REQUEST_NOT_LIVE");
  assert.equal(second?.refusal?.e.reason, "REACH_REQUEST_NOT_LIVE");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LinkStream, StreamHandler } from "@skerry/link";
import { answerLedger, HandClock } from "@skerry/testkit";
import { World } from "../test/world.ts";
import { ProgressReports } from "./progress-reports.ts";

const OK = { outcome: "ok", status: 200 } as const;

const toldBy = ({ control }: World): readonly string[] => control.progress.map(([, json]) => json);

async function running(count = 1): Promise<World> {
  const world = new World();
  await world.connect();
  world.control.run(Array.from({ length: count }, () => world.piece()));
  await world.settled();
  return world;
}

test("what is reported while control is away is told when it is back, the last of each, before ends", async () => {
  const world = await running(2);
  world.cut();
  await world.settled();
  const [ended, goesOn] = world.running;
  ended?.report("0.5");
  world.clock.advance(1_000);
  ended?.report("1");
  goesOn?.report("0.25");
  world.clock.advance(1_000);
  ended?.end(OK);
  await world.settled();
  assert.deepEqual(toldBy(world), []);
  await world.connect();
  await world.settled();
  assert.deepEqual(toldBy(world), ["1", "0.25"]);
  assert.deepEqual(world.control.order.slice(1), ["holding", "progress", "settle"]);
  world.clock.advance(10_000);
  await world.settled();
  assert.equal(toldBy(world).length, 2, "what was heard is not told again");
});

test("a report whose answer was lost is told again, unless there is a later one", async () => {
  const world = await running(2);
  const [first, second] = world.running;
  first?.report("0.1");
  second?.report("0.2");
  world.clock.advance(200);
  world.cut();
  await world.settled();
  second?.report("0.3");
  const before = toldBy(world).length;
  await world.connect();
  await world.settled();
  assert.deepEqual(toldBy(world).slice(before), ["0.1", "0.3"]);
});

test("of what control wants no more nothing is told", async () => {
  const world = await running();
  const [only] = world.running;
  world.cut();
  await world.settled();
  only?.report("0.5");
  world.control.onHolding = (told) => answerLedger(told, { abandon: [0] });
  await world.connect();
  world.clock.advance(1_000);
  await world.settled();
  assert.equal(world.client.held, 0);
  assert.deepEqual(toldBy(world), []);
});

test("what is kept while control is away is bounded in bytes, and room is given back", () => {
  let told = 0;
  let replies: StreamHandler[] = [];
  const reports = new ProgressReports({
    clock: new HandClock(),
    open: (_, { body }, handler) => {
      told += body?.length ?? 0;
      replies.push(handler);
      return {} as LinkStream;
    },
  });
  const { ids } = new World();
  const names = Array.from({ length: 5_000 }, () => ({ id: ids.requestId(), n: 1 }));
  const json = JSON.stringify("x".repeat(9_000));
  const report = (): void => {
    told = 0;
    replies = [];
    for (const name of [...names, ...names]) reports.add(name, json);
    reports.flush();
  };
  report();
  const first = told;
  assert.ok(first < 33 << 20 && first > 24 << 20, `${first} of ${names.length * json.length}`);
  for (const handler of replies) handler.onReply("{}", Buffer.from("{}"), true);
  report();
  assert.equal(told, first, "as much again");
  for (const name of names) reports.forget(name);
  reports.add(names[0] ?? { id: ids.requestId(), n: 1 }, json);
  told = 0;
  reports.flush();
  assert.ok(told > 0 && told < 10_000, "what is over leaves room");
});

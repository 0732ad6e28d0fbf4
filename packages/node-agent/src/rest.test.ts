import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { HandClock, until } from "@skerry/testkit";
import { GATEWAY, Node, rungOrSkip } from "../test/world.ts";
import { Moments, Rest } from "./rest.ts";

function setUp(tidies: boolean) {
  const clock = new HandClock();
  const seen: string[] = [];
  const note = (what: string) => (): void => void seen.push(`${clock.monotonicMs()} ${what}`);
  const kill = (): Promise<never> => {
    note("kill")();
    return new Promise(() => undefined);
  };
  const sandbox = { rest: note("rest"), resume: note("resume"), kill };
  const deps = { clock, moments: new Moments() };
  return { clock, seen, rest: new Rest(deps, { sandbox, tidies }) };
}

test("a rest that lasts is interrupted once, for a moment", () => {
  const { clock, seen, rest } = setUp(true);
  rest.perform("rest");
  clock.advance(600_000);
  assert.deepEqual(seen, ["0 rest", "10000 resume", "11000 rest"]);
  rest.perform("resume");
  clock.advance(1_000);
  rest.perform("rest");
  clock.advance(10_000);
  assert.deepEqual(seen.slice(3), ["600000 resume", "601000 rest", "611000 resume"]);
});

test("what is wanted in that moment goes on, and what is ended is not touched again", () => {
  for (const effect of ["resume", "kill"] as const) {
    for (const atMs of [5_000, 10_500]) {
      const { clock, seen, rest } = setUp(true);
      rest.perform("rest");
      clock.advance(atMs);
      rest.perform(effect);
      assert.equal(seen.at(-1), `${atMs} ${effect}`);
      clock.advance(600_000);
      assert.equal(seen.at(-1), `${atMs} ${effect}`);
    }
  }
});

test("of those that came to rest together few run at once, each has its moment, and none that left", () => {
  const clock = new HandClock();
  const moments = new Moments(3);
  const running = new Set<number>();
  const ran: number[] = [];
  let most = 0;
  const rests = Array.from({ length: 20 }, (_, at) => {
    const resume = (): void => {
      running.add(at);
      ran.push(at);
      most = Math.max(most, running.size);
    };
    const rest = (): void => void running.delete(at);
    const sandbox = { rest, resume, kill: () => new Promise<never>(() => undefined) };
    return new Rest({ clock, moments }, { sandbox, tidies: true });
  });
  for (const rest of rests) rest.perform("rest");
  clock.advance(10_500);
  assert.deepEqual([...running], [0, 1, 2]);
  running.delete(1);
  rests[1]?.perform("kill");
  rests[4]?.end();
  assert.deepEqual([...running], [0, 2, 3], "a place is free at once");
  clock.advance(600_000);
  const wanted = Array.from({ length: 20 }, (_, at) => at).filter((at) => at !== 4);
  assert.deepEqual([most, ran, [...running]], [3, wanted, []]);
  assert.equal(clock.timers, 0);
});

test("a runtime that collects nothing by itself rests on", () => {
  const { clock, seen, rest } = setUp(false);
  rest.perform("rest");
  clock.advance(600_000);
  assert.deepEqual(seen, ["0 rest"]);
});

const LEAVES_LITTER = `
  const { constants, PerformanceObserver } = process.getBuiltinModule("node:perf_hooks");
  const asked = constants.NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE;
  new PerformanceObserver((list) => {
    if (list.getEntries().some(({ detail }) => detail.flags & asked)) console.log("collected");
  }).observe({ entryTypes: ["gc"] });
  export const handler = () => Array.from({ length: 200_000 }, (_, n) => ({ n })).length;
`;

for (const rung of ["bubblewrap", "process"] as const) {
  describe(`rest on the rung ${rung}`, await rungOrSkip(rung), () => {
    let node: Node;
    before(async () => void (node = await Node.open(rung)));
    after(() => node.close());

    test("an instance collects in a rest that lasts, asked by nobody", async () => {
      const instances = node.instances();
      const ref = await node.revision({ "index.mjs": LEAVES_LITTER });
      const outcome = await instances.start(ref, GATEWAY, "first_instance");
      assert.ok(outcome.ok, JSON.stringify(outcome));
      const held = node.heldOf(outcome.grant);
      assert.ok(held !== undefined);
      const collected = (): number => node.lines.filter(({ m }) => m === "collected").length;
      await node.call(held, null);
      await until("the first collection", () => collected() > 0);
      const first = collected();
      await node.call(held, null);
      instances.ask(outcome.grant.instanceId, { kind: "restAsked" });
      await until("a collection at rest", () => collected() > first);
      assert.equal(instances.list()[0]?.state, "resting");
      await instances.close();
    });
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { HandClock } from "@skerry/testkit";
import { AgentSweeps, type SweepingAgent } from "./agent-sweeps.ts";
import type { ToRole } from "./messages.ts";

interface Order {
  readonly agent: SweepingAgent;
  readonly message: ToRole;
}

interface Scene {
  readonly clock: HandClock;
  readonly sweeps: AgentSweeps;
  /** Those that are there. */
  readonly agents: SweepingAgent[];
  readonly orders: Order[];
  agent(life: SweepingAgent["life"], exitCode?: number): SweepingAgent;
}

function makeScene(): Scene {
  const clock = new HandClock();
  const agents: SweepingAgent[] = [];
  const orders: Order[] = [];
  const agent = (life: SweepingAgent["life"], exitCode: number | null = null): SweepingAgent => {
    const send = (message: ToRole): void => void orders.push({ agent: made, message });
    const made: SweepingAgent = { life, child: { exitCode }, send };
    return made;
  };
  return { clock, agents, orders, agent, sweeps: new AgentSweeps(clock, () => agents) };
}

const sweepBy = (...agents: readonly SweepingAgent[]): readonly Order[] =>
  agents.map((agent) => ({ agent, message: { op: "sweep" } }));

test("an agent that starts alone sweeps until it is ready, or ends", async () => {
  const { clock, sweeps, agent } = makeScene();
  for (const event of ["swept", "ended"] as const) {
    const alone = agent("starting");
    sweeps.startedAlone(alone);
    assert.equal(sweeps.isRunning, true);
    const over = sweeps.untilOver();
    sweeps[event](agent("up", 0));
    assert.equal(sweeps.isRunning, true, "another one's event");
    sweeps[event](alone);
    await over;
    assert.equal(sweeps.isRunning, false);
  }
  assert.equal(clock.timers, 0);
});

test("what a crashed agent left is swept once the one that stays is alone and up", () => {
  const { agents, clock, orders, sweeps, agent } = makeScene();
  const [stays, leaves] = [agent("up"), agent("up")];
  agents.push(stays, leaves);
  sweeps.ended(agent("ended"));
  assert.deepEqual(orders, []);
  agents.pop();
  sweeps.ended(agent("ended", 0));
  assert.deepEqual(orders, sweepBy(stays));
  assert.equal(sweeps.isRunning, true);
  sweeps.swept(stays);
  assert.equal(sweeps.isRunning, false);
  assert.deepEqual(orders, sweepBy(stays), "nothing is owed any more");
  assert.equal(clock.timers, 0);
});

test("an agent that is starting or leaving is not asked", () => {
  for (const life of ["starting", "draining"] as const) {
    const { agents, orders, sweeps, agent } = makeScene();
    agents.push(agent(life));
    sweeps.ended(agent("ended"));
    assert.deepEqual([orders, sweeps.isRunning], [[], false], life);
    const up = agent("up");
    agents.splice(0, 1, up);
    sweeps.swept(up);
    assert.deepEqual(orders, sweepBy(up), "control: once it is up");
  }
});

test("an agent that left in order leaves nothing to sweep", () => {
  const { agents, orders, sweeps, agent } = makeScene();
  agents.push(agent("up"));
  sweeps.ended(agent("ended", 0));
  assert.deepEqual(orders, []);
});

test("what is owed while a sweep runs is swept after it", () => {
  const { agents, orders, sweeps, agent } = makeScene();
  const stays = agent("up");
  agents.push(stays);
  sweeps.ended(agent("ended"));
  sweeps.ended(agent("ended"));
  assert.deepEqual(orders, sweepBy(stays));
  sweeps.swept(stays);
  assert.deepEqual(orders, sweepBy(stays, stays));
});

test("a sweep that hangs goes on, so that nobody starts beside it", async () => {
  const { agents, clock, sweeps, agent } = makeScene();
  agents.push(agent("up"));
  sweeps.ended(agent("ended"));
  const hanging = sweeps.untilOverOrHanging();
  clock.advance(19_999);
  assert.equal(sweeps.hangs, false);
  clock.advance(60_000);
  await hanging;
  assert.deepEqual([sweeps.hangs, sweeps.isRunning], [true, true]);
  await sweeps.untilOverOrHanging();
});

test("a sweep that hung may end after all, and is not owed again", async () => {
  const { agents, clock, orders, sweeps, agent } = makeScene();
  const slow = agent("up");
  agents.push(slow);
  sweeps.ended(agent("ended"));
  const over = sweeps.untilOver();
  clock.advance(60_000);
  sweeps.swept(slow);
  await over;
  assert.deepEqual([sweeps.hangs, sweeps.isRunning], [false, false]);
  assert.deepEqual(orders, sweepBy(slow));
});

test("what an agent did not finish sweeping is owed again, however it ended", async () => {
  for (const exitCode of [0, 70]) {
    const { agents, clock, orders, sweeps, agent } = makeScene();
    const ends = agent("up", exitCode);
    agents.push(ends);
    sweeps.ended(agent("ended"));
    const over = sweeps.untilOver();
    const next = agent("up");
    agents.splice(0, 1, next);
    sweeps.ended(ends);
    await over;
    assert.deepEqual(orders, sweepBy(ends, next));
    sweeps.swept(next);
    assert.equal(clock.timers, 0);
  }
});

test("who waits for a sweep is not forgotten when another one begins", async () => {
  const { clock, sweeps, agent } = makeScene();
  sweeps.startedAlone(agent("starting"));
  const over = sweeps.untilOver();
  const second = agent("starting");
  sweeps.startedAlone(second);
  assert.equal(await Promise.race([over.then(() => "over"), setImmediate("forgotten")]), "over");
  assert.equal(sweeps.isRunning, true);
  sweeps.swept(second);
  assert.equal(clock.timers, 0);
});

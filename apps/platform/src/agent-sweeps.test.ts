import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { AgentSweeps, type SweepingAgent } from "./agent-sweeps.ts";

interface Scene {
  readonly clock: HandClock;
  readonly sweeps: AgentSweeps;
  readonly agents: SweepingAgent[];
  /** Orders to sweep. */
  readonly asked: SweepingAgent[];
  agent(life: SweepingAgent["life"], exitCode?: number): SweepingAgent;
}

function makeScene(): Scene {
  const clock = new HandClock();
  const agents: SweepingAgent[] = [];
  const asked: SweepingAgent[] = [];
  const agent = (life: SweepingAgent["life"], exitCode: number | null = null): SweepingAgent => {
    const made = { life, child: { exitCode }, send: () => void asked.push(made) };
    return made;
  };
  return { clock, agents, asked, agent, sweeps: new AgentSweeps(clock, () => agents) };
}

test("an agent that starts alone sweeps until it is ready, or ends", async () => {
  const { sweeps, agent } = makeScene();
  for (const event of ["swept", "ended"] as const) {
    const alone = agent("starting");
    sweeps.startedAlone(alone);
    assert.equal(sweeps.isRunning, true);
    const over = sweeps.untilOver();
    sweeps[event](agent("up"));
    assert.equal(sweeps.isRunning, true, "another one's event");
    sweeps[event](alone);
    await over;
    assert.equal(sweeps.isRunning, false);
  }
});

test("what a crashed agent left is swept once the one that stays is alone and up", () => {
  const { agents, asked, sweeps, agent } = makeScene();
  const [stays, leaves] = [agent("up"), agent("up")];
  agents.push(stays, leaves);
  sweeps.ended(agent("ended"));
  assert.deepEqual(asked, []);
  agents.pop();
  sweeps.ended(agent("ended", 0));
  assert.deepEqual(asked, [stays]);
  assert.equal(sweeps.isRunning, true);
  sweeps.swept(stays);
  assert.equal(sweeps.isRunning, false);
  assert.deepEqual(asked, [stays], "nothing is owed any more");
});

test("a sweep that hangs is waited for only so long, and is owed again", async () => {
  const { agents, asked, clock, sweeps, agent } = makeScene();
  const hangs = agent("up");
  agents.push(hangs);
  sweeps.ended(agent("ended"));
  const over = sweeps.untilOver();
  clock.advance(60_000);
  await over;
  assert.equal(sweeps.isRunning, false);
  const next = agent("up");
  agents.splice(0, 1, next);
  sweeps.ended(hangs);
  assert.deepEqual(asked, [hangs, next]);
});

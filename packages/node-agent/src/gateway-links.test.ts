import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog, systemClock, type Clock, type GatewayId, type InstanceId } from "@skerry/base";
import type { AgentNote, GatewayNote, StartHead, StartReply } from "@skerry/contracts";
import { bufferText, Link, socketPipe } from "@skerry/link";
import { HandClock, LeapClock, until } from "@skerry/testkit";
import { GatewayLinks } from "./gateway-links.ts";

const A = "gw_a" as GatewayId;
const B = "gw_b" as GatewayId;
const INSTANCE = "inst_1" as InstanceId;
const REFUSED: StartReply = { ok: false, refusal: { kind: "limit", why: "test" } };

interface Agent<C extends Clock = HandClock> {
  readonly links: GatewayLinks;
  readonly clock: C;
  readonly path: string;
  /** What happened, in order. */
  readonly events: string[];
  gateway(id: GatewayId): Promise<{ readonly link: Link; readonly notes: AgentNote[] }>;
}

function openAgent(t: TestContext): Promise<Agent> {
  return openAgentBy(t, new HandClock());
}

async function openAgentBy<C extends Clock>(t: TestContext, clock: C): Promise<Agent<C>> {
  const root = mkdtempSync(join(tmpdir(), "skerry-links-"));
  const path = join(root, "agent.sock");
  const events: string[] = [];
  const links = new GatewayLinks({
    clock,
    log: silentLog(),
    start: async (head, gatewayId) => {
      events.push(`start ${head.reason} for ${gatewayId}`);
      return await Promise.resolve(REFUSED);
    },
    note: ({ op }, gatewayId) => events.push(`${op} by ${gatewayId}`),
    connected: (gatewayId) => events.push(`connected ${gatewayId}`),
    lost: (gatewayId) => events.push(`lost ${gatewayId}`),
  });
  await links.listen(path);
  const open: Link[] = [];
  t.after(async () => {
    for (const link of open) link.close("the test is over");
    await links.close();
    rmSync(root, { recursive: true, force: true });
  });
  const gateway: Agent<C>["gateway"] = async (id) => {
    const notes: AgentNote[] = [];
    const link = new Link(
      {
        pipe: socketPipe(connect(path)),
        clock: systemClock(),
        text: bufferText(Buffer),
        scheduleFlush: queueMicrotask,
      },
      {
        side: "initiator",
        peer: "agent",
        hello: { role: "gateway", id },
        onNote: (text) => notes.push(JSON.parse(text) as AgentNote),
      },
    );
    open.push(link);
    const before = events.length;
    await until(`${id} to be connected`, () => events.slice(before).includes(`connected ${id}`));
    return { link, notes };
  };
  return { links, clock, path, events, gateway };
}

function ask(link: Link, head: StartHead): Promise<StartReply> {
  return new Promise((resolve, reject) => {
    link.open(
      JSON.stringify(head),
      { end: true },
      {
        onReply: (text) => resolve(JSON.parse(text) as StartReply),
        onBody: () => undefined,
        onWritable: () => undefined,
        onFailed: reject,
      },
    );
  });
}

async function gone({ links }: Pick<Agent, "links">, count: number): Promise<void> {
  await until(`${count} gateways`, () => links.gateways().length === count, { everyMs: 1 });
}

test("a gateway asks for starts, says what becomes of instances, and is told of exits", async (t) => {
  const agent = await openAgent(t);
  const { link, notes } = await agent.gateway(A);
  const head = { op: "start", functionId: "fn_1", revisionId: "rev_1", reason: "warm" };
  assert.deepEqual(await ask(link, head as StartHead), REFUSED);
  const note: GatewayNote = { op: "owned", instanceId: INSTANCE };
  link.note(JSON.stringify(note));
  await until("the note", () => agent.events.includes(`owned by ${A}`));
  const exit = { code: 1, signal: null, outOfMemory: false };
  agent.links.exited(A, INSTANCE, exit);
  agent.links.exited(B, INSTANCE, exit);
  agent.links.announceDraining();
  await until("the notes", () => notes.length === 2);
  assert.deepEqual(notes, [{ op: "exited", instanceId: INSTANCE, exit }, { op: "draining" }]);
});

test("a gateway that comes while the agent leaves is told, too", async (t) => {
  const agent = await openAgent(t);
  agent.links.announceDraining();
  const { notes } = await agent.gateway(A);
  await until("the note", () => notes.length === 1);
  assert.deepEqual(notes, [{ op: "draining" }]);
});

test("only the platform's own user may connect", async (t) => {
  const { path } = await openAgent(t);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a gateway that leaves is lost after a grace, in which others may take over", async (t) => {
  const agent = await openAgent(t);
  const { link } = await agent.gateway(A);
  await agent.gateway(B);
  link.close("leaves");
  await gone(agent, 1);
  agent.clock.advance(1_900);
  assert.ok(!agent.events.includes(`lost ${A}`));
  agent.clock.advance(200);
  assert.deepEqual(
    agent.events.filter((event) => event.startsWith("lost")),
    [`lost ${A}`],
  );
});

test("what others said in time is heard before the grace is over, of an agent that was held up, too", async (t) => {
  const agent = await openAgentBy(t, new LeapClock());
  const { link } = await agent.gateway(A);
  const { link: other } = await agent.gateway(B);
  link.close("leaves");
  await gone(agent, 1);
  const note: GatewayNote = { op: "owned", instanceId: INSTANCE };
  // What is due is looked at right behind these, before the sockets are.
  await new Promise((resolve) => void setImmediate(resolve));
  other.note(JSON.stringify(note));
  // It is written, and read by nobody while this turn lasts.
  await Promise.resolve();
  agent.clock.leap(2_000);
  for (const endMs = performance.now() + 20; performance.now() < endMs;);
  await until("the end of the grace", () => agent.events.includes(`lost ${A}`));
  assert.deepEqual(agent.events.slice(-2), [`owned by ${B}`, `lost ${A}`]);
});

test("a gateway that is back within the grace is not lost", async (t) => {
  const agent = await openAgent(t);
  const { link } = await agent.gateway(A);
  link.close("its link was cut");
  await gone(agent, 0);
  await agent.gateway(A);
  agent.clock.advance(5_000);
  assert.ok(!agent.events.includes(`lost ${A}`));
});

test("the end of an older link of the same gateway takes nothing from the newer", async (t) => {
  const agent = await openAgent(t);
  const { link: older } = await agent.gateway(A);
  const { notes } = await agent.gateway(A);
  older.close("replaced");
  agent.links.announceDraining();
  await until("the note", () => notes.length === 1);
  agent.clock.advance(5_000);
  assert.ok(!agent.events.includes(`lost ${A}`));
});

test("when the agent closes, no gateway counts as lost", async (t) => {
  const agent = await openAgent(t);
  await agent.gateway(A);
  await agent.links.close();
  agent.clock.advance(5_000);
  assert.ok(!agent.events.some((event) => event.startsWith("lost")));
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createIdSource, systemClock, systemRandom, type FunctionId } from "@skerry/base";
import type { InstanceResource, PlatformResource } from "@skerry/api-schema";
import type { InstanceView } from "@skerry/contracts";
import { AGENT_ID, Harness, type Problem } from "../test/harness.ts";
import { instanceOf, instancesReply, NO_SANDBOX } from "../test/instances.ts";
import { built, inBody } from "../test/peer-double.ts";

async function platform(harness: Harness): Promise<PlatformResource> {
  return (await harness.send<PlatformResource>("GET", "/v1/platform")).body;
}

test("the log tells a peer's role in a field of its own, beside the role that writes it", async () => {
  await using harness = await Harness.open();
  const peer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await peer.until(() => peer.batches.length === 1);
  const linked = harness.platformLog.find(({ message }) => message === "peer linked");
  assert.deepEqual(linked?.fields, { peer: "gw_1", peerRole: "gateway" });
});

test("only the platform's own user can open the socket", async () => {
  await using harness = await Harness.open();
  assert.equal((await stat(harness.socketPath)).mode & 0o777, 0o600);
  assert.equal((await stat(dirname(harness.socketPath))).mode & 0o777, 0o700);
});

test("another user cannot connect, though it could if the socket's mode let it", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can become another user");
  await using harness = await Harness.open();
  await chmod(harness.directory, 0o755);
  await chmod(dirname(harness.socketPath), 0o755);
  const tryAsNobody = (): Promise<string> => connectAs(65_534, harness.socketPath);
  assert.equal(await tryAsNobody(), "EACCES");
  await chmod(harness.socketPath, 0o666);
  assert.equal(await tryAsNobody(), "connected");
  return undefined;
});

/** How a connection attempt by another user ends. */
async function connectAs(uid: number, path: string): Promise<string> {
  const program =
    "const s = require('node:net').connect(process.argv[1]);" +
    "s.on('error', (e) => console.log(e.code));" +
    "s.on('connect', () => { console.log('connected'); s.destroy(); });";
  const args = ["-e", program, path];
  const { stdout } = await promisify(execFile)(process.execPath, args, { uid, gid: uid });
  return stdout.trim();
}

test("what an earlier run left at the socket's path is replaced", async () => {
  await using harness = await Harness.open();
  await harness.stop();
  await writeFile(harness.socketPath, "left behind");
  await harness.start();
  const peer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await peer.until(() => peer.batches.length === 1);
});

test("a successor's socket survives the end of its predecessor", async () => {
  await using harness = await Harness.open();
  const successor = await harness.control.listenLinks(harness.socketPath);
  const { ino } = await lstat(harness.socketPath);
  const predecessor = await harness.control.listenLinks(`${harness.socketPath}.other`);
  await predecessor.close();
  await assert.rejects(lstat(`${harness.socketPath}.other`));
  assert.equal((await lstat(harness.socketPath)).ino, ino);
  await successor.close();
});

test("a peer that does not say who it is is cut off", async () => {
  await using harness = await Harness.open();
  for (const options of [
    { role: "admin", id: "x" },
    { role: "gateway", id: "" },
    { role: "gateway", id: "x".repeat(100) },
  ]) {
    const peer = harness.peer(options);
    await peer.closed;
  }
  assert.deepEqual((await platform(harness)).consumers, []);
});

test("a peer that never speaks is cut off", async () => {
  await using harness = await Harness.open({ silenceMsMax: 40 });
  const socket = connect(harness.socketPath);
  await once(socket, "close");
});

test("bytes that are no link are cut off at once", async () => {
  await using harness = await Harness.open();
  const socket = connect(harness.socketPath);
  socket.on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await once(socket, "close");
});

test("more links than the limit are refused", async () => {
  await using harness = await Harness.open({ peersMax: 1 });
  const first = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await first.until(() => first.batches.length === 1);
  const second = harness.peer({ role: "gateway", id: "gw_2" });
  await second.closed;
  assert.equal(first.link.closed, false);
});

test("a stream that control does not serve is cancelled and the link goes on", async () => {
  await using harness = await Harness.open();
  const peer = harness.peer({ role: "gateway", id: "gw_1" });
  for (const head of [
    "{}",
    "nonsense",
    '{"op":"build"}',
    '{"op":"watch","after":-1}',
    '{"op":"watch"}',
  ]) {
    const failed = Promise.withResolvers<void>();
    peer.link.open(
      head,
      { end: true },
      {
        onReply: () => failed.reject(new Error(`${head} was answered`)),
        onBody: () => undefined,
        onWritable: () => undefined,
        onFailed: () => failed.resolve(),
      },
    );
    await failed.promise;
  }
  for (const note of ["{}", "nonsense", '{"op":"applied","seq":"x"}', '{"op":"later"}']) {
    peer.link.note(note);
  }
  peer.watch(0);
  await peer.until(() => peer.batches.length === 1);
});

test("a newer link of the same peer takes the place of the older one", async () => {
  await using harness = await Harness.open();
  const older = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await older.until(() => older.batches.length === 1);
  const newer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await older.closed;
  await newer.until(() => newer.batches.length === 1);
  assert.equal((await platform(harness)).consumers.length, 1);
});

test("the platform's state lists nodes with their sandbox and consumers with their number", async () => {
  await using harness = await Harness.open();
  const sandbox = {
    ...{ rung: "bubblewrap", label: "bubblewrap", enforcement: { memory: "cgroup" }, raise: null },
  };
  harness.peer({ role: "agent", id: AGENT_ID, answer: () => instancesReply([], sandbox) });
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await gateway.until(() => gateway.batches.length === 1);
  await harness.control.waitApplied(1, 120_000);
  const { nodes, consumers, configSeq } = await platform(harness);
  assert.equal(configSeq, 1);
  assert.deepEqual(consumers, [{ id: "gw_1", role: "gateway", appliedSeq: 1 }]);
  const place = { site: "local", zone: "local", set: "local" };
  assert.deepEqual(nodes, [{ id: AGENT_ID, connected: true, sandbox, instances: 0, ...place }]);
});

test("an agent that does not answer, or answers too much, is shown as such within bounds", async () => {
  await using harness = await Harness.open({ agentAnswerMs: 30 });
  let reply: object | undefined;
  harness.peer({ role: "agent", id: AGENT_ID, answer: () => reply });
  await harness.control.waitApplied(0, 0);
  const head = { sandbox: NO_SANDBOX };
  const answers = [undefined, {}, head, inBody(head, "{"), inBody(head, '[{"id":"x"}]')];
  for (const answer of [...answers, inBody({}, "[]")]) {
    reply = answer;
    let nodes = (await platform(harness)).nodes;
    while (nodes.length === 0) nodes = (await platform(harness)).nodes;
    assert.equal(nodes[0]?.connected, false, JSON.stringify(answer));
    const list = await harness.send<{ items: InstanceResource[] }>("GET", "/v1/instances");
    assert.deepEqual(list.body.items, []);
  }
});

const MANY = 5_000;

/** A deployed function with this many instances, as an agent that tells them so says. */
async function crowded(tell: (views: readonly InstanceView[]) => object): Promise<Harness> {
  const harness = await Harness.open();
  let reply = instancesReply([]);
  harness.peer({
    ...{ role: "agent", id: AGENT_ID },
    answer: (head) => (head.op === "build" ? built(head as never) : reply),
  });
  await harness.ended(await harness.deploy("shop", { f: "1" }));
  const { body } = await harness.send<{ id: FunctionId }>("GET", "/v1/apps/shop/functions/f");
  const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
  reply = tell(Array.from({ length: MANY }, () => instanceOf(body.id, { id: ids.id("inst") })));
  return harness;
}

test(`${MANY} instances of one node are listed, whole and page by page`, async () => {
  await using harness = await crowded((views) => instancesReply(views));
  assert.equal((await platform(harness)).nodes[0]?.instances, MANY);
  const seen = new Set<string>();
  let pages = 0;
  let from: string | null = "";
  while (from !== null) {
    const path = `/v1/instances?limit=700${from}`;
    const page: Page = (await harness.send<Page>("GET", path)).body;
    for (const { id } of page.items) seen.add(id);
    from = page.nextCursor === null ? null : `&cursor=${page.nextCursor}`;
    pages += 1;
  }
  assert.deepEqual([seen.size, pages], [MANY, 8]);
  const { body } = await harness.send<Page>("GET", "/v1/instances");
  assert.equal(body.items.length, 1_000);
});

test(`control: no head has room for ${MANY} instances, the link would be cut`, async () => {
  await using harness = await crowded((instances) => ({ instances, sandbox: NO_SANDBOX }));
  const [node] = (await platform(harness)).nodes;
  assert.notEqual(node?.connected, true);
});

interface Page {
  readonly items: readonly InstanceResource[];
  readonly nextCursor: string | null;
}

test("stopping an instance that is not there is refused without asking anybody", async () => {
  await using harness = await Harness.open();
  const agent = harness.agent();
  const path = "/v1/instances/inst_01kzzzzzzzzzzzzzzzzzzzzzzz";
  const refused = await harness.send<Problem>("DELETE", path);
  assert.equal(refused.body.error.reason, "INSTANCE_NOT_FOUND");
  assert.ok(agent.asked.every(({ op }) => op !== "stop-instance"));
});

test("closing control cuts every link", { timeout: 60_000 }, async () => {
  // Nothing else ends it: neither the peer nor its silence.
  await using harness = await Harness.open();
  const peer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await peer.until(() => peer.batches.length === 1);
  await harness.control.close();
  await peer.closed;
});

/**
 * Connections of functions to the network, with the network's rules in force and servers on the
 * loopback. Where a test needs a public server, it declares the loopback public; the same request
 * under the real rules is its control.
 */
import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { networkInterfaces } from "node:os";
import { createLog, type Log } from "@skerry/base";
import { LIMITS, type FunctionConfigInput } from "@skerry/contracts";
import { systemNetwork, type Network } from "@skerry/reach";
import { ask, reasonOf, type Line } from "../test/line.ts";
import { steady, until, World, type AgentDouble, type Call } from "../test/world.ts";
import type { GatewayOptions } from "./ports.ts";

let world: World;
let agent: AgentDouble;
let target: Server;
let accepted: Socket[];
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  accepted = [];
  target = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket.on("error", () => undefined));
  });
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  for (const socket of accepted) socket.destroy();
  target.close();
  await world.close();
});

const port = (): number => (target.address() as AddressInfo).port;

/** A network in which the loopback is public and every name leads there. */
function openNetwork(changes: Partial<Network> = {}): Network {
  const resolve = (): Promise<readonly string[]> => Promise.resolve(["127.0.0.1"]);
  return {
    ...{ ...systemNetwork(), resolvePublic: resolve, resolveLocal: resolve },
    isPublic: () => true,
    ...changes,
  };
}

/** A function with a request that is live until `answer`; its instance is the asker. */
async function startAsker(
  config: FunctionConfigInput,
  options: { network?: Network; log?: Log } & Partial<GatewayOptions> = {},
): Promise<Call> {
  // Its request is live for as long as a test takes.
  const fn = world.fn({ config: { timeoutMs: 300_000, ...config } });
  const held = Promise.withResolvers<Call>();
  agent.handle = (call) => held.resolve(call);
  const { network, log, ...others } = options;
  await world.start(others, {
    ...(network === undefined ? {} : { network }),
    ...(log === undefined ? {} : { log }),
  });
  void world.call(fn).catch(() => undefined);
  return await held.promise;
}

test("bytes pass both ways, and each way ends by itself", async () => {
  const { instance } = await startAsker({ connect: { db: `127.0.0.1:${port()}` } });
  const line = ask(instance, { op: "connect", n: "db" });
  assert.equal(await reasonOf(line), "connected");
  let heard = "";
  accepted[0]?.on("data", (chunk: Buffer) => (heard += chunk.toString()));
  accepted[0]?.write("welcome");
  line.stream.write(Buffer.from("hello"));
  await until(() => line.text === "welcome" && heard === "hello");
  const remoteEnded = new Promise((resolve) => accepted[0]?.once("end", resolve));
  line.stream.end();
  await remoteEnded;
  accepted[0]?.end("bye");
  await until(() => line.ended && line.text === "welcomebye");
  assert.equal(line.failed, false);
});

test("a target that does not read holds the instance back, and gets all in the end", async () => {
  const { instance } = await startAsker({ connect: { db: `127.0.0.1:${port()}` } });
  const line = ask(instance, { op: "connect", n: "db" });
  await line.reply;
  const socket = accepted[0] as Socket;
  socket.pause();
  const bytes = 32 << 20;
  const part = Buffer.alloc(1 << 16);
  let sent = 0;
  const send = (): void => {
    while (sent < bytes) {
      sent += part.length;
      if (!line.stream.write(part)) return;
    }
    line.stream.end();
  };
  line.onWritable = send;
  send();
  // What the kernel keeps for one connection, and the credit of one stream.
  assert.ok((await steady(() => sent)) < bytes / 2);
  let taken = 0;
  socket.on("data", (chunk: Buffer) => (taken += chunk.length)).resume();
  await until(() => taken === bytes);
});

test("only what the configuration names can be connected to, and only as the platform allows", async () => {
  const here = `127.0.0.1:${port()}`;
  const { instance } = await startAsker(
    {
      connect: {
        db: here,
        other: "127.0.0.1:1",
        meta: "169.254.169.254:80",
        mapped: "[::ffff:169.254.1.1]:80",
      },
    },
    { connectTargets: [here, "127.0.0.1:1", "169.254.*.*", "[::ffff:169.254.1.1]"] },
  );
  const by = (n: unknown): Promise<string> => reasonOf(ask(instance, { op: "connect", n }));
  assert.equal(await by("db"), "connected");
  for (const n of ["none", "", "toString", "__proto__", 7]) {
    assert.equal(await by(n), "CONNECT_NAME_UNKNOWN", String(n));
  }
  assert.equal(await by("other"), "TUNNEL_UNREACHABLE");
  for (const n of ["meta", "mapped"]) assert.equal(await by(n), "CONNECT_TARGET_GUARDED", n);
});

test("metadata and link-local addresses are for connect only what the operator permits", async () => {
  const dialled: string[] = [];
  const { instance } = await startAsker(
    {
      connect: {
        cloud: "169.254.169.254:80",
        other: "169.254.169.254:81",
        mapped: "[::ffff:169.254.169.254]:80",
        alibaba: "100.100.100.200:80",
        name: "metadata.test:80",
        mixed: "mixed.test:80",
      },
    },
    {
      connectMetadata: ["169.254.169.254:80"],
      network: openNetwork({
        resolveLocal: (name) =>
          Promise.resolve([
            ...(name === "mixed.test" ? ["127.0.0.1", "100.100.100.200"] : ["169.254.169.254"]),
          ]),
        dial(address) {
          dialled.push(address);
          return systemNetwork().dial("127.0.0.1", port());
        },
      }),
    },
  );
  const by = (n: string): Promise<string> => reasonOf(ask(instance, { op: "connect", n }));
  assert.equal(await by("cloud"), "connected");
  assert.equal(await by("name"), "connected", "what counts is the address, however it is named");
  for (const n of ["other", "mapped", "alibaba", "mixed"]) {
    assert.equal(await by(n), "CONNECT_TARGET_GUARDED", n);
  }
  assert.deepEqual(dialled, ["169.254.169.254", "169.254.169.254"]);
});

/** Spellings of a target at this machine that `connect` takes; `PORT` is the server's. */
function ownTargets(): Readonly<Record<string, string>> {
  const interfaces = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const own = interfaces.map(({ address, family }) =>
    family === "IPv6" ? `[${address}]` : address,
  );
  const hosts = [
    ...["127.0.0.1", "127.9.9.9", "0.0.0.0", "localhost", "LOCALHOST.", "127.1", "0x7f.1", "0"],
    ...["[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
    ...own.slice(0, 3),
  ];
  const named = hosts.slice(0, LIMITS.connectTargetsMax);
  return Object.fromEntries(named.map((host, at) => [`t${at}`, `${host}:${port()}`]));
}

test("the platform's own ports are never a target, however this machine is named", async () => {
  const connect = ownTargets();
  const { instance } = await startAsker({ connect }, { ownPorts: [1, port()] });
  for (const [n, said] of Object.entries(connect)) {
    assert.equal(await reasonOf(ask(instance, { op: "connect", n })), "CONNECT_TARGET_OWN", said);
  }
  assert.equal(accepted.length, 0);
});

test("those spellings do lead to the server here when its port is not the platform's", async () => {
  const connect = ownTargets();
  const { instance } = await startAsker({ connect }, { ownPorts: [1] });
  const reasons = await Promise.all(
    Object.keys(connect).map((n) => reasonOf(ask(instance, { op: "connect", n }))),
  );
  assert.ok(reasons.filter((reason) => reason === "connected").length >= 8, String(reasons));
  assert.ok(!reasons.includes("CONNECT_TARGET_OWN"));
});

test("an own address that only the kernel knows is found out by the connection's two ends", async () => {
  const unknown = openNetwork({ isOwn: () => false });
  const config = { connect: { api: `127.0.0.1:${port()}` } };
  const { instance } = await startAsker(config, { ownPorts: [port()], network: unknown });
  const line = ask(instance, { op: "connect", n: "api" });
  assert.equal(await reasonOf(line), "CONNECT_TARGET_OWN");
});

test("a target that the platform does not list is refused, also when it was deployed before", async () => {
  const config = { connect: { db: `127.0.0.1:${port()}` } };
  const { instance } = await startAsker(config, { connectTargets: ["10.0.*.*:5432"] });
  const line = ask(instance, { op: "connect", n: "db" });
  assert.equal(await reasonOf(line), "CONNECT_TARGET_FORBIDDEN");
  assert.equal(accepted.length, 0);
});

test("web is for what the function's configuration lets it reach", async () => {
  const network = openNetwork();
  const { instance } = await startAsker(
    { egressAllow: ["*.example.org", `api.test:${port()}`] },
    { network },
  );
  const to = (a: unknown): Promise<string> => reasonOf(ask(instance, { op: "web", a }));
  assert.equal(await to(`a.example.org:${port()}`), "connected");
  assert.equal(await to(`api.test:${port()}`), "connected");
  assert.equal(await to("api.test:443"), "EGRESS_HOST_FORBIDDEN");
  assert.equal(await to(`example.org.evil.test:${port()}`), "EGRESS_HOST_FORBIDDEN");
  for (const a of [22, 25, 110, 1_023])
    assert.equal(await to(`a.example.org:${a}`), "EGRESS_PORT_FORBIDDEN");
  for (const a of ["", "a.example.org", ":80", 7])
    assert.equal(await to(a), "EGRESS_TARGET_INVALID");
});

test("egress none reaches nothing", async () => {
  const { instance } = await startAsker({ egress: "none" }, { network: openNetwork() });
  const line = ask(instance, { op: "web", a: `example.org:${port()}` });
  assert.equal(await reasonOf(line), "EGRESS_OFF");
  assert.equal(accepted.length, 0);
});

test("a name is resolved once, and the connection goes to what was judged", async () => {
  const answers = [["203.0.113.9"], ["127.0.0.1"]];
  const dialled: string[] = [];
  let resolved = 0;
  const { instance } = await startAsker(
    {},
    {
      network: openNetwork({
        resolvePublic: () => Promise.resolve(answers[resolved++] ?? []),
        isPublic: (address) => address === "203.0.113.9",
        dial(address) {
          dialled.push(address);
          return systemNetwork().dial("127.0.0.1", port());
        },
      }),
    },
  );
  const once = ask(instance, { op: "web", a: "rebinds.test:443" });
  assert.equal(await reasonOf(once), "connected");
  assert.equal(resolved, 1);
  assert.deepEqual(dialled, ["203.0.113.9"]);
  const again = ask(instance, { op: "web", a: "rebinds.test:443" });
  assert.equal(await reasonOf(again), "EGRESS_ADDRESS_FORBIDDEN");
  assert.deepEqual(dialled, ["203.0.113.9"]);
});

test("a name that leads to a public and a private address is refused whole", async () => {
  const network = openNetwork({
    resolvePublic: () => Promise.resolve(["93.184.215.14", "10.0.0.1"]),
    isPublic: systemNetwork().isPublic,
  });
  const { instance } = await startAsker({}, { network });
  const line = ask(instance, { op: "web", a: "mixed.test:443" });
  assert.equal(await reasonOf(line), "EGRESS_ADDRESS_FORBIDDEN");
});

test("each attempt is logged with the request that made it, and a forged one with none", async () => {
  const lines: Record<string, unknown>[] = [];
  const write = (message: string, fields: object = {}): void =>
    void lines.push({ message, ...fields });
  const log = { debug: write, info: write, warn: write, error: write } as unknown as Log;
  const { instance, head } = await startAsker({}, { network: openNetwork(), log });
  const a = `api.test:${port()}`;
  for (const r of [head.id, undefined, "forged"]) {
    assert.equal(await reasonOf(ask(instance, { op: "web", a, r })), "connected");
  }
  assert.equal(
    await reasonOf(ask(instance, { op: "web", a: "x.test:22", r: head.id })),
    "EGRESS_PORT_FORBIDDEN",
  );
  const told = lines.filter(({ target: named }) => named === a);
  const made = told.filter(({ address }) => address === "127.0.0.1");
  assert.deepEqual(
    made.map(({ requestId }) => requestId),
    [head.id, head.id, undefined],
  );
  assert.equal(made[0]?.["function"], "shop/hello");
  const refused = lines.find(({ error }) => error === "EGRESS_PORT_FORBIDDEN");
  assert.equal(refused?.["requestId"], head.id);
});

test("an instance that asks without end leaves a bounded number of lines", async () => {
  const said: string[] = [];
  const log = createLog((_, message) => void said.push(message));
  const { instance } = await startAsker({ egress: "none" }, { network: openNetwork(), log });
  for (let i = 0; i < 300; i += 1) {
    const line = ask(instance, { op: "web", a: `example.org:${port()}` });
    assert.match(await reasonOf(line), /^(?:EGRESS_OFF|TUNNELS_EXHAUSTED)$/);
  }
  const refused = said.filter((message) => message.includes("was refused a connection"));
  assert.ok(refused.length >= 1 && refused.length <= 40, String(refused.length));
});

test("a connection outlives its request and dies with the instance", async () => {
  const call = await startAsker({ connect: { db: `127.0.0.1:${port()}` }, rest: "run" });
  const line = ask(call.instance, { op: "connect", n: "db", r: call.head.id });
  await line.reply;
  call.answer("done");
  await until(() => world.records.length === 1);
  accepted[0]?.write("still");
  await until(() => line.text === "still");
  const closed = new Promise((resolve) => accepted[0]?.once("close", resolve));
  accepted[0]?.resume();
  call.instance.socket.destroy();
  accepted[0]?.on("end", () => accepted[0]?.end());
  await closed;
});

test("an instance has so many connections and begins so many a second, and no more", async () => {
  const { instance } = await startAsker({}, { network: openNetwork() });
  const a = `api.test:${port()}`;
  const lines = Array.from({ length: LIMITS.tunnelsPerSecondMax + 1 }, () =>
    ask(instance, { op: "web", a }),
  );
  assert.equal(await reasonOf(lines.at(-1) as Line), "TUNNELS_EXHAUSTED");
  const others = await Promise.all(lines.slice(0, -1).map(reasonOf));
  assert.ok(others.every((reason) => reason === "connected"));
});

test("a draining gateway ends an idle instance that has connections, and hands over the others", async () => {
  const call = await startAsker({ connect: { db: `127.0.0.1:${port()}` }, rest: "run" });
  const line = ask(call.instance, { op: "connect", n: "db" });
  await line.reply;
  call.answer("done");
  await until(() => world.records.length === 1);
  await world.gateway.drain({ deadlineMs: 5_000 });
  assert.equal(world.gateway.stats().instances, 0);
  assert.equal(world.handedOver.length, 0);
  await until(() => agent.notesOf(call.instance, "stop").length === 1);
});

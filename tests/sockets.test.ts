/**
 * WebSockets and other upgrades through a whole platform: fetch handlers, web servers in two
 * languages, keys, limits, and what happens to open ones when instances die and gateways are
 * replaced.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { decodeInterimRecord, METER_RECORD_BYTES, type MeterRecord } from "@skerry/contracts";
import {
  callHttp,
  fetchOnce,
  startLoad,
  startPlatform,
  until,
  type Platform,
} from "@skerry/testkit";
import { Client, talkWith } from "./sockets/client.ts";

const TIMEOUT = { timeout: 600_000 };
/** A function's timeout: what a busy machine keeps a call waiting for is less. */
const HASTY_MS = 5_000;
const TICK_MS = 50;

const ROOM = {
  "index.ts": `interface Context {
  readonly instanceId: string;
  call(target: string, payload: unknown): Promise<unknown>;
  upgradeWebSocket(request: Request, options?: { protocol?: string }): { socket: WebSocket; response: Response };
}
let members = 0;
export default {
  fetch(request: Request, env: unknown, context: Context): Response {
    if (request.url.endsWith("/endless")) {
      return new Response(new ReadableStream({ start: (answer) => answer.enqueue(Buffer.from("begun")) }));
    }
    if (request.headers.get("upgrade") === null) return Response.json({ members });
    const asked = request.headers.get("sec-websocket-protocol");
    const options = asked === null ? {} : { protocol: "room.v1" };
    const { socket, response } = context.upgradeWebSocket(request, options);
    socket.binaryType = "arraybuffer";
    members += 1;
    let ticking: NodeJS.Timeout | undefined;
    socket.addEventListener("open", () => socket.send(context.instanceId));
    socket.addEventListener("close", ({ code }) => {
      members -= 1;
      clearInterval(ticking);
      console.log("closed with", code);
    });
    socket.addEventListener("message", async ({ data }) => {
      if (data === "die") process.exit(3);
      else if (data === "tick") ticking = setInterval(() => socket.send("tick"), ${TICK_MS});
      else if (data === "call") socket.send(JSON.stringify(await context.call("live/hello", { n: 1 })));
      else socket.send(data);
    });
    return response;
  },
};`,
};

const HELLO = { "index.ts": `export const handler = (event: object): object => event;` };

/** It agrees to any protocol, gives everything back and ends when its client has ended. */
const RAW = {
  "server.js": `const server = require("node:http").createServer((_, response) => response.end("http"));
server.on("upgrade", (request, socket, head) => {
  if (request.url === "/no") return void socket.end("HTTP/1.1 403 Forbidden\\r\\ncontent-length: 2\\r\\n\\r\\nno");
  const named = request.url === "/other" ? "other" : request.headers.upgrade;
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: " + named + "\\r\\nX-Own: yes\\r\\n\\r\\n");
  socket.write(head);
  socket.on("error", () => undefined).pipe(socket);
});
server.listen(process.env.PORT);`,
};

/** What gateways have left of what is open. */
function interimsIn(home: string): readonly MeterRecord[] {
  const root = join(home, "spool", "meter");
  const segments = readdirSync(root, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".seg"));
  return segments
    .flatMap((name) => {
      const bytes = readFileSync(join(root, name));
      const count = Math.floor(bytes.length / METER_RECORD_BYTES);
      return Array.from({ length: count }, (_, n) =>
        decodeInterimRecord(bytes, n * METER_RECORD_BYTES),
      );
    })
    .filter((record) => record !== undefined);
}

describe("connections that leave HTTP", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    const one = { auth: "none", maxInstances: 1 } as const;
    await platform.deploy({ app: "live", fn: "room", files: ROOM, config: one });
    const hasty = { ...one, timeoutMs: HASTY_MS };
    await platform.deploy({ app: "live", fn: "hasty", files: ROOM, config: hasty });
    const lasting = { ...one, timeoutMs: 600_000 };
    await platform.deploy({ app: "live", fn: "lasting", files: ROOM, config: lasting });
    await platform.deploy({ app: "live", fn: "hello", files: HELLO });
    await platform.deploy({ app: "live", fn: "kept", files: ROOM });
    const brief = { idleTimeoutMs: 700, maxDurationMs: 60_000 };
    await platform.deploy({
      app: "live",
      fn: "brief",
      files: ROOM,
      config: { ...one, streams: brief },
    });
    const python = {
      "server.py": readFileSync(new URL("sockets/server.py", import.meta.url), "utf8"),
    };
    const command = "python3 server.py";
    await platform.deploy({
      app: "live",
      fn: "python",
      files: python,
      config: { ...one, command },
    });
    const node = { ...one, command: "node server.js" };
    await platform.deploy({ app: "live", fn: "raw", files: RAW, config: node });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const urlOf = (fn: string): string => `ws://127.0.0.1:${platform.gatewayPort}/-/live/${fn}`;
  const invocationsOf = async (fn: string) =>
    (await platform.client.listInvocations({ params: { app: "live", fn } })).items;

  it("a fetch handler talks with a client, in text and bytes, and leaves one record", async () => {
    await talkWith(`${urlOf("room")}/?a=1`);
    const found = await until("the record", async () => (await invocationsOf("room"))[0]);
    assert.deepEqual([found.outcome, found.status], ["ok", 101]);
    assert.ok(found.bytesIn > 300_000 && found.bytesOut > 300_000);
    assert.ok(found.billedMs > 0);
    const lines = async (): Promise<boolean> => {
      const texts: string[] = [];
      for await (const line of platform.client.listLogs({ params: { app: "live", fn: "room" } }))
        if (line.requestId === found.requestId) texts.push(line.text);
      return texts.some((text) => text.startsWith("closed with 4001")) && texts.length >= 2;
    };
    await until("its lines in the log", lines);
  });

  it("an open socket keeps its instance running, and calls beyond the function's timeout", async () => {
    const client = new Client(urlOf("hasty"));
    await client.instance();
    client.socket.send("tick");
    // Without a word of the client's, for longer than the function's timeout.
    const ticks = (): number => client.heard.filter((word) => word === "tick").length;
    await until("so many ticks", () => ticks() * TICK_MS > HASTY_MS);
    client.socket.send("call");
    await client.hears(`{"n":1}`);
    assert.deepEqual(await (await fetchOnce(urlOf("hasty").replace("ws", "http"))).json(), {
      members: 1,
    });
    await client.close();
  });

  it("the key is asked for before the handshake", async () => {
    const without = new Client(urlOf("kept"));
    assert.equal((await without.closed).code, 1006);
    const asProtocol = new Client(urlOf("kept"), [platform.key]);
    assert.equal((await asProtocol.closed).code, 1006);
    const client = new Client(urlOf("kept"), {
      headers: { authorization: `Bearer ${platform.key}` },
    });
    await client.instance();
    await client.close();
  });

  it("a silent socket is closed with 1001, and its instance lives on", async () => {
    // On a busy machine one may be silent for too long before it has greeted.
    const greeting = async (meets: (client: Client) => Promise<unknown>): Promise<unknown> => {
      for (let left = 20; left > 0; left -= 1) {
        const client = new Client(urlOf("brief"));
        await meets(client);
        if (client.heard.length > 0) return client.heard[0];
      }
      return assert.fail("none has greeted");
    };
    const first = await greeting(async ({ closed }) => {
      const reason = "silent for 700 ms";
      assert.deepEqual(await closed, { code: 1001, reason, wasClean: true });
    });
    const next = await greeting(async (client) => {
      const isOver = (): boolean => client.socket.readyState === WebSocket.CLOSED;
      await until("a greeting", () => client.heard.length > 0 || isOver());
      await client.close();
    });
    assert.equal(next, first);
    const found = await until("its record", async () =>
      (await invocationsOf("brief")).find(({ outcome }) => outcome === "timeout"),
    );
    assert.equal(found.status, 101);
  });

  it("the end of an instance is no clean end", async () => {
    const client = new Client(urlOf("room"));
    await client.instance();
    client.socket.send("die");
    const { code, wasClean } = await client.closed;
    assert.deepEqual([code, wasClean], [1006, false]);
    await until("its record", async () =>
      (await invocationsOf("room")).some(({ outcome }) => outcome === "crashed"),
    );
  });

  it("a web server in Python speaks WebSocket, told path and origin", async () => {
    const headers = { origin: "https://page.example" };
    const client = new Client(`${urlOf("python")}/lobby?x=1`, { headers });
    await client.hears("hello /lobby?x=1 from https://page.example");
    client.socket.send("straw");
    await client.hears("STRAW");
    client.socket.send("w".repeat(60_000));
    await client.hears("W".repeat(60_000));
    client.socket.close(1000, "bye");
    assert.deepEqual(await client.closed, { code: 1000, reason: "bye", wasClean: true });
    const plain = await callHttp({ port: platform.gatewayPort, path: "/-/live/python/" });
    assert.deepEqual([plain.status, plain.text], [426, "http"]);
  });

  const leave = async (
    t: TestContext,
    path: string,
  ): Promise<{ socket: Socket; text: () => string }> => {
    const socket = connect({ port: platform.gatewayPort, host: "127.0.0.1", allowHalfOpen: true });
    t.after(() => socket.destroy());
    let text = "";
    socket.setEncoding("latin1").on("data", (part: string) => (text += part));
    socket.write(
      `GET /-/live/raw${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n`,
    );
    return { socket, text: () => text };
  };

  it("a web server switches to a protocol of its own, and each side ends by itself", async (t) => {
    const { socket, text } = await leave(t, "/");
    await until("the switch", () => text().endsWith("\r\n\r\n"));
    assert.match(text(), /^HTTP\/1\.1 101 [\s\S]*\r\nUpgrade: own\r\n[\s\S]*x-own: yes/);
    const bytes = "0123456789".repeat(200_000);
    socket.write(bytes);
    socket.end("last");
    await until("the end", () => socket.readableEnded);
    assert.ok(text().endsWith(`${bytes}last`));
  });

  it("a web server that declines, or names another protocol, has answered", async (t) => {
    const no = await leave(t, "/no");
    await until("the answer", () => no.socket.readableEnded);
    assert.match(no.text(), /^HTTP\/1\.1 403 [\s\S]*no$/);
    const other = await leave(t, "/other");
    await until("the answer", () => other.socket.readableEnded);
    assert.match(
      other.text(),
      /^HTTP\/1\.1 502 [\s\S]*it switched to other, and own was asked for/,
    );
  });

  it("the room that `skerry init` makes is one for all, and for its own page only", async () => {
    const folder = fileURLToPath(new URL("../packages/cli/templates/chat/", import.meta.url));
    const config = { auth: "none", maxInstances: 1, concurrency: 500 } as const;
    await platform.deployFolder({ app: "live", fn: "chat", folder, config });
    const page = await callHttp({ port: platform.gatewayPort, path: "/-/live/chat/" });
    assert.match(page.text, /^<!doctype html>[\s\S]*new WebSocket/);
    const origin = `http://127.0.0.1:${platform.gatewayPort}`;
    const [ada, grace] = [
      new Client(urlOf("chat"), { headers: { origin } }),
      new Client(urlOf("chat")),
    ];
    await ada.hears(`{"members":2}`);
    grace.socket.send(JSON.stringify({ name: "Grace", text: "<b>hello" }));
    const heard = await until("what Grace said", () =>
      ada.heard.find((word) => String(word).startsWith(`{"said"`)),
    );
    const { said } = JSON.parse(String(heard)) as { said: { name: string; text: string } };
    assert.deepEqual([said.name, said.text], ["Grace", "<b>hello"]);
    grace.socket.send("{}");
    assert.equal((await grace.closed).code, 1008);
    await ada.hears(`{"members":1}`);
    // What stands in front of the platform may speak TLS.
    const secure = { origin: origin.replace("http:", "https:") };
    const linus = new Client(urlOf("chat"), { headers: secure });
    await linus.hears(`{"members":2}`);
    await linus.close();
    const foreign = new Client(urlOf("chat"), { headers: { origin: "http://elsewhere.example" } });
    assert.equal((await foreign.closed).code, 1006);
    await ada.close();
  });

  it("a gateway that is replaced asks for another connection, and nobody else notices", async (t) => {
    const load = startLoad({
      connections: 4,
      call: () => ({ port: platform.gatewayPort, path: "/-/live/room/" }),
      check: ({ status, text }) => assert.equal(status, 200, text),
    });
    t.after(() => load.stop());
    const client = new Client(urlOf("room"));
    const instance = await client.instance();
    const replaced = platform.restart("gateway");
    const { code, reason, wasClean } = await client.closed;
    assert.deepEqual([code, wasClean], [1012, true], reason);
    const next = new Client(urlOf("room"));
    assert.equal(await next.instance(), instance, "the room was handed over");
    await next.close();
    await replaced;
    const { answered, failures } = await load.stop();
    assert.deepEqual(failures, [], `${failures.length} of ${answered} requests failed`);
  });

  it("what a killed gateway had open has one record each, of all but its last seconds", async () => {
    const client = new Client(urlOf("lasting"));
    const instance = await client.instance();
    const answer = await fetchOnce(`${urlOf("lasting").replace("ws", "http")}/endless`);
    const reader = answer.body?.getReader();
    assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "begun");
    const left = await until("what is known of both", () => {
      const found = interimsIn(platform.home).filter(({ instanceId }) => instanceId === instance);
      return new Set(found.map(({ requestId }) => requestId)).size === 2 && found;
    });
    await platform.kill("gateway");
    assert.equal((await client.closed).code, 1006);
    await assert.rejects(async () => await reader?.read());
    const records = await until("their records", async () => {
      const found = await invocationsOf("lasting");
      return found.length >= 2 && found;
    });
    assert.deepEqual(records.map(({ outcome, status }) => `${outcome} ${status}`).toSorted(), [
      "gateway_lost 101",
      "gateway_lost 200",
    ]);
    for (const { requestId, billedMs } of records) {
      const known = left.findLast((one) => one.requestId === requestId);
      assert.ok(known !== undefined && billedMs >= known.billedUs / 1_000, `${billedMs} ms`);
    }
    const texts: string[] = [];
    for await (const line of platform.client.listLogs({ params: { app: "live", fn: "lasting" } }))
      texts.push(line.text);
    const ends = texts.filter((text) => /^END \S+ gateway_lost/.test(text));
    const reports = texts.filter((text) => text.startsWith("REPORT "));
    assert.deepEqual([ends.length, reports.length], [2, 2]);
    await platform.untilWhole();
  });
});

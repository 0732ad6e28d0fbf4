/** What code in the real bootstrap reaches the network by; the test is the gateway. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runSource, startInstance, plainArtefact, scratch } from "../../test/harness.ts";
import { accept, refuse, takeTunnels, type Asked } from "../../test/reach-cases.ts";

const authorityOf = (asked: Asked | undefined): string | undefined =>
  asked?.head.op === "web" ? asked.head.a : undefined;

const say = ({ opened }: Asked, text: string, end = false): void => {
  opened.stream.write(Buffer.from(text));
  if (end) opened.stream.end();
};

const CONNECTS = `const net = require("node:net");
exports.handler = (event) => new Promise((resolve) => {
  const socket = net.connect(Number(process.env.DB_PORT), process.env.DB_HOST);
  let text = "";
  socket.on("data", (part) => { text += part; if (text.endsWith("?")) socket.end("bye"); });
  socket.on("error", (error) => resolve({ text, error: error.code }));
  socket.on("end", () => resolve({ text }));
  socket.write(event.say);
});`;

test("a target of connect is a loopback port, and its bytes pass both ways", async (t) => {
  const instance = await runSource(t, CONNECTS, { specialise: { connect: ["db"] } });
  const all = takeTunnels(instance, {
    onText(asked) {
      if (asked.text === "hello") say(asked, "who?");
      if (asked.ended) say(asked, "!", true);
    },
  });
  const id = instance.nextId();
  const answered = await instance.invoke({ say: "hello" }, { id });
  assert.deepEqual(answered.json(), { text: "who?!" });
  assert.deepEqual(all[0]?.head, { op: "connect", n: "db", r: id });
  assert.equal(all[0]?.text, "hellobye");
  assert.equal(all[0]?.failed, false);
});

test("a refused connection is reset, and the log says why with the request", async (t) => {
  const instance = await runSource(t, CONNECTS, { specialise: { connect: ["db"] } });
  takeTunnels(instance, { onOpen: refuse });
  const id = instance.nextId();
  const answered = await instance.invoke({ say: "hello" }, { id });
  assert.deepEqual(answered.json(), { text: "", error: "ECONNRESET" });
  await instance.until(() => instance.messages(id).some((text) => text.includes("not public")));
});

test("a connection that the code resets is broken off, never a clean end", async (t) => {
  const source = `const net = require("node:net");
    exports.handler = (event) => new Promise((resolve) => {
      const socket = net.connect(Number(process.env.DB_PORT), process.env.DB_HOST);
      socket.once("data", () => resolve({}) || socket.resetAndDestroy());
      socket.write(event.say);
    });`;
  const instance = await runSource(t, source, { specialise: { connect: ["db"] } });
  const all = takeTunnels(instance, { onText: (asked) => say(asked, "go") });
  await instance.invoke({ say: "half" });
  await instance.until(() => all[0]?.ended === true || all[0]?.failed === true);
  assert.deepEqual([all[0]?.text, all[0]?.ended, all[0]?.failed], ["half", false, true]);
});

test("a connection that breaks off is reset, never a clean end", async (t) => {
  const instance = await runSource(t, CONNECTS, { specialise: { connect: ["db"] } });
  takeTunnels(instance, {
    onText(asked) {
      say(asked, "half");
      asked.opened.stream.cancel("it broke");
    },
  });
  const answered = await instance.invoke({ say: "hello" });
  assert.equal((answered.json() as { error?: string }).error, "ECONNRESET");
});

test("a connection that the code keeps serves its next request", async (t) => {
  const source = `const net = require("node:net");
    let socket;
    exports.handler = (event) => new Promise((resolve) => {
      socket ??= net.connect(Number(process.env.DB_PORT), process.env.DB_HOST);
      socket.once("data", (part) => resolve(String(part)));
      socket.write(event.say);
    });`;
  const instance = await runSource(t, source, { specialise: { connect: ["db"] } });
  let said = 0;
  const all = takeTunnels(instance, { onText: (asked) => say(asked, `answer ${(said += 1)}`) });
  assert.equal((await instance.invoke({ say: "a" })).json(), "answer 1");
  assert.equal((await instance.invoke({ say: "b" })).json(), "answer 2");
  assert.equal(all.length, 1);
});

test("a slow reader holds the sender back to the credit, and nothing is lost", async (t) => {
  const source = `const net = require("node:net");
    exports.handler = (event) => new Promise((resolve) => {
      const socket = net.connect(Number(process.env.DB_PORT), process.env.DB_HOST);
      let bytes = 0;
      socket.on("end", () => resolve(bytes));
      socket.on("data", (part) => {
        bytes += part.length;
        socket.pause();
        setTimeout(() => socket.resume(), 1);
      });
      socket.write("go");
    });`;
  const instance = await runSource(t, source, { specialise: { connect: ["db"] } });
  const bytes = 4 << 20;
  const all = takeTunnels(instance, {
    onText: (asked) => say(asked, "x".repeat(bytes), true),
  });
  assert.equal((await instance.invoke({})).json(), bytes);
  assert.equal(all.length, 1);
});

const FETCHES = `exports.handler = async (event) => {
  try {
    if (event.by === "http") {
      const { get } = require("node:http");
      return await new Promise((resolve, reject) => {
        get(event.url, (response) => {
          let text = "";
          response.on("data", (part) => { text += part; });
          response.on("end", () => resolve({ status: response.statusCode, text }));
        }).on("error", reject);
      });
    }
    const response = await fetch(event.url, event.init);
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { error: String(error.cause?.message ?? error.message) };
  }
};`;

/** First byte of a TLS handshake. */
const TLS_MARK = "\u0016";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

for (const warm of ["none", "event", "fetch"] as const) {
  test(`fetch and node:http go by the proxy, in an instance warmed for ${warm}`, async (t) => {
    const instance = await runSource(t, FETCHES, { warm });
    const all = takeTunnels(instance, {
      onText(asked) {
        if (asked.text.startsWith(TLS_MARK)) asked.opened.stream.cancel("no TLS here");
        else if (asked.text.includes("\r\n\r\n")) say(asked, OK);
      },
    });
    const id = instance.nextId();
    const fetched = await instance.invoke({ url: "http://example.org/a?b" }, { id });
    assert.deepEqual(fetched.json(), { status: 200, text: "ok" });
    assert.deepEqual(all[0]?.head, { op: "web", a: "example.org:80", r: id });
    assert.match(all[0]?.text ?? "", /^GET \/a\?b HTTP\/1\.1\r\n/);
    const got = await instance.invoke({ by: "http", url: "http://example.org:8080/c" });
    assert.deepEqual(got.json(), { status: 200, text: "ok" });
    assert.equal(authorityOf(all[1]), "example.org:8080");
    const tls = await instance.invoke({ url: "https://example.org/" });
    assert.ok("error" in (tls.json() as object));
    assert.equal(authorityOf(all[2]), "example.org:443");
  });
}

test("what the gateway refuses is an error of fetch and a line in the log", async (t) => {
  const instance = await runSource(t, FETCHES);
  takeTunnels(instance, { onOpen: refuse });
  const id = instance.nextId();
  const answered = await instance.invoke({ url: "https://example.org/" }, { id });
  assert.ok("error" in (answered.json() as object));
  await instance.until(() => instance.messages(id).some((text) => text.includes("not public")));
});

test("without web there is no proxy in the environment", async (t) => {
  const source = `exports.handler = () => Object.keys(process.env).filter((n) => /proxy/i.test(n));`;
  const offered = await runSource(t, source);
  assert.ok(((await offered.invoke({})).json() as string[]).includes("HTTPS_PROXY"));
  const none = await runSource(t, source, { specialise: { noWeb: true } });
  assert.deepEqual((await none.invoke({})).json(), []);
});

test("a connection begun while the code is loaded is made once a gateway has the link", async (t) => {
  const source = `const net = require("node:net");
    const socket = net.connect(Number(process.env.DB_PORT), process.env.DB_HOST);
    const said = new Promise((resolve) => socket.once("data", (part) => resolve(String(part))));
    exports.handler = () => said;`;
  const directory = scratch((run) => t.after(run));
  const instance = await startInstance((run) => t.after(run));
  await instance.link.park();
  instance.pipe.detach();
  instance.connect("agent");
  await instance.load(plainArtefact(directory, source), { connect: ["db"] });
  await instance.link.park();
  instance.pipe.detach();
  const all = takeTunnels(instance, {
    onOpen(asked) {
      accept(asked);
      say(asked, "welcome");
    },
  });
  instance.connect();
  assert.equal((await instance.invoke({})).json(), "welcome");
  assert.equal(all.length, 1);
});

test("an instance that reaches nothing has loaded no client, no DNS and no cluster", async (t) => {
  const source = `exports.handler = () => process.moduleLoadList;`;
  const heavy = ["http", "cluster", "dns", "child_process", "internal/deps/undici/undici"];
  for (const warm of ["none", "event"] as const) {
    const instance = await runSource(t, source, { warm });
    const loaded = (await instance.invoke({})).json() as string[];
    const found = heavy.filter((name) => loaded.includes(`NativeModule ${name}`));
    assert.deepEqual(found, [], warm);
  }
});

test("WebSocket is Node's own, goes by the proxy, and can be replaced", async (t) => {
  const source = `exports.handler = async (event) => {
    const before = WebSocket;
    const socket = new WebSocket(event.url);
    await new Promise((resolve) => { socket.onerror = resolve; });
    globalThis.WebSocket = String;
    return [before.name, before === String, WebSocket === String];
  };`;
  const instance = await runSource(t, source);
  const all = takeTunnels(instance, { onOpen: refuse });
  const answered = await instance.invoke({ url: "ws://example.org:8080/" });
  assert.deepEqual(answered.json(), ["WebSocket", false, true]);
  assert.equal(authorityOf(all[0]), "example.org:8080");
});

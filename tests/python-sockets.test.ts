/**
 * WebSockets of ASGI applications through a whole platform: a plain application and one in
 * Starlette, limits, and what happens to open ones when their application fails, their instance
 * dies, their gateway is replaced or their function goes.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  callHttp,
  isInstalled,
  startPlatform,
  until,
  type Platform,
  type SourceFiles,
} from "@skerry/testkit";
import { Client, talkWith } from "./sockets/client.ts";

const TIMEOUT = { timeout: 600_000 };
/** A function's timeout: what a busy machine keeps a call waiting for is less. */
const HASTY_MS = 5_000;
const TICK_MS = 50;
const MISSING =
  !isInstalled("/usr/bin/python3") && process.env["CI"] === undefined && "Python is not installed";

const sourceOf = (name: string): string =>
  readFileSync(new URL(`sockets/${name}`, import.meta.url), "utf8");
/** A registry that is slow, or says 5xx for a while, is asked again. */
const PATIENT = ["--retries", "10", "--timeout", "60", "--disable-pip-version-check"];
const WHEELS = ["--only-binary", ":all:", "--no-compile"];
const ROOM = { "app.py": sourceOf("room.py") };
const HELLO = { "index.py": "def handler(event, context):\n    return event\n" };

describe("WebSockets of ASGI applications", { ...TIMEOUT, skip: MISSING }, () => {
  let platform: Platform;
  const deploy = async (
    fn: string,
    files: SourceFiles = ROOM,
    more: object = {},
  ): Promise<void> => {
    const config = { runtime: "python3", auth: "none", maxInstances: 1, ...more } as const;
    await platform.deploy({ app: "snakes", fn, files, config });
  };
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const urlOf = (fn: string): string => `ws://127.0.0.1:${platform.gatewayPort}/-/snakes/${fn}/`;
  const recordOf = (fn: string, wanted: string) =>
    until(`a record of ${fn} that is ${wanted}`, async () => {
      const { items } = await platform.client.listInvocations({ params: { app: "snakes", fn } });
      return items.find(({ outcome }) => outcome === wanted);
    });
  const textsOf = async (fn: string): Promise<string[]> => {
    const texts: string[] = [];
    for await (const { text } of platform.client.listLogs({ params: { app: "snakes", fn } }))
      texts.push(text);
    return texts;
  };

  it("talk with a client in text and bytes, and leave one record and their lines", async () => {
    await deploy("room");
    await talkWith(urlOf("room"));
    const found = await recordOf("room", "ok");
    assert.equal(found.status, 101);
    assert.ok(found.bytesIn > 300_000 && found.bytesOut > 300_000);
    await until("its line", async () => (await textsOf("room")).includes("closed with 4001"));
  });

  it("are refused with 403, or with what the application answers instead", async () => {
    await deploy("refusing");
    const headers = {
      ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    const ask = (query: string) => {
      const path = `/-/snakes/refusing/?${query}`;
      return callHttp({ port: platform.gatewayPort, path, headers });
    };
    assert.equal((await ask("refuse")).status, 403);
    const denied = await ask("deny");
    assert.deepEqual(
      [denied.status, denied.headers["retry-after"], denied.text],
      [429, "7", "too many"],
    );
    const client = new Client(`${urlOf("refusing")}?refuse`);
    assert.equal((await client.closed).code, 1006);
  });

  it("stay open beyond the function's timeout, and call other functions", async () => {
    await deploy("hello", HELLO, { auth: undefined });
    await deploy("hasty", ROOM, { timeoutMs: HASTY_MS });
    const client = new Client(urlOf("hasty"));
    await client.instance();
    client.socket.send("tick");
    const ticks = (): number => client.heard.filter((word) => word === "tick").length;
    await until("so many ticks", () => ticks() * TICK_MS > HASTY_MS);
    client.socket.send("call");
    await client.hears(`{"n": 1}`);
    const path = "/-/snakes/hasty/";
    assert.equal((await callHttp({ port: platform.gatewayPort, path })).text, `{"members": 1}`);
    await client.close();
  });

  it("are closed with 1001 when they are silent, and their application hears of it", async () => {
    await deploy("brief", ROOM, { streams: { idleTimeoutMs: 700, maxDurationMs: 60_000 } });
    const { code, wasClean } = await new Client(urlOf("brief")).closed;
    assert.deepEqual([code, wasClean], [1001, true]);
    assert.equal((await recordOf("brief", "timeout")).status, 101);
    await until("its line", async () => (await textsOf("brief")).includes("closed with 1006"));
  });

  it("are closed with 1011 when their application raises, and its instance serves on", async () => {
    const client = new Client(urlOf("room"));
    const instance = await client.instance();
    client.socket.send("raise");
    assert.deepEqual(await client.closed, { code: 1011, reason: "", wasClean: true });
    assert.equal((await recordOf("room", "function_error")).status, 101);
    const said = /closed with 1011: [\s\S]*ValueError: on purpose/;
    await until("its line", async () => (await textsOf("room")).some((text) => said.test(text)));
    const next = new Client(urlOf("room"));
    assert.equal(await next.instance(), instance);
    await next.close();
  });

  it("are never closed cleanly by the end of their instance", async () => {
    const client = new Client(urlOf("room"));
    await client.instance();
    client.socket.send("die");
    const { code, wasClean } = await client.closed;
    assert.deepEqual([code, wasClean], [1006, false]);
    assert.equal((await recordOf("room", "crashed")).status, 101);
  });

  it("are asked to connect again when their gateway is replaced, and find their instance", async () => {
    const client = new Client(urlOf("room"));
    const instance = await client.instance();
    const replaced = platform.restart("gateway");
    const { code, wasClean } = await client.closed;
    assert.deepEqual([code, wasClean], [1012, true]);
    const next = new Client(urlOf("room"));
    assert.equal(await next.instance(), instance);
    await next.close();
    await replaced;
  });

  it("are closed with 1012 by a deploy, and with 1001 when their function is removed", async () => {
    await deploy("leaving");
    const client = new Client(urlOf("leaving"));
    const instance = await client.instance();
    await deploy("leaving", { "app.py": `${ROOM["app.py"]}\nvalue = 2\n` });
    assert.equal((await client.closed).code, 1012);
    const next = new Client(urlOf("leaving"));
    assert.notEqual(await next.instance(), instance);
    await platform.client.deleteFunction({ params: { app: "snakes", fn: "leaving" } });
    assert.equal((await next.closed).code, 1001);
  });

  const noPip = MISSING || (!isInstalled("pip3") && "pip is not installed");
  it("are Starlette's, as its users write them", { skip: noPip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "skerry-board-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "main.py"), sourceOf("board.py"));
    const install = ["install", "--quiet", ...PATIENT, ...WHEELS, "--target", folder];
    await promisify(execFile)("pip3", [...install, "starlette==0.46.2"]);
    const config = { runtime: "python3", auth: "none", maxInstances: 1 } as const;
    await platform.deployFolder({ app: "snakes", fn: "board", folder, config });
    const refused = new Client(`${urlOf("board")}board/news?token=no`);
    assert.equal((await refused.closed).code, 1006);
    const readers = [0, 1].map(() => new Client(`${urlOf("board")}board/news?token=open`));
    const path = "/-/snakes/board/readers";
    const count = async (): Promise<string> =>
      (await callHttp({ port: platform.gatewayPort, path })).text;
    await until("both", async () => (await count()) === `{"readers":2}`);
    readers[0]?.socket.send(JSON.stringify({ text: "größe" }));
    for (const reader of readers) await reader.hears(`{"board":"news","text":"größe"}`);
    readers[1]?.socket.close(3_000, "enough");
    assert.equal((await readers[1]?.closed)?.code, 3_000);
    await until("one", async () => (await count()) === `{"readers":1}`);
    const line = "left with 3000 enough";
    await until("its line", async () => (await textsOf("board")).includes(line));
    await readers[0]?.close();
  });
});

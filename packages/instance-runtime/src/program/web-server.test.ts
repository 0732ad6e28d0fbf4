import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { HandClock, until } from "@skerry/testkit";
import type { Call } from "../call.ts";
import { WebServer } from "./web-server.ts";

/** Passes a request to it that it breaks off; `whenBroken` is what it does then. */
async function breakOff(t: TestContext, whenBroken: (server: Server) => void) {
  const server = createServer((request) => {
    request.socket.destroy();
    whenBroken(server);
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const clock = new HandClock();
  const log = (): void => undefined;
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const call = {
    ...{ id: "r", gone: false, whenGone: () => undefined, body: { whole: new Uint8Array() } },
    head: { m: "GET", u: "/", a: "web", h: [] },
    failed: ({ name }: { readonly name: string }) => void told.push(name),
  };
  const passed = new WebServer({ clock, log }, port).pass(call as unknown as Call);
  await until("it is broken off", () => clock.timers > 0);
  return { clock, told, passed };
}

test("a server that breaks off and goes on is told so without waiting for its death", async (t) => {
  const { clock, told, passed } = await breakOff(t, () => undefined);
  assert.deepEqual(told, [], "not before it was looked whether it lives");
  clock.advance(100);
  await passed;
  assert.deepEqual(told, ["WebServerFailed"]);
});

test("one that listens no more has a second to be seen to have ended", async (t) => {
  const { clock, told, passed } = await breakOff(t, (server) => server.close());
  clock.advance(50);
  await until("it is waited for", () => clock.timers > 0);
  clock.advance(949);
  await new Promise((resolve) => void setImmediate(resolve));
  assert.deepEqual(told, []);
  clock.advance(1);
  await passed;
  assert.deepEqual(told, ["WebServerFailed"]);
});

test("a body that servers need not read ends its connection, which nobody else uses", async (t) => {
  const seen: string[] = [];
  const server = createServer((request, answer) => {
    seen.push(`${request.method} ${request.headers.connection}`);
    answer.end();
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const log = (): void => undefined;
  const web = new WebServer(
    { clock: new HandClock(), log },
    (server.address() as AddressInfo).port,
  );
  const pass = async (m: string, body: string): Promise<void> => {
    const call = {
      ...{ id: "r", gone: false, whenGone: () => undefined, body: { whole: Buffer.from(body) } },
      head: { m, u: "/", a: "web", h: ["content-length", String(body.length)] },
      ...{ answer: () => undefined, begin: () => undefined, end: () => undefined },
    };
    await web.pass(call as unknown as Call);
  };
  for (const [m, body] of [
    ["GET", "x"],
    ["DELETE", "x"],
    ["GET", ""],
    ["POST", "x"],
  ] as const)
    await pass(m, body);
  const kept = ["GET keep-alive", "POST keep-alive"];
  assert.deepEqual(seen, ["GET close", "DELETE close", ...kept]);
});

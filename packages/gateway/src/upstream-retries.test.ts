/**
 * A request whose upstream fails is made again where that is asked for, can do no harm and costs
 * little.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import type { RouteInput } from "@skerry/contracts";
import { World, type Asked } from "../test/world.ts";

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** Before anything of an answer. */
const breakOff: Answer = (req) => void req.socket.destroy();
const ok: Answer = (_, res) => void res.writeHead(200, { connection: "close" }).end("ok");
const keep: Answer = (_, res) => void res.end("ok");
const timeOut: Answer = (_, res) => void res.writeHead(408, { connection: "close" }).end();
const begin: Answer = (req, res) => {
  res.writeHead(200, { "content-length": "10" }).write("part");
  setImmediate(() => req.socket.destroy());
};

/** An upstream whose requests meet `answers` in turn, the last of them again and again. */
class Upstream {
  answers: readonly Answer[] = [];
  asked = 0;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Status or `broken`, and how often the upstream was asked. */
  async ask(path: string, answers: readonly Answer[], more: Asked = {}): Promise<string> {
    this.answers = answers;
    this.asked = 0;
    const host = "release.public.shop.apis.localhost";
    const status = await this.#world.ask({ host, path, ...more }).then(
      (answered) => String(answered.status),
      () => "broken",
    );
    return `${status} after ${this.asked}`;
  }

  take(req: IncomingMessage, res: ServerResponse): void {
    const answer = this.answers[Math.min(this.asked, this.answers.length - 1)];
    this.asked += 1;
    answer?.(req, res);
  }
}

async function start(t: TestContext): Promise<Upstream> {
  const world = new World();
  const upstream = new Upstream(world);
  const server = createServer((req, res) => upstream.take(req, res));
  // Who waits for the next request is not ended under a machine that is held up.
  server.keepAliveTimeout = 0;
  await once(server.listen(0, "127.0.0.1"), "listening");
  const to = {
    upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    timeoutMs: 60_000,
  };
  const retries: RouteInput["retries"] = { attempts: 2, budgetPercent: 100 };
  world.stage({
    routes: [
      { path: "/again", to, retries },
      { path: "/silent", to: { ...to, timeoutMs: 30 }, retries },
      { path: "/scarce", to, retries: { attempts: 1, budgetPercent: 1 } },
      { path: "/kept", to, retries, cache: { ttl: 60 } },
      { path: "/once", to },
    ],
  });
  await world.start();
  t.after(async () => {
    await world.close();
    server.close();
    server.closeAllConnections();
  });
  return upstream;
}

test("what an upstream broke off before it answered is asked again, as often as the route says", async (t) => {
  const upstream = await start(t);
  assert.equal(await upstream.ask("/again", [breakOff, breakOff, ok]), "200 after 3");
  assert.equal(await upstream.ask("/again", [breakOff]), "502 after 3");
  assert.equal(await upstream.ask("/again", [breakOff, ok], { method: "DELETE" }), "200 after 2");
  assert.equal(await upstream.ask("/kept", [breakOff, ok]), "200 after 2");
  assert.equal(await upstream.ask("/once", [breakOff, ok]), "502 after 1", "the control");
});

test("what may have had an effect, has answered or took all of its time is not", async (t) => {
  const upstream = await start(t);
  const answers = [breakOff, ok];
  assert.equal(await upstream.ask("/again", answers, { method: "POST" }), "502 after 1");
  const put = { method: "PUT", body: "x" };
  assert.equal(await upstream.ask("/again", answers, put), "502 after 1");
  const refuse: Answer = (_, res) => void res.writeHead(503, { connection: "close" }).end();
  assert.equal(await upstream.ask("/again", [refuse, ok]), "503 after 1");
  // It may not even have been asked before its time was over.
  assert.match(await upstream.ask("/silent", [() => undefined, ok]), /^504 after [01]$/);
});

test("an answer that has begun is broken off with its upstream, and never begun again", async (t) => {
  const upstream = await start(t);
  for (const path of ["/again", "/kept"])
    assert.equal(await upstream.ask(path, [begin, ok]), "broken after 1", path);
});

test("an upstream that is down gets no more than what was saved and the percentage", async (t) => {
  const upstream = await start(t);
  let asked = 0;
  for (let time = 0; time < 20; time += 1) {
    await upstream.ask("/scarce", [breakOff]);
    asked += upstream.asked;
  }
  // Five hundred requests' worth at 1 %, and less than one for these twenty.
  assert.equal(asked, 20 + 5);
});

test("a kept connection that ended meanwhile costs no answer of a safe method, and no other is repeated", async (t) => {
  const upstream = await start(t);
  for (const [method, told] of [
    ["GET", "200 after 2"],
    ["POST", "502 after 1"],
  ]) {
    assert.equal(await upstream.ask("/once", [keep]), "200 after 1");
    assert.equal(await upstream.ask("/once", [breakOff, ok], { method: method ?? "" }), told);
  }
});

test("a connection that is closed with a 408 as a request comes is one that ended, and an answer is one", async (t) => {
  const upstream = await start(t);
  assert.equal(await upstream.ask("/once", [timeOut, ok]), "408 after 1", "a fresh connection's");
  const mean: Answer = (_, res) => void res.writeHead(408).end();
  for (const [answers, method, told] of [
    [[timeOut, ok], "GET", "200 after 2"],
    [[timeOut], "GET", "408 after 2"],
    [[timeOut, ok], "POST", "408 after 1"],
    [[mean, ok], "GET", "408 after 1"],
  ] as const) {
    assert.equal(await upstream.ask("/once", [keep]), "200 after 1");
    assert.equal(await upstream.ask("/once", answers, { method }), told);
  }
});

test("of connections that were all ended meanwhile none is tried behind the first", async (t) => {
  const upstream = await start(t);
  const waiting: ServerResponse[] = [];
  const used = new Set<unknown>();
  const both: Answer = (req, res) => {
    used.add(req.socket);
    if (waiting.push(res) === 2) for (const one of waiting) one.end("ok");
  };
  const told = await Promise.all([upstream.ask("/once", [both]), upstream.ask("/once", [both])]);
  assert.deepEqual([used.size, told.length], [2, 2]);
  const stale: Answer = (req, res) => (used.has(req.socket) ? breakOff : ok)(req, res);
  assert.equal(await upstream.ask("/once", [stale]), "200 after 2");
});

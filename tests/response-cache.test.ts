/**
 * The response cache through a whole platform, in a real Redis: pages are rendered once and served
 * many times, nobody meets what is another's, and neither a purge, a new version nor a Redis that
 * goes away ever makes an answer wrong or fails one.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { brotliDecompressSync } from "node:zlib";
import type { RouteInput } from "@skerry/contracts";
import {
  callHttp,
  hasRedis,
  openHttp,
  startPlatform,
  startRedis,
  until,
  type HttpAnswer,
  type Platform,
  type RedisServer,
} from "@skerry/testkit";

const TIMEOUT = { timeout: 600_000 };
const WEB = { app: "school", api: "web" };
const TEST = { params: { ...WEB, stage: "test" } };

/** Each render has a name of its own, so that it shows who was rendered for. */
const pages = (edition: string): string => `import { randomUUID } from "node:crypto";
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const cookie = request.headers.get("cookie") ?? "nobody";
    const isOwn = pathname.startsWith("/account");
    const headers = {
      "content-type": "text/html",
      "cache-control": isOwn ? "max-age=600" : "public, max-age=600",
      "cache-tag": "courses",
    };
    const text = "${edition} " + (isOwn ? cookie : "all") + " " + randomUUID();
    return new Response(text + " ".repeat(2000), { headers });
  },
};`;

const CACHED = { to: { function: "pages" }, auth: "none", cache: {} } as const;
const ROUTES: readonly RouteInput[] = [
  { path: "/courses/{rest...}", ...CACHED },
  { path: "/account/{rest...}", ...CACHED },
];

const skip = hasRedis() ? false : "Redis is absent";

void describe("response cache", { ...TIMEOUT, skip }, () => {
  let platform: Platform;
  let redis: RedisServer;
  let isStopped = false;

  const ask = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> =>
    callHttp({ port: platform.gatewayPort, path: `/~/school/web/test${path}`, headers });
  const deploy = (edition: string): Promise<unknown> =>
    platform.deploy({ app: WEB.app, fn: "pages", files: { "index.ts": pages(edition) } });
  const purge = (body: { readonly tag: string }): Promise<unknown> =>
    platform.client.createPurge({ ...TEST, body });
  const stopRedis = async (): Promise<void> => {
    if (!isStopped) await redis.stop();
    isStopped = true;
  };
  /** Once it is kept: writing it to Redis comes after the answer. */
  const keptAt = (path: string): Promise<HttpAnswer> =>
    until("it is kept", async () => {
      const answer = await ask(path);
      return String(answer.headers["cache-status"]).startsWith("skerry; hit") ? answer : undefined;
    });

  before(async () => {
    redis = await startRedis();
    const responseCacheStore = `redis://127.0.0.1:${redis.port}`;
    platform = await startPlatform({ settings: { responseCacheStore } });
    await deploy("first");
    await platform.client.putGatewayApi({ params: WEB, body: { routes: [...ROUTES] } });
  }, TIMEOUT);
  after(async () => {
    await platform.stop();
    await stopRedis();
  }, TIMEOUT);

  // A Redis that is held up is one that is away for a moment: then some ask again, rightly.
  void it("renders once for all who miss at once, and then not at all", async () => {
    let round = 0;
    const path = await until("one render serves all", async () => {
      const fresh = `/courses/${++round}`;
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask(fresh)));
      for (const { status } of answers) assert.equal(status, 200);
      return new Set(answers.map(({ text }) => text)).size === 1 ? fresh : undefined;
    });
    const { headers } = await keptAt(path);
    assert.equal(headers["cache-tag"], undefined);
    assert.match(headers.vary ?? "", /Accept-Encoding/);
    await until("it comes in brotli", async () => {
      const { text } = await ask(path);
      const at = { port: platform.gatewayPort, path: `/~/school/web/test${path}` };
      const coded = await openHttp({ ...at, headers: { "accept-encoding": "br" } });
      const parts: Uint8Array[] = [];
      for await (const part of coded) parts.push(part as Uint8Array);
      if (coded.headers["content-encoding"] !== "br") return false;
      return brotliDecompressSync(Buffer.concat(parts)).toString() === text;
    });
  });

  void it("mixes nothing that is one caller's own", async () => {
    for (const who of ["ada", "bob", "ada"]) {
      const { text } = await ask("/account/x", { cookie: `session=${who}` });
      assert.ok(text.startsWith(`first session=${who} `), text);
    }
  });

  void it("forgets what a purge names as soon as it is acknowledged", async () => {
    const former = await keptAt("/courses/b");
    await purge({ tag: "courses" });
    assert.notEqual((await ask("/courses/b")).text, former.text);
  });

  void it("shows nothing of another version", async () => {
    await keptAt("/courses/c");
    await deploy("second");
    assert.ok((await ask("/courses/c")).text.startsWith("second "));
  });

  void it("answers all the same when Redis is gone", async () => {
    await keptAt("/courses/d");
    await stopRedis();
    const [one, two] = [await ask("/courses/d"), await ask("/courses/d")];
    assert.deepEqual([one.status, two.status], [200, 200]);
    assert.notEqual(one.text, two.text, "asked for anew");
  });
});

/**
 * What functions reach of the web from inside sandboxes, by fetch, `node:http`, `node:https` and
 * bare sockets. The second platform is composed so that 127.0.0.1 counts as public: what it reaches
 * is what the first one refuses.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  callHttp,
  startPlatform,
  until,
  type Platform,
  type PlatformOptions,
} from "@skerry/testkit";

const TIMEOUT = { timeout: 600_000 };
/** The handshake needs no certificate, which the functions of the test would have to trust. */
const SHARED = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
const KEY = Buffer.from("0123456789abcdef");

const ASKER = {
  "index.js": `const { createConnection } = require("node:net");
const take = (response, resolve) => {
  let text = "";
  response.on("data", (part) => { text += part; });
  response.on("end", () => resolve({ status: response.statusCode, text }));
};
const ways = {
  async fetch(url) {
    const response = await fetch(url);
    return { status: response.status, text: await response.text() };
  },
  http: (url) => new Promise((resolve, reject) => {
    require("node:http").get(url, (response) => take(response, resolve)).on("error", reject);
  }),
  https: (url) => new Promise((resolve, reject) => {
    const psk = Buffer.from(${JSON.stringify(KEY.toString())});
    const options = {
      ciphers: "PSK", maxVersion: "TLSv1.2", checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk, identity: "test" }),
    };
    require("node:https").get(url, options, (r) => take(r, resolve)).on("error", reject);
  }),
  socket: (url) => new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = createConnection(Number(port), hostname);
    socket.on("connect", () => resolve({ connected: true })).on("error", reject);
  }),
};
exports.handler = async ({ way, url }) => {
  const { PLATFORM_HOST, PLATFORM_PORT } = process.env;
  url = url.replace("connected", PLATFORM_HOST + ":" + PLATFORM_PORT);
  try { return await ways[way](url); } catch (error) {
    return { error: String(error.cause?.code ?? error.code ?? error.message) };
  }
};`,
};

interface Said {
  readonly status?: number;
  readonly text?: string;
  readonly error?: string;
  readonly connected?: boolean;
  readonly requestId: string;
}

interface Origins {
  readonly plain: Server;
  readonly tls: TlsServer;
  readonly plainPort: number;
  readonly tlsPort: number;
}

async function startOrigins(): Promise<Origins> {
  const plain = createServer((req, res) => res.end(`plain ${req.method} ${req.url}`));
  const tls = createTlsServer({ ...SHARED, pskCallback: () => KEY }, (_, res) => res.end("secret"));
  for (const one of [plain, tls]) {
    await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
  }
  const portOf = (one: Server | TlsServer): number => (one.address() as AddressInfo).port;
  return { plain, tls, plainPort: portOf(plain), tlsPort: portOf(tls) };
}

/** One platform with functions that ask for URLs. */
class Asking {
  readonly platform: Platform;

  constructor(platform: Platform) {
    this.platform = platform;
  }

  static async start(options: PlatformOptions): Promise<Asking> {
    const platform = await startPlatform(options);
    const files = ASKER;
    await platform.deploy({ app: "web", fn: "asker", files });
    await platform.deploy({ app: "web", fn: "closed", files, config: { egress: "none" } });
    const egressAllow = ["*.listed.test"];
    await platform.deploy({ app: "web", fn: "narrow", files, config: { egressAllow } });
    return new Asking(platform);
  }

  async ask(way: string, url: string, fn = "asker"): Promise<Said> {
    const { platform } = this;
    const headers = { "x-skerry-key": platform.key, "x-skerry-invoke": "event" };
    const target = { port: platform.gatewayPort, path: `/-/web/${fn}/`, method: "POST" };
    const answer = await callHttp({ ...target, headers, body: JSON.stringify({ way, url }) });
    assert.equal(answer.status, 200, answer.text);
    const requestId = String(answer.headers["x-skerry-request-id"]);
    return { ...(JSON.parse(answer.text) as Omit<Said, "requestId">), requestId };
  }

  /** The platform's own log about one request's connections. */
  connectionsOf(requestId: string): readonly Readonly<Record<string, unknown>>[] {
    return readFileSync(join(this.platform.home, "log", "platform.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line.includes(requestId))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }
}

describe("egress: web", TIMEOUT, () => {
  let origins: Origins;
  before(async () => {
    origins = await startOrigins();
  });
  after(() => {
    origins.plain.close();
    origins.tls.close();
  });

  describe("where 127.0.0.1 counts as public", TIMEOUT, () => {
    let asking: Asking;
    before(async () => {
      const main = new URL("../apps/platform/test/public-loopback.ts", import.meta.url);
      asking = await Asking.start({ main });
    }, TIMEOUT);
    after(() => asking.platform[Symbol.asyncDispose](), TIMEOUT);

    it("fetch, http and https reach it by name, and each connection is logged", async () => {
      const { plainPort, tlsPort } = origins;
      for (const way of ["fetch", "http"]) {
        const said = await asking.ask(way, `http://origin.test:${plainPort}/${way}?a=1`);
        assert.equal(said.text, `plain GET /${way}?a=1`, JSON.stringify(said));
        await until("a line in the log", () => asking.connectionsOf(said.requestId).length > 0);
        const [line] = asking.connectionsOf(said.requestId);
        assert.equal(line?.["target"], `origin.test:${plainPort}`);
        assert.equal(line["function"], "web/asker");
      }
      const said = await asking.ask("https", `https://origin.test:${tlsPort}/`);
      assert.equal(said.text, "secret", JSON.stringify(said));
    });

    it("an allowlist narrows it, and none closes it", async () => {
      const { plainPort } = origins;
      const listed = await asking.ask("fetch", `http://a.listed.test:${plainPort}/`, "narrow");
      assert.equal(listed.status, 200, JSON.stringify(listed));
      for (const fn of ["narrow", "closed"]) {
        const said = await asking.ask("fetch", `http://origin.test:${plainPort}/`, fn);
        assert.notEqual(said.status, 200, fn);
      }
    });

    it("no way leads around the proxy", async () => {
      const { plainPort } = origins;
      for (const host of ["127.0.0.1", "localhost", "127.0.0.2", "[::1]"]) {
        for (const way of ["fetch", "http", "socket"]) {
          const said = await asking.ask(way, `http://${host}:${plainPort}/`);
          assert.ok(said.error !== undefined || said.status === 403, `${way} ${host}`);
        }
      }
    });
  });

  describe("as it is", TIMEOUT, () => {
    let asking: Asking;
    before(async () => {
      asking = await Asking.start({});
    }, TIMEOUT);
    after(() => asking.platform[Symbol.asyncDispose](), TIMEOUT);

    it("nothing that is not public is reached, and the log says what was tried", async () => {
      const { plainPort } = origins;
      const hosts = ["127.0.0.1.", "127.1", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254"];
      for (const host of hosts) {
        for (const way of ["fetch", "http"]) {
          const said = await asking.ask(way, `http://${host}:${plainPort}/`);
          assert.notEqual(said.status, 200, `${way} ${host}`);
        }
      }
      const said = await asking.ask("http", `http://10.0.0.1:${plainPort}/`);
      assert.equal(said.status, 403);
      await until("a line in the log", () => asking.connectionsOf(said.requestId).length > 0);
      const [line] = asking.connectionsOf(said.requestId);
      assert.equal(line?.["error"], "EGRESS_ADDRESS_FORBIDDEN");
    });

    it("connect does not lead to the platform's own ports, at any address of the machine", async () => {
      const { apiPort, gatewayPort } = asking.platform;
      const targets = [
        `127.0.0.1:${apiPort}`,
        `[::ffff:7f00:1]:${apiPort}`,
        `0.0.0.0:${gatewayPort}`,
      ];
      for (const [at, platform] of [...targets, `127.0.0.1:${origins.plainPort}`].entries()) {
        const fn = `own-${at}`;
        await asking.platform.deploy({
          ...{ app: "web", fn, files: ASKER, config: { connect: { platform } } },
        });
        const said = await asking.ask("http", "http://connected/metrics", fn);
        if (at === targets.length) {
          assert.equal(said.text, "plain GET /metrics", "the control: another server is reached");
          continue;
        }
        assert.equal(said.status, undefined, JSON.stringify(said));
        const told = (): string | undefined =>
          asking
            .connectionsOf(fn)
            .map(({ error }) => String(error))
            .find((error) => error === "CONNECT_TARGET_OWN");
        await until("the refusal in the log", told);
      }
    });

    it("open is refused at deploy with what it needs", async () => {
      const deploying = asking.platform.deploy({
        ...{ app: "web", fn: "open", files: ASKER, config: { egress: "open" } },
      });
      await assert.rejects(deploying, /network namespace/);
    });
  });
});

/** A gateway of real processes that answers TLS: with other people's clients, while it changes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, type ClientHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import type { ChangedDomain } from "@skerry/api-schema";
import {
  callHttp,
  makeAuthority,
  startPlatform,
  until,
  type Platform,
  type TestCertificate,
} from "@skerry/testkit";
import { findChromium, Person, startBrowser } from "./console/browser.ts";

const CODE = `export default { async fetch(request) {
  const url = new URL(request.url);
  if (url.pathname === "/stream") {
    const parts = [1, 2, 3].map((n) => new TextEncoder().encode(String(n).repeat(100_000)));
    return new Response(ReadableStream.from(parts));
  }
  const body = await request.text();
  const said = { url: request.url, proto: request.headers.get("x-forwarded-proto") };
  return Response.json({ ...said, length: body.length }, { headers: { "set-cookie": "a=1" } });
} };`;
const HOST = "hello.site.localhost";

const authority = makeAuthority();
const folder = mkdtempSync(join(tmpdir(), "skerry-tls-"));
const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
let platform: Platform;

/** Each file is replaced, as renewing programs do; the second one later than the first. */
function renew(): void {
  const { cert, key } = authority.issue(["localhost", "*.site.localhost", "127.0.0.1"]);
  for (const [path, text] of [[files.cert, cert] as const, [files.key, key] as const]) {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
}

before(async () => {
  writeFileSync(join(folder, "ca.pem"), authority.cert);
  renew();
  platform = await startPlatform({
    settings: { gatewayTlsPort: 0, gatewayTlsCert: files.cert, gatewayTlsKey: files.key },
  });
  const config = { auth: "none" } as const;
  await platform.deploy({ app: "site", fn: "hello", files: { "index.js": CODE }, config });
});
after(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true });
});

function to(): { readonly host: string; readonly port: number; readonly ca: string } {
  return { host: "127.0.0.1", port: platform.gatewayTlsPort, ca: authority.cert };
}

function openSession(host = HOST): ClientHttp2Session {
  const { port } = to();
  const session = connect(`https://${host}:${port}`, {
    createConnection: () => connectTls({ ...to(), servername: host, ALPNProtocols: ["h2"] }),
  });
  session.on("error", () => undefined);
  return session;
}

/** Resolves with the answer's text; rejects when the request was not answered with 200. */
async function askOver(session: ClientHttp2Session, path = "/"): Promise<string> {
  const stream = session.request({ ":path": path, "x-forwarded-proto": "http" });
  const answered = once(stream, "response") as Promise<[Record<string, unknown>]>;
  const [[head], parts] = await Promise.all([answered, stream.setEncoding("utf8").toArray()]);
  assert.equal(head[":status"], 200);
  return parts.join("");
}

async function curl(...args: readonly string[]): Promise<string> {
  const { port } = to();
  const { stdout } = await promisify(execFile)("curl", [
    ...["-sS", "--max-time", "60", "--cacert", join(folder, "ca.pem")],
    ...["--resolve", `${HOST}:${port}:127.0.0.1`, ...args, `https://${HOST}:${port}/x?y=1`],
  ]);
  return stdout;
}

describe("a gateway that answers TLS", () => {
  it("serves curl by HTTP/1.1 and HTTP/2, and functions know that it is https", async () => {
    const url = `https://${HOST}:${to().port}/x?y=1`;
    for (const version of ["1.1", "2"]) {
      const format = "\n%{http_version} %{ssl_verify_result}";
      const liar = "X-Forwarded-Proto: http";
      const got = await curl(`--http${version}`, "-w", format, "-H", liar, "-d", "12345");
      const [body = "", written] = got.split("\n");
      assert.deepEqual(JSON.parse(body), { url, proto: "https", length: 5 });
      assert.equal(written, `${version} 0`);
    }
    const lying = { path: "/-/site/hello/", headers: { "x-forwarded-proto": "https" } };
    const plain = await callHttp({ port: platform.gatewayPort, ...lying });
    assert.equal((JSON.parse(plain.text) as { proto: string }).proto, "http");
  });

  it("streams answers and bodies of any length", async () => {
    const session = openSession();
    const digest = createHash("sha256").update(await askOver(session, "/stream"));
    const parts = ["1", "2", "3"].map((digit) => digit.repeat(100_000));
    const expected = createHash("sha256").update(parts.join(""));
    assert.equal(digest.digest("hex"), expected.digest("hex"));
    const stream = session.request({ ":method": "POST" });
    for (let i = 0; i < 8; i += 1) stream.write(Buffer.alloc(256 << 10, "x"));
    stream.end();
    const answer = (await stream.setEncoding("utf8").toArray()).join("");
    assert.equal((JSON.parse(answer) as { length: number }).length, 2 << 20);
    session.destroy();
  });

  it("takes a renewed certificate from its files, and open connections stay", async () => {
    const session = openSession();
    const text = await askOver(session);
    const serial = await serialNow();
    renew();
    await until("new handshakes get it", async () => (await serialNow()) !== serial);
    assert.equal(await askOver(session), text);
    session.destroy();
  });

  it("loses no request of its clients when it is restarted", async () => {
    let isOver = false;
    let answered = 0;
    const client = async (): Promise<void> => {
      let session = openSession();
      while (!isOver) {
        if (session.closed || session.destroyed) session = openSession();
        await askOver(session);
        answered += 1;
      }
      session.destroy();
    };
    const clients = [client(), client(), client(), client()];
    const all = Promise.all(clients);
    all.catch(() => undefined);
    await until("clients are served", () => answered > 20);
    await platform.restart("gateway");
    const atRestart = answered;
    await until("clients are served by the next one", () => answered > atRestart + 20);
    isOver = true;
    await all;
  });
});

describe("domains of a gateway that answers TLS", () => {
  const shop = authority.issue(["shop.test", "other.test"]);
  const lead = (
    host: string,
    certificate: TestCertificate,
    httpsOnly = false,
  ): Promise<ChangedDomain> =>
    platform.client.putDomain({
      params: { host },
      body: {
        ...{ app: "site", api: "web", stage: "test", httpsOnly },
        certificate: { chain: certificate.cert, key: certificate.key },
      },
    });

  before(async () => {
    const answer = { status: 200, headers: { "content-type": "text/html" }, body: "Shop." };
    await platform.client.putGatewayApi({
      params: { app: "site", api: "web" },
      body: { routes: [{ path: "/{rest...}", to: { answer }, auth: "none" }] },
    });
    await lead("shop.test", shop);
    await lead("*.pages.test", authority.issue(["*.pages.test"]), true);
  });

  it("have certificates of their own, exact or of a pattern, and no others' hosts", async () => {
    for (const host of ["shop.test", "a.pages.test"]) {
      const session = openSession(host);
      assert.equal(await askOver(session), "Shop.");
      session.destroy();
    }
    const session = openSession("shop.test");
    const stream = session.request({ ":path": "/", ":authority": HOST });
    const [head] = (await once(stream, "response")) as [Record<string, unknown>];
    assert.equal(head[":status"], 421);
    session.destroy();
  });

  it("lead plain requests to TLS where they say so", async () => {
    const ask = async (host: string): Promise<string> => {
      const call = { port: platform.gatewayPort, path: "/a%20b?c=1", headers: { host } };
      const { status, headers } = await callHttp(call);
      return `${status} ${headers.location ?? ""}`;
    };
    const { port } = to();
    assert.equal(await ask("a.pages.test"), `308 https://a.pages.test:${port}/a%20b?c=1`);
    assert.equal(await ask("shop.test"), "200 ");
  });

  it("are served with a new certificate once it is in force, under load", async () => {
    const open = openSession("shop.test");
    let isOver = false;
    const load = async (): Promise<void> => {
      while (!isOver) {
        const session = openSession("shop.test");
        assert.equal(await askOver(session), "Shop.");
        session.destroy();
      }
    };
    const served = load();
    served.catch(() => undefined);
    for (let turn = 0; turn < 3; turn += 1) {
      const next = authority.issue(["shop.test"]);
      const { behind } = await lead("shop.test", next);
      const serial = await serialNow("shop.test");
      if (behind.length > 0) continue;
      assert.equal(serial, new X509Certificate(next.cert).serialNumber);
    }
    isOver = true;
    await served;
    assert.equal(await askOver(open), "Shop.");
    open.destroy();
  });

  const skip = findChromium() === undefined ? "there is no Chromium" : false;
  it("are opened by Chromium with HTTP/2", { skip, timeout: 300_000 }, async () => {
    const certificate = authority.issue(["shop.test"]);
    await lead("shop.test", certificate);
    const { publicKey } = new X509Certificate(certificate.cert);
    const spki = publicKey.export({ type: "spki", format: "der" });
    const pin = createHash("sha256").update(spki).digest("base64");
    await using browser = await startBrowser([`--ignore-certificate-errors-spki-list=${pin}`]);
    const { page } = await Person.arrive(browser);
    await page.goto(`https://shop.test:${to().port}/`);
    assert.equal(await page.innerText("body"), "Shop.");
    const protocol = await page.evaluate(
      "performance.getEntriesByType('navigation')[0].nextHopProtocol",
    );
    assert.equal(protocol, "h2");
  });
});

async function serialNow(servername = HOST): Promise<string> {
  const socket = connectTls({ ...to(), servername });
  await once(socket, "secureConnect");
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

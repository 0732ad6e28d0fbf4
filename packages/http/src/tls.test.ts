/** TLS: which certificate, which host, and that nothing of HTTP differs inside. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { connect as connectTcp } from "node:net";
import { describe, it } from "node:test";
import { connect, type TLSSocket } from "node:tls";

import { HandClock, frame, headerBlock, until } from "@skerry/testkit";

import { ask, authority, serveSecure, type SecureServer } from "../test/secure-server.ts";
import {
  resetConnection,
  sendBytes,
  TICKET_KEY_BYTES,
  TicketKeys,
  type RequestHandler,
} from "./index.ts";

const hello: RequestHandler = (req, res, target) =>
  sendBytes(res, { status: 200, headers: [] }, `${req.httpVersion} ${target.rawPath}`);

/** What a fresh HTTP/1.1 request to `host` is answered, or the code of why not. */
async function get(
  { port }: SecureServer,
  name: string,
  host = name,
): Promise<{ readonly status: number; readonly text: string; readonly serial: string }> {
  const to = {
    host: "127.0.0.1",
    port,
    servername: name,
    ca: authority.cert,
    agent: false,
  } as const;
  const outgoing = request({ ...to, path: "/x", headers: { host } });
  outgoing.end();
  const [res] = (await once(outgoing, "response")) as [IncomingMessage];
  const { serialNumber } = (res.socket as TLSSocket).getPeerCertificate();
  const parts = await res.setEncoding("utf8").toArray();
  return { status: res.statusCode ?? 0, text: parts.join(""), serial: serialNumber };
}

/** A session that a client may take up again. */
async function sessionAt(secure: SecureServer): Promise<Buffer> {
  const socket = await secure.socket("a.test");
  const ticket = once(socket, "session");
  socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  const [session] = (await ticket) as [Buffer];
  socket.destroy();
  return session;
}

async function isTakenUp({ port }: SecureServer, session: Buffer): Promise<boolean> {
  const to = { host: "127.0.0.1", port, ca: authority.cert, session };
  const socket = connect({ ...to, servername: "a.test" });
  await once(socket, "secureConnect");
  const isReused = socket.isSessionReused();
  socket.destroy();
  return isReused;
}

describe("a handshake", () => {
  it("gets the certificate of the name it asks for, exact or for a wildcard", async () => {
    await using secure = await serveSecure({ onRequest: hello });
    assert.equal((await get(secure, "a.test")).text, "1.1 /x");
    assert.equal((await get(secure, "w.wild.test")).status, 200);
    assert.equal((await get(secure, "A.TEST")).status, 200);
  });

  it("is refused by name where nobody has that name", async () => {
    await using secure = await serveSecure({ onRequest: hello });
    await assert.rejects(get(secure, "b.test"), /unrecognized name/);
    await assert.rejects(secure.socket(undefined), /handshake failure/);
    // The control: with a certificate for all others it is made, and the client judges.
    secure.identities.putUnnamed(authority.issue(["127.0.0.1", "b.test"]));
    assert.equal((await get(secure, "b.test")).status, 200);
    const socket = await secure.socket(undefined);
    socket.destroy();
  });

  it("is made with the new certificate at once, and open connections stay", async () => {
    await using secure = await serveSecure({ onRequest: hello });
    const before = await get(secure, "a.test");
    const open = await secure.http2();
    secure.identities.put("a.test", authority.issue(["a.test"]));
    const after = await get(secure, "a.test");
    assert.notEqual(after.serial, before.serial);
    assert.equal((await ask(open, { ":path": "/still" })).text, "2.0 /still");
    secure.identities.byName.delete("a.test");
    await assert.rejects(get(secure, "a.test"), /unrecognized name/);
    assert.equal((await ask(open, { ":path": "/still" })).status, 200);
  });

  it("takes TLS 1.2 and not less", async () => {
    await using secure = await serveSecure({ onRequest: hello });
    const of = { host: "127.0.0.1", port: secure.port, servername: "a.test", ca: authority.cert };
    const old = connect({ ...of, maxVersion: "TLSv1.2" });
    await once(old, "secureConnect");
    assert.equal(old.getProtocol(), "TLSv1.2");
    assert.match(old.getCipher().name, /^ECDHE-.*(?:GCM|POLY1305)/);
    old.destroy();
    const older = connect({
      ...{ ...of, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" },
    });
    await assert.rejects(once(older, "secureConnect"), /alert protocol version/);
  });

  it("is taken up again at another server of the same tickets, and at no other", async () => {
    const ticketKeys = new TicketKeys(randomBytes(TICKET_KEY_BYTES));
    await using one = await serveSecure({ onRequest: hello, ticketKeys });
    await using two = await serveSecure({ onRequest: hello, ticketKeys });
    await using stranger = await serveSecure({ onRequest: hello });
    const session = await sessionAt(one);
    assert.equal(await isTakenUp(two, session), true);
    assert.equal(await isTakenUp(stranger, session), false);
  });

  it("is made whole with a ticket of a former key, also after another certificate", async () => {
    const former = randomBytes(TICKET_KEY_BYTES);
    const ticketKeys = new TicketKeys(former);
    await using secure = await serveSecure({ onRequest: hello, ticketKeys });
    const session = await sessionAt(secure);
    assert.equal(await isTakenUp(secure, session), true);
    ticketKeys.renew(randomBytes(TICKET_KEY_BYTES));
    assert.equal(await isTakenUp(secure, session), false);
    const next = await sessionAt(secure);
    secure.identities.putUnnamed(authority.issue(["127.0.0.1"]));
    assert.equal(await isTakenUp(secure, session), false);
    assert.equal(await isTakenUp(secure, next), true);
  });
});

describe("a request over TLS", () => {
  it("is for a host that its connection's certificate covers, or misdirected", async () => {
    await using secure = await serveSecure({ onRequest: hello });
    assert.equal((await get(secure, "w.wild.test", "other.wild.test:444")).status, 200);
    const strange = await get(secure, "w.wild.test", "a.test");
    assert.equal(strange.status, 421, strange.text);
    assert.match(strange.text, /HOST_MISDIRECTED/);
    const session = await secure.http2("w.wild.test");
    const answers = ["other.wild.test", "a.test", "deep.other.wild.test", "w.wild.test"].map(
      async (host) => (await ask(session, { ":authority": host })).status,
    );
    assert.deepEqual(await Promise.all(answers), [200, 421, 421, 200]);
  });

  it("is reset below TLS when its answer breaks off", async () => {
    await using secure = await serveSecure({
      onRequest: (_req, res) => {
        res.writeHead(200, ["connection", "close"]);
        res.write("half", () => resetConnection(res));
      },
    });
    const socket = await secure.socket("a.test");
    socket.write("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    await assert.rejects(once(socket.resume(), "end"), { code: "ECONNRESET" });
  });

  it("is not waited for on a connection that its client has dropped without a word", async () => {
    const limits = { headersTimeoutMs: 300_000 };
    await using secure = await serveSecure({ onRequest: hello, limits });
    for (const alpn of ["http/1.1", "h2"]) (await secure.socket("a.test", [alpn])).destroy();
    await until("both are gone", () => secure.server.connections === 0);
  });

  it("is not waited for on a connection whose client neither reads nor closes it", async () => {
    const clock = new HandClock();
    const body = Buffer.alloc(4 << 20);
    const onRequest: RequestHandler = (_req, res) =>
      sendBytes(res, { status: 200, headers: [] }, body);
    await using secure = await serveSecure({ onRequest, clock });
    const silent = await openDeaf(secure);
    const asking = await openDeaf(secure);
    const lines = [":method", "GET", ":path", "/", ":scheme", "https", ":authority", "a.test"];
    asking.write(Buffer.concat([frame.opening(), frame.headers(1, headerBlock(lines), true)]));
    await until("both are gone", () => {
      clock.advance(20_000);
      return secure.server.connections === 0;
    });
    for (const socket of [silent, asking]) socket.destroy();
  });

  it("is reset alone where its client's port was another connection's just now", async () => {
    const onRequest: RequestHandler = (_req, res) => {
      res.writeHead(200, ["connection", "close"]);
      res.write("half", () => resetConnection(res));
    };
    await using secure = await serveSecure({ onRequest });
    // From an address of its own, so that no other process takes the port meanwhile.
    const to = { host: "127.0.0.1", port: secure.port, localAddress: "127.0.0.77" };
    const former = connectTcp(to);
    await once(former, "connect");
    await until("it is accepted", () => secure.server.connections === 1);
    const { localPort = 0 } = former;
    // The end of the one and the beginning of the other are looked at in one turn of the server.
    former.resetAndDestroy();
    const next = connectTcp({ ...to, localPort });
    await once(next, "connect");
    const socket = connect({ socket: next, servername: "a.test", ca: authority.cert });
    await once(socket, "secureConnect");
    await until("it is counted alone", () => secure.server.connections === 1);
    socket.write("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    await assert.rejects(once(socket.resume(), "end"), { code: "ECONNRESET" });
  });

  it("says why it is refused to a client that writes its whole body first", async () => {
    await using secure = await serveSecure({
      onRequest: (_req, res) => {
        throw Object.assign(new TypeError("refused"), { res });
      },
    });
    const body = Buffer.alloc(4 << 20, "x");
    const socket = await secure.socket("a.test");
    socket.write(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body);
    const [first] = (await once(socket, "data")) as [Buffer];
    assert.match(first.toString(), /^HTTP\/1\.1 500 /);
    socket.destroy();
    const session = await secure.http2();
    assert.equal((await ask(session, { ":method": "POST" }, body)).status, 500);
  });
});

describe("a drain of TLS", () => {
  it("answers what was begun, tells clients to go, and ends", async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    await using secure = await serveSecure({
      onRequest: async (_req, res) => {
        begun.resolve();
        await go.promise;
        sendBytes(res, { status: 200, headers: [] }, "done");
      },
    });
    const session = await secure.http2();
    const answer = ask(session, { ":path": "/slow" });
    await begun.promise;
    const told = once(session, "goaway");
    const drained = secure.server.drain({ deadlineMs: 60_000 });
    await told;
    go.resolve();
    assert.equal((await answer).text, "done");
    assert.deepEqual(await drained, { requestsCut: 0 });
  });

  it("cuts at its deadline what is left, of both versions", async () => {
    let begun = 0;
    await using secure = await serveSecure({ onRequest: () => void (begun += 1) });
    const session = await secure.http2();
    const answer = ask(session, { ":path": "/never" });
    const socket = await secure.socket("a.test");
    socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await until("both requests are there", () => begun === 2);
    assert.deepEqual(await secure.server.drain({ deadlineMs: 0 }), { requestsCut: 2 });
    assert.equal((await answer).status, 0);
  });
});

/** A client that agrees on HTTP/2, and then hears nothing more, its server's end neither. */
async function openDeaf({ port }: SecureServer): Promise<TLSSocket> {
  const below = connectTcp({ host: "127.0.0.1", port, allowHalfOpen: true });
  const to = { servername: "a.test", ca: authority.cert, ALPNProtocols: ["h2"] };
  const socket = connect({ socket: below, ...to });
  await once(socket, "secureConnect");
  below.pause();
  return socket.on("error", () => undefined).pause();
}

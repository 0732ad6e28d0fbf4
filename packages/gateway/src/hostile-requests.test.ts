/**
 * Requests that two readers could frame differently, through a gateway to a careless server over a
 * connection that another caller's requests use before and after.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect } from "node:tls";
import { makeAuthority, openFrames, openRaw, type FramesClient } from "@skerry/testkit";
import { startForwarder, startVictim, type Preference } from "../test/smuggling/lax-http.ts";
import { HOSTILE_REQUESTS, type HostileRequest } from "../test/smuggling/requests.ts";
import { framesOf, HOSTILE_STREAMS } from "../test/smuggling/streams.ts";
import { HOST, Victims } from "../test/smuggling/victims.ts";
import { until } from "../test/world.ts";

/** Odd numbers below it are used. */
const STREAMS_MAX = 40;
const REFUSED = /^HTTP\/1\.1 (?:4\d\d|501|505) /;

function nameOf(one: HostileRequest): string {
  return `${one.class} ${JSON.stringify(one.bytes("/x", "host").slice(0, 300))}`;
}

/** Sends the bytes of a case and waits until it has its answer, or is known to get none. */
async function sendRaw(port: number, one: HostileRequest, path: string): Promise<void> {
  using client = await openRaw(port);
  const bytes = Buffer.from(one.bytes(path, HOST), "latin1");
  await new Promise<void>((resolve) => client.socket.write(bytes, () => resolve()));
  if (one.isEndless === true) return;
  if (one.passes !== undefined) return void (await client.receive(/HTTP\/1\.1 200 [^]*\r\n\r\n/));
  await client.receive(REFUSED).catch(() => assert.equal(client.received, "", nameOf(one)));
}

test("no request carries anything into the next on a kept connection, or past its own end", async (t) => {
  const victims = await Victims.start(t);
  for (const one of HOSTILE_REQUESTS) {
    const { against = "coding", passes } = one;
    await victims.send({ name: nameOf(one), against, passes }, async () => {
      await sendRaw(victims.world.port, one, victims.pathTo(against));
    });
  }
  await until(() => victims.world.gateway.stats().connections === 0);
  victims.assertClean();
});

test("nor does one that came by HTTP/2", async (t) => {
  const tls = prepareTls(t);
  const victims = await Victims.start(t, { tls: tls.listening });
  const port = victims.world.gateway.stats().tlsPort ?? 0;
  const open = async (): Promise<FramesClient> => {
    const socket = connect({ ...{ port, host: "127.0.0.1", servername: HOST }, ...tls.client });
    await once(socket, "secureConnect");
    return openFrames(socket);
  };
  let client = await open();
  let stream = 1;
  for (const one of HOSTILE_STREAMS) {
    const { against = "coding", passes } = one;
    const path = victims.pathTo(against);
    const name = `${one.class} ${JSON.stringify(one.lines)}`;
    let ended = "";
    await victims.send({ name, against, passes }, async () => {
      client.send(framesOf(one, { stream, path, host: HOST }));
      ended = await client.untilEnded(stream);
    });
    const isAnswered = passes !== undefined && passes.isLate !== true;
    assert.equal(ended === "status 200", isAnswered, `${name}: ${ended}`);
    stream += 2;
    // Some end the whole connection, and none bears with many of them.
    if (stream < STREAMS_MAX && !ended.startsWith("goaway")) continue;
    client.close();
    client = await open();
    stream = 1;
  }
  client.close();
  victims.assertClean();
});

function prepareTls(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "gateway-tls-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const authority = makeAuthority();
  const { cert, key } = authority.issue([HOST]);
  const files = { cert: join(directory, "cert.pem"), key: join(directory, "key.pem") };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return {
    client: { ca: authority.cert, ALPNProtocols: ["h2"] },
    listening: {
      ...{ listen: { host: "127.0.0.1", port: 0 }, publicPort: 443, files },
      openKey: () => Promise.reject(new TypeError("no domain has a key")),
    },
  };
}

/** Classes that a forwarder of one reading lets through to a server of the other. */
const SHOWN: readonly (readonly [string, Preference, Preference])[] = [
  ["CL.TE", "length", "coding"],
  ["TE.CL", "coding", "length"],
  ["TE.TE", "length", "coding"],
  ["underscores", "length", "coding"],
  ["body of a bodiless method", "length", "method"],
];

test("the control: through a forwarder that copies framing, another gets what was smuggled", async (t) => {
  for (const [of, forwards, reads] of SHOWN) {
    let isStolen = false;
    for (const one of HOSTILE_REQUESTS) {
      if (one.class !== of || isStolen) continue;
      const answer = await askBehind(t, one, { forwards, reads });
      isStolen = !answer.endsWith("answer to GET /own");
    }
    assert.ok(isStolen, of);
  }
});

/** What another caller gets after a case. */
async function askBehind(
  t: TestContext,
  one: HostileRequest,
  { forwards, reads }: { readonly forwards: Preference; readonly reads: Preference },
): Promise<string> {
  const victim = await startVictim(t, reads);
  const port = await startForwarder(t, { prefers: forwards, to: victim.port });
  using client = await openRaw(port);
  client.write(one.bytes("/x", HOST));
  await client.receive(/answer to/);
  using other = await openRaw(port);
  other.write(`GET /own HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  return await other.receive(/answer to \S+ /);
}

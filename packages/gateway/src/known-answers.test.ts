/** Requests that say word for word what another one said are answered as that one was. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { seededRandom } from "@skerry/base";
import type { AccessFacts, ConfigValue, RouteInput } from "@skerry/contracts";
import { makeAuthority, openRaw, type RawConnection } from "@skerry/testkit";
import { controlDouble } from "../test/control.ts";
import { aliasOf, versionOf } from "../test/qualified.ts";
import { clock, until, World, type AgentDouble } from "../test/world.ts";

const HOST = "release.public.shop.apis.localhost";
const ID = /x-skerry-request-id: ([\w-]{36})/;
const PAGE: RouteInput = { name: "page", path: "/{rest...}", to: { function: "hello" }, cache: {} };

let world: World;
let agent: AgentDouble;
/** On a clock that stands, the head of a kept answer is the same for all. */
let nowMs: number;
let calls: number;

beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  nowMs = clock.wallMs();
  calls = 0;
  agent.handle = (call) => {
    calls += 1;
    const version = call.instance.grant.version ?? "latest";
    call.answer(`${version} answers for the ${calls}. time`, {
      h: ["content-type", "text/plain", "cache-control", "public, max-age=60"],
    });
  };
});
afterEach(async () => await world.close());

const standing = { ...clock, wallMs: () => nowMs };

/** Counts answers whose heads are made anew. */
function countMade(t: TestContext): () => number {
  const { mock } = t.mock.method(ServerResponse.prototype, "writeHead");
  return () => mock.callCount();
}

function words(path: string, lines: readonly string[] = [], method = "GET"): string {
  return [`${method} ${path} HTTP/1.1`, `Host: ${HOST}`, ...lines, "", ""].join("\r\n");
}

/** A connection on which one thing is asked after the other. */
class Asking {
  readonly raw: Pick<RawConnection, "received" | "write">;
  #seen = 0;

  constructor(raw: Asking["raw"]) {
    this.raw = raw;
  }

  static async open(): Promise<Asking> {
    return new Asking(await openRaw(world.port));
  }

  static on(socket: Socket, t: TestContext): Asking {
    t.after(() => socket.destroy());
    let received = "";
    socket.setEncoding("latin1").on("data", (part: string) => (received += part));
    const write = (bytes: string | Uint8Array): void => void socket.write(bytes);
    return new Asking({
      write,
      get received() {
        return received;
      },
    });
  }

  /** What is answered; it has a length. */
  async ask(text: string): Promise<string> {
    this.raw.write(text);
    return await this.next(text.startsWith("HEAD"));
  }

  async next(isBodiless = false): Promise<string> {
    const from = this.#seen;
    const whole = (): string | undefined => {
      const rest = this.raw.received.slice(from);
      const headEnd = rest.indexOf("\r\n\r\n") + 4;
      const length = Number(/content-length: (\d+)/i.exec(rest)?.[1] ?? 0);
      const end = headEnd + (isBodiless ? 0 : length);
      return headEnd < 4 || rest.length < end ? undefined : rest.slice(0, end);
    };
    await until(() => whole() !== undefined);
    const answer = whole() ?? "";
    this.#seen += answer.length;
    return answer;
  }
}

const withoutId = (answer: string): string => answer.replace(ID, "");
const bodyOf = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4);

async function startWith(): Promise<void> {
  world.fn({ kind: "fetch" });
  world.stage({ routes: [PAGE] });
  await world.start({}, { clock: standing, random: seededRandom(1) });
}

test("the same words are answered with the same bytes, under an id of their own", async (t) => {
  await startWith();
  const made = countMade(t);
  const one = await Asking.open();
  const [, second, third] = [
    await one.ask(words("/a")),
    await one.ask(words("/a")),
    await one.ask(words("/a")),
  ];
  const fourth = await (await Asking.open()).ask(words("/a"));
  assert.deepEqual([calls, made()], [1, 2]);
  assert.match(second, /Age: 0\r\nCache-Status: skerry; hit[^]*\r\n\r\nlatest answers for the 1\./);
  assert.deepEqual([third, fourth].map(withoutId), [withoutId(second), withoutId(second)]);
  const ids = [second, third, fourth].map((answer) => ID.exec(answer)?.[1]);
  assert.equal(new Set(ids).size, 3);
  await until(() => world.accessLines.length === 4);
  const told = ids.map((id) => world.accessLines.find(({ r }) => r === id));
  const facts = told.map((line) => {
    const { durationMs, ...rest } = JSON.parse(line?.m ?? "{}") as AccessFacts;
    assert.ok(durationMs >= 0);
    return { ...rest, of: [line?.f, line?.v, line?.l] };
  });
  assert.equal(facts[0]?.cache, "hit");
  assert.deepEqual(facts.slice(1), [facts[0], facts[0]]);
});

test("other words are looked at, and so is what only its client says", async (t) => {
  await startWith();
  const client = await Asking.open();
  const answers = async (lines: readonly string[], method?: string): Promise<string> =>
    await client.ask(words("/a", lines, method));
  await answers([]);
  const body = bodyOf(await answers([]));
  const made = countMade(t);
  assert.equal(bodyOf(await answers([])), body);
  assert.equal(made(), 0);
  assert.equal(bodyOf(await answers([], "HEAD")), "");
  assert.match(await answers(["Range: bytes=0-3"]), /^HTTP\/1\.1 206 [^]*\r\n\r\nlate$/);
  assert.match(await answers(["X-Some: thing"]), /; hit/);
  for (const line of ["Cookie: a=1", "Authorization: Basic YTpi", "Range: bytes=0-3"]) {
    const before = made();
    for (let i = 0; i < 3; i += 1) await answers([line]);
    assert.equal(made(), before + 3, line);
  }
  assert.equal(calls, 1);
  await answers(["Cache-Control: no-cache"]);
  assert.equal(calls, 2);
  assert.match(await answers(["Connection: close"]), /\r\nConnection: close\r\n/);
});

test("a known answer ends with its second, with what is configured, and with a purge", async (t) => {
  world.fn({ kind: "fetch" });
  const stage = world.stage({ routes: [PAGE] });
  const control = await controlDouble(world);
  t.after(() => control.close());
  await world.start({}, { clock: standing });
  await until(() => control.watched.length > 0);
  const client = await Asking.open();
  const ask = async (): Promise<string> => await client.ask(words("/a"));
  const tell = async (seq: number, key: string, value: ConfigValue): Promise<void> => {
    control.send([{ seq, key, value }]);
    await until(() => control.applied.includes(seq));
  };
  for (let i = 0; i < 3; i += 1) await ask();
  nowMs += 1_000;
  assert.match(await ask(), /Age: 1\r\nCache-Status: skerry; hit; ttl=59/);
  assert.match(await ask(), /Age: 1\r\nCache-Status: skerry; hit; ttl=59/);
  const { apiId, accountId } = stage;
  const newest = [{ number: 1, what: { all: true } as const }];
  await tell(100, `purges/${apiId}/release`, {
    ...{ kind: "purges", apiId, accountId, stage: "release", newest },
  });
  assert.match(await ask(), /answers for the 2\. time$/);
  for (let i = 0; i < 2; i += 1) assert.match(await ask(), /answers for the 2\. time$/);
  // A purge by the cache's own rules, which no configuration tells.
  await client.ask(words("/a", ["Content-Length: 0"], "POST"));
  assert.match(await ask(), /answers for the 4\. time$/);
  for (let i = 0; i < 2; i += 1) await ask();
  const answered = { ...stage, routes: [{ ...stage.routes[0], to: { answer: { body: "new" } } }] };
  const { routes } = world.stage({ api: "other", routes: answered.routes as RouteInput[] });
  await tell(101, `stage/${apiId}/release`, { ...stage, publication: 2, routes });
  assert.equal(bodyOf(await ask()), "new");
});

test("who may be led to either version is led to both, whatever was said before", async () => {
  const fn = world.fn({ kind: "fetch" });
  const shares = [{ version: 2, perMille: 500 }];
  world.entries.push(
    versionOf(fn, 1),
    versionOf(fn, 2),
    aliasOf(fn, "live", { version: 1, shares }),
  );
  const to = { function: "hello", qualifier: "live" };
  world.stage({ routes: [{ ...PAGE, to }] });
  await world.start({}, { clock: standing, random: seededRandom(1) });
  const client = await Asking.open();
  const got = new Map<string, number>();
  for (let i = 0; i < 60; i += 1) {
    const version = bodyOf(await client.ask(words("/a"))).slice(0, 1);
    got.set(version, (got.get(version) ?? 0) + 1);
  }
  assert.equal(calls, 2);
  assert.ok((got.get("1") ?? 0) > 15 && (got.get("2") ?? 0) > 15, JSON.stringify([...got]));
});

test("what is chosen by the client's address is told to that address alone", async (t) => {
  agent.handle = (call) => {
    const vary = call.head.u === "/vary" ? ["vary", "Accept, X-Forwarded-For"] : [];
    calls += 1;
    call.answer(`the ${calls}. client`, { h: ["cache-control", "max-age=60", ...vary] });
  };
  world.fn({ kind: "fetch" });
  const cache = { headers: ["X-Forwarded-For"] };
  const keyed = { ...PAGE, name: "keyed", path: "/keyed", cache };
  world.stage({ routes: [PAGE, keyed] });
  await world.start({}, { clock: standing });
  for (const path of ["/vary", "/keyed"]) {
    const before = calls;
    for (const nth of [1, 2]) {
      const from = { host: "127.0.0.1", localAddress: `127.0.0.${nth}` };
      const client = Asking.on(connect({ port: world.port, ...from }), t);
      const bodies: string[] = [];
      for (let i = 0; i < 3; i += 1) bodies.push(bodyOf(await client.ask(words(path))));
      const own = `the ${before + nth}. client`;
      assert.deepEqual(bodies, [own, own, own], path);
    }
  }
});

test("over TLS, what is known of a host is told where the host may be asked for", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "known-tls-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const files = { cert: join(directory, "cert.pem"), key: join(directory, "key.pem") };
  const { cert, key } = makeAuthority().issue([HOST]);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  world.fn({ kind: "fetch" });
  world.domain("shop.example", world.stage({ routes: [PAGE] }));
  const listen = { host: "127.0.0.1", port: 0 };
  const openKey = (): Promise<string> => Promise.reject(new TypeError("no domain has one"));
  await world.start({ tls: { listen, publicPort: 443, files, openKey } }, { clock: standing });
  const port = world.gateway.stats().tlsPort ?? 0;
  const open = async (servername: string): Promise<Asking> => {
    const socket = connectTls({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return Asking.on(socket, t);
  };
  const statusOf = async (client: Asking): Promise<string> =>
    (await client.ask(words("/a").replace(HOST, "shop.example"))).slice(0, 12);
  const named = await open("shop.example");
  for (let i = 0; i < 2; i += 1) assert.equal(await statusOf(named), "HTTP/1.1 200");
  const made = countMade(t);
  assert.deepEqual([await statusOf(named), made(), calls], ["HTTP/1.1 200", 0, 1]);
  assert.equal(await statusOf(await Asking.open()), "HTTP/1.1 200");
  assert.equal(calls, 2, "who came without TLS may be answered otherwise");
  assert.equal(await statusOf(await open(HOST)), "HTTP/1.1 421");
});

test("answers to what is pipelined come in order, and none is kept from a gateway that drains", async () => {
  await startWith();
  const client = await Asking.open();
  for (const path of ["/a", "/b"]) {
    for (let i = 0; i < 3; i += 1) await client.ask(words(path));
  }
  const paths = ["/a", "/b", "/a", "/c", "/a", "/b"];
  client.raw.write(paths.map((path) => words(path)).join(""));
  const bodies: string[] = [];
  while (bodies.length < paths.length)
    bodies.push(bodyOf(await client.next()).replace(/ time$/, ""));
  const nth = (n: number): string => `latest answers for the ${n}.`;
  assert.deepEqual(bodies, [nth(1), nth(2), nth(1), nth(3), nth(1), nth(2)]);
  const drained = world.gateway.drain({ deadlineMs: 60_000 });
  assert.match(await client.ask(words("/a")), /\r\nConnection: close\r\n/);
  await drained;
});

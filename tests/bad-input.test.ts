/**
 * What is wrong is refused with a reason, changes nothing, and costs the platform no more memory
 * than its bounds.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LIMITS } from "@skerry/contracts";
import {
  callHttp,
  openRaw,
  startPlatform,
  until,
  type HttpAnswer,
  type Platform,
} from "@skerry/testkit";
import { GOOD_ARCHIVE, HOSTILE_ARCHIVES } from "./hostile-archives.ts";
import { ECHO } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const DIGEST = `src_${"0".repeat(64)}`;
const MEBIBYTE = 1 << 20;
/** What control may grow by, however much is thrown at it. */
const GROWTH_MAX = 160 * MEBIBYTE;
const SLOW_DEADLINE_MS = 120_000;

interface Refusal {
  readonly reason: string;
  readonly message: string;
  readonly hint: string;
}

describe("bad input", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    await platform.deploy({ app: "good", fn: "echo", files: ECHO, config: { auth: "none" } });
  }, TIMEOUT);
  after(async () => {
    await platform.deploy({ app: "good", fn: "after", files: ECHO, config: { auth: "none" } });
    const path = "/-/good/after/?word=still";
    const answer = await callHttp({ port: platform.gatewayPort, path });
    assert.equal(answer.status, 200, "the platform serves and deploys after all of it");
    await platform.stop();
  }, TIMEOUT);

  const api = (
    method: string,
    path: string,
    given: { readonly body?: string | Buffer; readonly type?: string } = {},
  ): Promise<HttpAnswer> =>
    callHttp({
      ...{ port: platform.apiPort, method, path },
      ...(given.body === undefined ? {} : { body: given.body }),
      headers: {
        authorization: `Bearer ${platform.key}`,
        ...(given.body === undefined ? {} : { "content-type": given.type ?? "application/json" }),
      },
    });
  const refusalOf = ({ status, text }: HttpAnswer): Refusal => {
    assert.ok(status >= 400 && status < 500, `${status} ${text}`);
    const { error } = JSON.parse(text) as { error: Refusal };
    assert.notEqual(error.hint, "", error.reason);
    return error;
  };
  const upload = (archive: Buffer): Promise<HttpAnswer> =>
    api("PUT", `/v1/apps/bad/packages/${DIGEST}`, { body: archive, type: "application/zip" });
  const stored = (): readonly string[] =>
    readdirSync(join(platform.home, "code"), { recursive: true }).map(String).toSorted();
  const plan = (body: unknown): Promise<HttpAnswer> =>
    api("POST", "/v1/apps/bad/plans", { body: JSON.stringify(body) });

  it(
    "each class of hostile archive is refused by its reason, and nothing of it is kept",
    TIMEOUT,
    async () => {
      const kept = stored();
      for (const { title, archive, reason } of HOSTILE_ARCHIVES) {
        assert.match(refusalOf(await upload(archive)).reason, reason, title);
      }
      assert.deepEqual(stored(), kept);
      assert.equal(existsSync("/etc/skerry-outside"), false);
      // Control: the archive is good, only the name that it was sent under is not its own.
      assert.match(refusalOf(await upload(GOOD_ARCHIVE)).reason, /DIGEST/);
    },
  );

  it("an archive beyond the limit is refused before it is read to the end", TIMEOUT, async () => {
    const connection = await openRaw(platform.apiPort);
    const length = LIMITS.archiveBytesMax + 1;
    connection.write(
      `PUT /v1/apps/bad/packages/${DIGEST} HTTP/1.1\r\nHost: localhost\r\n` +
        `Authorization: Bearer ${platform.key}\r\nContent-Type: application/zip\r\n` +
        `Content-Length: ${length}\r\n\r\n`,
    );
    connection.write(Buffer.alloc(256 << 10));
    await connection.receive(/^HTTP\/1\.1 413 [\s\S]*ARCHIVE_/);
    connection.socket.destroy();
  });

  it(
    "JSON that is none, too large, too deep or of another type is refused by its reason",
    TIMEOUT,
    async () => {
      const post = async (body: string, type?: string): Promise<string> =>
        refusalOf(await api("POST", "/v1/keys", { body, ...(type === undefined ? {} : { type }) }))
          .reason;
      assert.equal(await post('{"name": '), "BODY_NOT_JSON");
      assert.equal(await post("\u0000"), "BODY_NOT_JSON");
      assert.equal(await post(""), "BODY_NOT_JSON");
      assert.equal(await post("{}", "text/plain"), "BODY_TYPE_UNSUPPORTED");
      assert.equal(await post(`${"[".repeat(100)}${"]".repeat(100)}`), "BODY_TOO_DEEP");
      assert.equal(await post(`"${"x".repeat(LIMITS.apiBodyBytesMax)}"`), "BODY_TOO_LARGE");
      assert.equal(await post("null"), "INPUT_INVALID");
      assert.equal(await post('{"__proto__": {"role": "admin"}, "name": "x"}'), "INPUT_INVALID");
    },
  );

  it(
    "wrong types and unknown keys are all named at once, with the nearest known key",
    TIMEOUT,
    async () => {
      const config = { memoryMB: 128, timeoutMs: "soon", concurency: 3 };
      const body = { functions: [{ name: "fn", sourceDigest: DIGEST, config }] };
      const { reason, message } = refusalOf(await plan(body));
      assert.equal(reason, "INPUT_INVALID");
      assert.match(message, /"memoryMB", did you mean "memoryMb"/);
      assert.match(message, /"concurency", did you mean "concurrency"/);
      assert.match(message, /functions\.0\.config\.timeoutMs/);
      const names = ["", "Upper", "a_b", "-a", "a".repeat(100), "..", "a/b", "ä"];
      for (const name of names) {
        const wrong = { functions: [{ name, sourceDigest: DIGEST, config: {} }] };
        assert.equal(refusalOf(await plan(wrong)).reason, "INPUT_INVALID", name);
      }
      const listed = platform.client.listFunctions({ params: { app: "bad" } });
      await assert.rejects(listed, { code: "NOT_FOUND" }, "nothing was made of it");
    },
  );

  it(
    "unknown paths and methods, and keys that are none, have their own answers",
    TIMEOUT,
    async () => {
      assert.equal(refusalOf(await api("GET", "/v2/apps")).reason, "ROUTE_UNKNOWN");
      const wrongMethod = await api("DELETE", "/v1/platform");
      assert.equal(wrongMethod.status, 405);
      assert.equal(refusalOf(wrongMethod).reason, "METHOD_NOT_ALLOWED");
      const { port, headers } = {
        port: platform.apiPort,
        headers: { authorization: "Bearer sk_x_y" },
      };
      const path = "/v1/apps";
      assert.equal(refusalOf(await callHttp({ port, path, headers })).reason, "KEY_INVALID");
      assert.equal(refusalOf(await callHttp({ port, path })).reason, "KEY_MISSING");
    },
  );

  for (const side of ["apiPort", "gatewayPort"] as const) {
    const malformed: readonly (readonly [string, string, RegExp])[] = [
      ["no HTTP", "hello there\r\n\r\n", /^HTTP\/1\.1 400 /],
      ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", /^HTTP\/1\.1 400 /],
      [
        "two framings",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        /^HTTP\/1\.1 400 /,
      ],
      ["a way out of the path", "GET /../v1/apps HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 400 /],
      ["a hidden slash", "GET /-/good%2fecho/ HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 400 /],
      [
        "headers beyond the limit",
        `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`,
        /^HTTP\/1\.1 431 /,
      ],
    ];
    for (const [title, bytes, answer] of malformed) {
      it(`${side}: ${title} is refused`, TIMEOUT, async () => {
        const connection = await openRaw(platform[side]);
        connection.write(bytes);
        await connection.receive(answer);
        connection.socket.destroy();
      });
    }
  }

  describe("slow clients", { ...TIMEOUT, concurrency: true }, () => {
    for (const side of ["apiPort", "gatewayPort"] as const) {
      it(`${side}: a client that sends its headers too slowly is cut off`, TIMEOUT, async () => {
        const connection = await openRaw(platform[side]);
        connection.write("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
        const isCut = (): boolean => connection.socket.readyState !== "open";
        await until("it is cut off", isCut, { deadlineMs: SLOW_DEADLINE_MS, everyMs: 200 });
        assert.match(connection.received, /^HTTP\/1\.1 408 /);
      });
    }

    it("a body that does not arrive is not waited for longer than the bound", TIMEOUT, async () => {
      const connection = await openRaw(platform.apiPort);
      connection.write(
        `POST /v1/keys HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${platform.key}\r\n` +
          "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
      );
      const isAnswered = (): boolean => connection.received.startsWith("HTTP/1.1 408 ");
      await until("it is refused", isAnswered, { deadlineMs: SLOW_DEADLINE_MS, everyMs: 200 });
      connection.socket.destroy();
    });
  });

  it("control's memory stays within bounds whatever is sent to it", TIMEOUT, async () => {
    const [pid] = platform.pids("control");
    const first = residentBytes(pid);
    const noise = Buffer.alloc(8 * MEBIBYTE, "z");
    const deep = "[".repeat(LIMITS.apiBodyBytesMax - 1);
    const bomb = HOSTILE_ARCHIVES.find(({ title }) => title === "a bomb")?.archive ?? noise;
    const turn = async (): Promise<void> => {
      await Promise.all([
        ...Array.from({ length: 4 }, () => upload(noise)),
        upload(bomb),
        ...Array.from({ length: 4 }, () => api("POST", "/v1/keys", { body: deep })),
      ]);
    };
    for (let turns = 0; turns < 20; turns += 1) await turn();
    const grown = residentBytes(pid) - first;
    assert.ok(grown < GROWTH_MAX, `control grew by ${Math.round(grown / MEBIBYTE)} MiB`);
    assert.deepEqual(platform.pids("control"), [pid], "it is the same process");
  });

  it("whoever tries keys is slowed down", TIMEOUT, async () => {
    const guess = (index: number): Promise<HttpAnswer> =>
      callHttp({
        ...{ port: platform.apiPort, path: "/v1/apps" },
        headers: { authorization: `Bearer sk_guess_${index}` },
      });
    const answers = await Promise.all(Array.from({ length: 120 }, (_, index) => guess(index)));
    const slowed = answers.filter(({ status }) => status === 429);
    assert.ok(
      slowed.length > 0 && slowed.every(({ headers }) => headers["retry-after"] !== undefined),
    );
  });
});

function residentBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

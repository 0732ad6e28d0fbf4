/**
 * What code of any language reaches the network by; the test is the gateway. Each language brings a
 * handler that does what `event.do` says:
 *
 * - `talk`: connects to DB, sends `say`, answers each text that ends with `?` with `bye` and the
 * end
 *   of its side; gives `{text}`, or `{text, error: true}` when the connection broke.
 * - `keep`: sends `say` on a connection to DB that it keeps; gives `{text}` of one line back.
 * - `echo`: sends `bytes` bytes to DB and ends its side; gives `{bytes}` that came back.
 * - `reset`: sends `say` to DB, gives `{text}` of what comes first, and resets the connection.
 * - `proxy`: sends `say` to the proxy of HTTP_PROXY and gives `{text}` of all that came.
 * - `env`: gives the environment's `names`, null for what is not there.
 */
import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import { failReach, type ConnectHead, type SpecialiseHead, type WebHead } from "@skerry/contracts";
import type { OpenedStream } from "@skerry/link";
import type { Instance } from "./harness.ts";

export interface ReachLanguage {
  readonly name: string;
  /** Why it cannot run here. */
  readonly missing: string | false;
  run(t: TestContext, specialise: Partial<SpecialiseHead>): Promise<Instance>;
}

/** A connection that an instance asked for. */
export interface Asked {
  readonly head: ConnectHead | WebHead;
  readonly opened: OpenedStream;
  /** What came so far. */
  text: string;
  ended: boolean;
  failed: boolean;
}

interface Gateway {
  readonly onOpen?: (asked: Asked) => void;
  readonly onText?: (asked: Asked) => void;
}

/** Takes what the instance opens and hands what it sends to `onText`. */
export function takeTunnels(instance: Instance, gateway: Gateway): Asked[] {
  const all: Asked[] = [];
  const { onOpen = accept, onText = () => undefined } = gateway;
  instance.accept = (opened) => {
    const head = JSON.parse(opened.head) as ConnectHead | WebHead;
    const asked: Asked = { head, opened, text: "", ended: false, failed: false };
    all.push(asked);
    onOpen(asked);
    return {
      onReply: () => undefined,
      onWritable: () => undefined,
      onFailed: () => void (asked.failed = true),
      onBody(chunk, end) {
        asked.text += Buffer.from(chunk).toString();
        opened.stream.grant(chunk.length);
        asked.ended = end;
        onText(asked);
      },
    };
  };
  return all;
}

export function accept({ opened }: Asked): void {
  opened.stream.reply('{"ok":true}');
}

export function refuse({ opened }: Asked): void {
  const e = failReach("EGRESS_ADDRESS_FORBIDDEN", { target: "x" }).toWire();
  opened.stream.reply(JSON.stringify({ e }), undefined, true);
  opened.stream.cancel("refused");
}

function say({ opened }: Asked, text: string, end = false): void {
  opened.stream.write(Buffer.from(text));
  if (end) opened.stream.end();
}

const DB: Partial<SpecialiseHead> = { connect: ["db"] };
const ECHO_BYTES = 3_000_000;

type Case = (t: TestContext, language: ReachLanguage) => Promise<void>;

const REACH_CASES: Readonly<Record<string, Case>> = {
  "a target of connect is a loopback port, and its bytes pass both ways": async (t, { run }) => {
    const instance = await run(t, DB);
    const all = takeTunnels(instance, {
      onText(asked) {
        if (asked.text === "hello") say(asked, "who?");
        if (asked.ended) say(asked, "!", true);
      },
    });
    const answered = await instance.invoke({ do: "talk", say: "hello" });
    assert.deepEqual(answered.json(), { text: "who?!" });
    assert.partialDeepStrictEqual(all[0]?.head, { op: "connect", n: "db" });
    assert.equal(all[0]?.text, "hellobye");
    assert.equal(all[0]?.failed, false);
  },

  "a refused connection is reset, and the log says why": async (t, { run }) => {
    const instance = await run(t, DB);
    takeTunnels(instance, { onOpen: refuse });
    const answered = await instance.invoke({ do: "talk", say: "hello" });
    assert.deepEqual(answered.json(), { text: "", error: true });
    await instance.until(() => instance.messages().some((text) => text.includes("not public")));
  },

  "a connection that breaks off is reset, never a clean end": async (t, { run }) => {
    const instance = await run(t, DB);
    takeTunnels(instance, {
      onText(asked) {
        say(asked, "half");
        asked.opened.stream.cancel("it broke");
      },
    });
    const answered = await instance.invoke({ do: "talk", say: "hello" });
    assert.equal((answered.json() as { error?: boolean }).error, true);
  },

  "a connection that the code resets is broken off, never a clean end": async (t, { run }) => {
    const instance = await run(t, DB);
    const all = takeTunnels(instance, {
      onText(asked) {
        if (asked.text === "half") say(asked, "go");
      },
    });
    const answered = await instance.invoke({ do: "reset", say: "half" });
    assert.deepEqual(answered.json(), { text: "go" });
    await instance.until(() => all[0]?.ended === true || all[0]?.failed === true);
    assert.deepEqual([all[0]?.text, all[0]?.ended, all[0]?.failed], ["half", false, true]);
  },

  "a connection that the code keeps serves its next request": async (t, { run }) => {
    const instance = await run(t, DB);
    const all = takeTunnels(instance, { onText: (asked) => say(asked, `${asked.text}\n`) });
    const first = await instance.invoke({ do: "keep", say: "one" });
    assert.deepEqual(first.json(), { text: "one" });
    const second = await instance.invoke({ do: "keep", say: "two" });
    assert.deepEqual(second.json(), { text: "onetwo" });
    assert.equal(all.length, 1);
  },

  "more than the credit passes, both ways at once": async (t, { run }) => {
    const instance = await run(t, DB);
    instance.accept = ({ stream }) => {
      stream.reply('{"ok":true}');
      const waiting: Uint8Array[] = [];
      let hasEnded = false;
      const pump = (): void => {
        for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
          stream.grant(chunk.length);
          if (!stream.write(chunk)) return;
        }
        if (hasEnded) stream.end();
      };
      return {
        onReply: () => undefined,
        onWritable: pump,
        onFailed: () => undefined,
        onBody(chunk, end) {
          if (chunk.length > 0) waiting.push(new Uint8Array(chunk));
          hasEnded = end;
          pump();
        },
      };
    };
    const answered = await instance.invoke({ do: "echo", bytes: ECHO_BYTES });
    assert.deepEqual(answered.json(), { bytes: ECHO_BYTES });
  },

  "the proxy takes CONNECT, and passes what follows as it is": async (t, { run }) => {
    const instance = await run(t, {});
    const all = takeTunnels(instance, {
      onText(asked) {
        if (asked.text.endsWith("ping")) say(asked, "pong", true);
      },
    });
    const request = "CONNECT api.example.org:443 HTTP/1.1\r\nhost: x\r\n\r\nping";
    const answered = await instance.invoke({ do: "proxy", say: request });
    const text = "HTTP/1.1 200 Connection established\r\n\r\npong";
    assert.deepEqual(answered.json(), { text });
    assert.partialDeepStrictEqual(all[0]?.head, { op: "web", a: "api.example.org:443" });
  },

  "the proxy asks an origin as a client would, without what is the proxy's": async (t, { run }) => {
    const instance = await run(t, {});
    const all = takeTunnels(instance, {
      onText(asked) {
        const hasBody = asked.text.endsWith("\r\n\r\nhi");
        if (hasBody) say(asked, "HTTP/1.1 204 No Content\r\n\r\n", true);
      },
    });
    const request =
      "POST http://example.org?q=1 HTTP/1.1\r\nHost: example.org\r\nProxy-Authorization: no\r\n" +
      "Connection: keep-alive\r\nContent-Length: 2\r\n\r\nhi";
    const answered = await instance.invoke({ do: "proxy", say: request });
    assert.deepEqual(answered.json(), { text: "HTTP/1.1 204 No Content\r\n\r\n" });
    assert.partialDeepStrictEqual(all[0]?.head, { op: "web", a: "example.org:80" });
    const sent =
      "POST /?q=1 HTTP/1.1\r\nHost: example.org\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    assert.equal(all[0]?.text, sent);
  },

  "the proxy answers a refusal with its reason, and nonsense with 400": async (t, { run }) => {
    const instance = await run(t, {});
    takeTunnels(instance, { onOpen: refuse });
    const textOf = async (text: string): Promise<string> => {
      const answered = await instance.invoke({ do: "proxy", say: text });
      return (answered.json() as { readonly text: string }).text;
    };
    const refused = await textOf("GET http://10.0.0.1/ HTTP/1.1\r\n\r\n");
    assert.match(refused, /^HTTP\/1\.1 403 /);
    assert.match(refused, /\r\nx-skerry-error: EGRESS_ADDRESS_FORBIDDEN\r\n/);
    assert.match(await textOf("GET / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  },

  "what the configuration does not give is not in the environment": async (t, { run }) => {
    const names = ["DB_HOST", "DB_PORT", "HTTP_PROXY", "https_proxy", "NO_PROXY"];
    const none = await (await run(t, { noWeb: true })).invoke({ do: "env", names });
    assert.deepEqual(none.json(), [null, null, null, null, null]);
    const both = await (await run(t, DB)).invoke({ do: "env", names });
    const [host, port, ...proxies] = both.json() as string[];
    assert.equal(host, "127.0.0.1");
    assert.match(port ?? "", /^\d+$/);
    for (const proxy of proxies) assert.match(proxy, /127\.0\.0\.1/);
  },
};

/** Runs every case for a language. */
export function testReach(language: ReachLanguage): void {
  for (const [title, run] of Object.entries(REACH_CASES)) {
    void nodeTest(`${title} (${language.name})`, { skip: language.missing }, (t) =>
      run(t, language),
    );
  }
}

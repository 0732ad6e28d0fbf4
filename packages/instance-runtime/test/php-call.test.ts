/** What `$context->call` asks of the gateway and makes of its answers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failFunction, type CallHead, type CallReplyHead } from "@skerry/contracts";
import { IGNORING_STREAM, type OpenedStream } from "@skerry/link";
import type { Instance } from "./harness.ts";
import { phpMissing, runPhp } from "./php.ts";

const CALLING = `try { return ['result' => $c->call('shop/other', $e['payload'] ?? null, $e['timeoutMs'] ?? null)]; }
  catch (Skerry\\CallFailed $f) { return ['reason' => $f->reason, 'message' => $f->getMessage(), 'details' => $f->details]; }`;
/** The same from a handler and from a page, which has no link of its own. */
const CALLERS = {
  handler: `function handler($e, $c) { ${CALLING} }`,
  page: `function run($e, $c) { ${CALLING} }
    echo json_encode(run(json_decode(file_get_contents('php://input'), true), Skerry\\Context::current()));`,
};

interface Asked {
  readonly head: CallHead;
  readonly opened: OpenedStream;
  readonly body: string;
}

/** Gathers each call's body, however many frames it takes, then answers. */
function onCall(instance: Instance, answer: (asked: Asked) => void): void {
  instance.accept = (opened) => {
    const head = JSON.parse(opened.head) as CallHead;
    const chunks = [Buffer.from(opened.body)];
    const finish = (): void => answer({ head, opened, body: Buffer.concat(chunks).toString() });
    if (opened.end) finish();
    return {
      ...IGNORING_STREAM,
      onBody(chunk, end) {
        chunks.push(Buffer.from(chunk));
        opened.stream.grant(chunk.length);
        if (end) finish();
      },
    };
  };
}

function reply({ opened }: Asked, head: Partial<CallReplyHead>, body = ""): void {
  const whole = { s: 200, h: ["content-type", "application/json"], id: "called", ...head };
  opened.stream.reply(JSON.stringify(whole), Buffer.from(body), true);
}

for (const [kind, source] of Object.entries(CALLERS)) {
  describe(`a call from a ${kind} of PHP`, { skip: phpMissing }, () => {
    test("carries the request's id, the payload as JSON and what time is left", async (t) => {
      const instance = await runPhp(t, source);
      const seen: Asked[] = [];
      onCall(instance, (asked) => {
        seen.push(asked);
        reply(asked, {}, `{"n":${seen.length}}`);
      });
      const id = instance.nextId();
      const first = await instance.invoke({ payload: { a: "ä" } }, { id, remainingMs: 5_000 });
      assert.deepEqual(first.json(), { result: { n: 1 } });
      assert.deepEqual(seen[0]?.head, { op: "call", r: id, f: "shop/other" });
      assert.equal(seen[0]?.body, '{"a":"ä"}');
      const leftMs = seen[0]?.opened.remainingMs ?? 0;
      assert.ok(leftMs > 0 && leftMs <= 5_000, String(leftMs));
      await instance.invoke({ timeoutMs: 70 });
      assert.ok((seen[1]?.opened.remainingMs ?? 0) <= 70);
      assert.equal(seen[1]?.body, "");
      assert.equal(instance.link.streams, 0);
    });

    test("takes a large payload and a large answer, as fast as each side takes them", async (t) => {
      const instance = await runPhp(t, source);
      onCall(instance, (asked) => reply(asked, {}, asked.body));
      const payload = "é".repeat(500_000);
      const { result } = (await instance.invoke({ payload })).json() as { result: string };
      assert.ok(result === payload);
    });

    test("that failed is an exception with the reason and the details", async (t) => {
      const instance = await runPhp(t, source, { specialise: { payloadBytesMax: 1_000 } });
      const details = { function: "shop/other", errorName: "RangeError", errorMessage: "far" };
      const answers: readonly ((asked: Asked) => void)[] = [
        (asked) => reply(asked, { s: 502, e: failFunction("FUNCTION_FAILED", details).toWire() }),
        (asked) => reply(asked, { s: 404 }, "nothing"),
        ({ opened }) => opened.stream.cancel("the gateway is leaving"),
        (asked) => reply(asked, {}, `"${"x".repeat(1_000)}"`),
        (asked) => reply(asked, { h: ["content-type", "text/plain"] }, "plain"),
      ];
      let turn = 0;
      onCall(instance, (asked) => answers[turn++]?.(asked));
      const next = async () =>
        (await instance.invoke({ payload: 1 })).json() as Record<string, unknown>;
      const failed = await next();
      assert.equal(failed["reason"], "FUNCTION_FAILED");
      assert.deepEqual(failed["details"], { ...details, requestId: "called" });
      assert.deepEqual((await next())["details"], {
        ...{ function: "shop/other", status: 404, body: "nothing" },
      });
      const abandoned = await next();
      assert.equal(abandoned["reason"], "CALL_ABANDONED");
      assert.match(String(abandoned["message"]), /the gateway is leaving/);
      assert.equal((await next())["reason"], "FUNCTION_PAYLOAD_TOO_LARGE");
      assert.deepEqual(await next(), { result: "plain" });
      assert.equal(instance.link.streams, 0);
    });
  });
}

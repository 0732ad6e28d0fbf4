import assert from "node:assert/strict";
import { test } from "node:test";
import { endedEvent, type EndedInvocation } from "./ended-event.ts";

const BYTES = Uint8Array.from({ length: 256 }, (_, at) => at);
const OCTETS = "application/octet-stream";

function told(more: Partial<EndedInvocation>, bytesMax = 1 << 20): Record<string, unknown> {
  const ended: EndedInvocation = {
    ...{ id: "req_1", app: "shop", fn: "work", end: "succeeded", attempts: 1 },
    ...{ acceptedMs: 0, endedMs: 0, error: null, payload: new Uint8Array(0) },
    ...{ payloadType: undefined, result: null, resultType: null, ...more },
  };
  const document = endedEvent(ended, bytesMax);
  assert.ok(document.length <= bytesMax);
  const { event, eventType, eventBase64, eventOmitted, result, resultBase64, resultOmitted } =
    JSON.parse(Buffer.from(document).toString()) as Record<string, unknown>;
  const seen = { event, eventType, eventBase64, eventOmitted, result, resultBase64, resultOmitted };
  return Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== undefined));
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

test("bytes are told as they are, none of them too", () => {
  for (const payload of [BYTES, new Uint8Array(0)])
    assert.deepEqual(told({ payload, payloadType: OCTETS }), {
      ...{ eventType: OCTETS, eventBase64: base64(payload) },
    });
});

test("what is called JSON and has bytes that no text has is told as they are", () => {
  const type = "application/json";
  for (const payload of [Buffer.from([0x22, 0xff, 0x22]), BYTES, Buffer.from("\ufeff{}")])
    assert.deepEqual(told({ payload, payloadType: type }), {
      ...{ eventType: type, eventBase64: base64(payload) },
    });
  assert.deepEqual(told({ payload: Buffer.from('"\ufffd gr\u00fcezi"'), payloadType: type }), {
    event: "\ufffd gr\u00fcezi",
  });
});

test("bytes are left out by the room that they take as text, the larger first", () => {
  const [large, small] = [new Uint8Array(3_000), new Uint8Array(600)];
  const types = { payloadType: OCTETS, resultType: OCTETS };
  const resultBase64 = base64(small);
  // As bytes, both would have room.
  assert.deepEqual(told({ ...types, payload: large, result: small }, 4_000), {
    ...{ eventOmitted: true, resultBase64 },
  });
  assert.deepEqual(told({ ...types, payload: small, result: large }, 4_000), {
    ...{ eventType: OCTETS, eventBase64: resultBase64, resultOmitted: true },
  });
  assert.deepEqual(told({ ...types, payload: large, result: large }, 2_000), {
    ...{ eventOmitted: true, resultOmitted: true },
  });
});

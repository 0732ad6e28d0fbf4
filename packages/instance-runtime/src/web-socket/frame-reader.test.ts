/** The cases are those of the Autobahn test suite that apply without extensions, by its numbers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemRandom } from "@skerry/base";
import { binary, clientFrame, close, ping, text } from "../../test/web-socket-frames.ts";
import { FrameReader, frameOf, isCloseCode, type FrameFault } from "./frame-reader.ts";

const BYTES_MAX = 100_000;

interface Reading {
  readonly seen: unknown[];
  readonly fault: FrameFault | undefined;
}

/** Reads the bytes, `step` at a time. */
function read(bytes: Uint8Array, step = bytes.length): Reading {
  const seen: unknown[] = [];
  const reader = new FrameReader(
    {
      message: (payload, isText) =>
        seen.push(isText ? Buffer.from(payload).toString() : [...payload]),
      ping: (payload) => seen.push(`ping ${Buffer.from(payload).toString()}`),
      pong: () => seen.push("pong"),
      close: (code, reason) => seen.push({ code, reason }),
    },
    BYTES_MAX,
  );
  for (let at = 0; at < bytes.length; at += step) {
    const fault = reader.push(bytes.subarray(at, at + step));
    if (fault !== undefined) return { seen, fault };
  }
  return { seen, fault: undefined };
}

const first = (payload: string | Uint8Array, opcode = 1): Buffer =>
  clientFrame({ opcode, payload, isLast: false });
const next = (payload: string | Uint8Array, isLast = true): Buffer =>
  clientFrame({ opcode: 0, payload, isLast });

describe("what a client may send", () => {
  const cases: Readonly<Record<string, readonly [Buffer, unknown[]]>> = {
    "1.1.1 an empty text": [text(""), [""]],
    "1.1.2 125 bytes of text": [text("*".repeat(125)), ["*".repeat(125)]],
    "1.1.3 126 bytes of text": [text("*".repeat(126)), ["*".repeat(126)]],
    "1.1.6 65535 bytes of text": [text("*".repeat(65_535)), ["*".repeat(65_535)]],
    "1.1.7 65536 bytes of text": [text("*".repeat(65_536)), ["*".repeat(65_536)]],
    "1.2.1 an empty binary": [binary(Buffer.alloc(0)), [[]]],
    "1.2.2 bytes that are no text": [binary(Buffer.from([0xfe, 0, 0xff])), [[0xfe, 0, 0xff]]],
    "2.1 a ping without payload": [ping(), ["ping "]],
    "2.4 a ping of 125 bytes": [ping("-".repeat(125)), [`ping ${"-".repeat(125)}`]],
    "2.7 a pong that nobody asked for": [clientFrame({ opcode: 10, payload: "x" }), ["pong"]],
    "2.10 ten pings": [Buffer.concat(Array(10).fill(ping("a"))), Array(10).fill("ping a")],
    "5.3 a text in two parts": [Buffer.concat([first("ab"), next("cd")]), ["abcd"]],
    "5.6 a ping between parts": [
      Buffer.concat([first("ab"), ping("p"), next("cd")]),
      ["ping p", "abcd"],
    ],
    "5.8 parts without payload": [
      Buffer.concat([first(""), next("", false), next("x", false), next("")]),
      ["x"],
    ],
    "6.2.3 a character over two parts": [
      Buffer.concat([first(Buffer.from([0xc3])), next(Buffer.from([0xa9]))]),
      ["é"],
    ],
    "7.1.1 a message and a close": [
      Buffer.concat([text("hi"), close(1000, "bye")]),
      ["hi", { code: 1000, reason: "bye" }],
    ],
    "7.1.3 a ping after the close": [
      Buffer.concat([close(1000), ping()]),
      [{ code: 1000, reason: "" }],
    ],
    "7.3.1 a close without code": [close(), [{ code: undefined, reason: "" }]],
    "7.3.5 a reason of 123 bytes": [
      close(1000, "*".repeat(123)),
      [{ code: 1000, reason: "*".repeat(123) }],
    ],
    "the largest message": [text("x".repeat(BYTES_MAX)), ["x".repeat(BYTES_MAX)]],
  };
  for (const [title, [bytes, seen]] of Object.entries(cases)) {
    it(title, () => {
      for (const step of [bytes.length, 1, 7, 1_000]) {
        assert.deepEqual(read(bytes, Math.max(1, step)), { seen, fault: undefined });
      }
    });
  }
});

describe("what fails the connection", () => {
  const two = (code: number, reason: Uint8Array = Buffer.alloc(0)): Buffer => close(code, reason);
  const cases: Readonly<Record<string, readonly [Buffer, number]>> = {
    "2.5 a ping of 126 bytes": [ping("-".repeat(126)), 1002],
    "3.1 a reserved bit": [clientFrame({ opcode: 1, reserved: 4 }), 1002],
    "3.4 another reserved bit": [clientFrame({ opcode: 9, reserved: 1 }), 1002],
    "4.1.1 the opcode 3": [clientFrame({ opcode: 3 }), 1002],
    "4.1.5 the opcode 7": [clientFrame({ opcode: 7 }), 1002],
    "4.2.1 the opcode 11": [clientFrame({ opcode: 11 }), 1002],
    "4.2.5 the opcode 15": [clientFrame({ opcode: 15 }), 1002],
    "5.1 a ping in parts": [clientFrame({ opcode: 9, isLast: false }), 1002],
    "5.9 a part of nothing": [next("x"), 1002],
    "5.12 a part of nothing, not the last": [next("x", false), 1002],
    "5.18 a message inside a message": [Buffer.concat([first("a"), text("b")]), 1002],
    "6.3.1 text that is not UTF-8": [text(Buffer.from([0xce, 0xba, 0xed, 0xa0, 0x80])), 1007],
    "6.6.1 text that breaks off in a character": [text(Buffer.from([0xce])), 1007],
    "6.12.8 an overlong character": [text(Buffer.from([0xc0, 0xaf])), 1007],
    "7.3.2 a close of one byte": [clientFrame({ opcode: 8, payload: "x" }), 1002],
    "7.3.6 a reason of 124 bytes": [close(1000, "*".repeat(124)), 1002],
    "7.5.1 a reason that is not UTF-8": [two(1000, Buffer.from([0xce, 0xed, 0xa0])), 1007],
    "a frame that is not masked": [clientFrame({ opcode: 1, payload: "x", isMasked: false }), 1002],
    "a length of two bytes that needs none": [
      clientFrame({ opcode: 1, payload: "x", lengthBytes: 2 }),
      1002,
    ],
    "a length of eight bytes that needs two": [
      clientFrame({ opcode: 2, payload: Buffer.alloc(300), lengthBytes: 8 }),
      1002,
    ],
    "a message beyond the largest": [text("x".repeat(BYTES_MAX + 1)), 1009],
    "parts beyond the largest message": [
      Buffer.concat([first("x".repeat(BYTES_MAX)), next("x")]),
      1009,
    ],
    "a length with its highest bit": [
      Buffer.from([0x82, 0xff, 0xff, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]),
      1009,
    ],
  };
  for (const [title, [bytes, code]] of Object.entries(cases)) {
    it(title, () => {
      for (const step of [bytes.length, 1]) assert.equal(read(bytes, step).fault?.code, code);
    });
  }
  it("7.9 codes that may not stand in a Close", () => {
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
      assert.equal(read(close(code)).fault?.code, 1002, `${code}`);
      assert.equal(isCloseCode(code), false);
    }
  });
  it("7.7 codes that may", () => {
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4999]) {
      assert.deepEqual(read(close(code)).seen, [{ code, reason: "" }]);
    }
  });
});

it("nothing is kept for a length that was only announced", () => {
  const announced = clientFrame({ opcode: 2, payload: Buffer.alloc(BYTES_MAX) }).subarray(0, 14);
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 500 }, () => {
    const sink = { message() {}, ping() {}, pong() {}, close() {} };
    const reader = new FrameReader(sink, BYTES_MAX);
    reader.push(announced);
    reader.push(Buffer.from("x"));
    return reader;
  });
  assert.equal(readers.length, 500);
  assert.ok(process.memoryUsage().arrayBuffers - before < 10 << 20);
});

it("no bytes whatever, however cut, lead to anything but messages or one fault", () => {
  const random = systemRandom();
  const pick = (count: number): number => Math.floor(random.float() * count);
  for (let round = 0; round < 3_000; round += 1) {
    const parts = Array.from({ length: 1 + pick(4) }, () => {
      const payload = Buffer.from(Array.from({ length: pick(300) }, () => pick(256)));
      const frame = clientFrame({ opcode: pick(16), payload, isLast: pick(3) > 0 });
      if (pick(4) === 0) frame[pick(frame.length)] = pick(256);
      return frame;
    });
    const bytes = Buffer.concat(parts);
    const whole = read(bytes);
    assert.deepEqual(read(bytes, 1 + pick(50)), whole, bytes.toString("hex"));
  }
});

it("a server's frames are whole, not masked and of the shortest form", () => {
  for (const [length, head] of [
    [0, [0x82, 0]],
    [125, [0x82, 125]],
    [126, [0x82, 126, 0, 126]],
    [65_535, [0x82, 126, 255, 255]],
    [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ] as const) {
    const frame = frameOf(2, new Uint8Array(length).fill(7));
    assert.deepEqual([...frame.subarray(0, head.length)], [...head]);
    assert.equal(frame.length, head.length + length);
  }
});

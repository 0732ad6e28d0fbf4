/** Kept answers in codings: made once, right by their heads, and never against the rules. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { until } from "@skerry/testkit";
import { openWorld, type Client, type World } from "../test/world.ts";
import { codingsOf } from "./codings.ts";
import { createMemoryStore } from "./memory-store.ts";
import type { CacheStore } from "./ports.ts";

const TEXT = "many words, and many words again. ".repeat(100);
const FIELDS = { "Cache-Control": "max-age=60", "Content-Type": "text/html", ETag: '"a"' };

async function get(world: World, accepted: string, sent: readonly string[] = []): Promise<Client> {
  const client = world.send({ headers: ["Accept-Encoding", accepted, ...sent] });
  await until("it is answered", () => client.state === "done");
  return client;
}

function filled(fields: Readonly<Record<string, string>> = FIELDS, text = TEXT): World {
  const world = openWorld();
  const first = world.send({}, (asked) => asked.answer(fields, text));
  assert.equal(first.header("content-encoding"), undefined);
  return world;
}

void describe("kept answers in codings", () => {
  void it("come in the coding that a client likes best, with a weak tag", async () => {
    const world = filled();
    for (const [accepted, coding, decode] of [
      ["gzip, deflate, br, zstd", "br", brotliDecompressSync],
      ["gzip;q=0.5, zstd", "zstd", zstdDecompressSync],
      ["gzip, br;q=0", "gzip", gunzipSync],
    ] as const) {
      const client = await get(world, accepted);
      assert.equal(client.header("content-encoding"), coding);
      assert.equal(decode(client.bytes).toString(), TEXT);
      assert.ok(client.bytes.length < TEXT.length / 2);
      assert.deepEqual(
        [client.header("etag"), client.header("vary")],
        ['W/"a"', "Accept-Encoding"],
      );
      const again = await get(world, accepted, ["If-None-Match", 'W/"a"']);
      assert.deepEqual([again.status, again.header("etag")], [304, 'W/"a"']);
    }
    const plain = await get(world, "identity");
    assert.deepEqual([plain.text, plain.header("etag")], [TEXT, '"a"']);
    assert.equal(plain.header("vary"), "Accept-Encoding");
  });

  void it("are told to vary by codings where they may come in one, from the first on", () => {
    for (const [length, vary] of [
      [1_023, undefined],
      [1_024, "Accept-Encoding"],
    ] as const) {
      const text = "a".repeat(length);
      const world = openWorld();
      const first = world.send({}, (asked) => asked.answer(FIELDS, text));
      const next = world.send({});
      assert.deepEqual([first.header("vary"), next.header("vary")], [vary, vary]);
      // Confirmed by its origin it is what it was.
      world.clock.advance(60_000);
      const asked = world.send({}, (question) => question.answer({}, "", 304));
      assert.deepEqual([asked.status, asked.header("vary")], [200, vary]);
    }
  });

  void it("are made once, and are at hand from then on", async () => {
    const world = filled();
    const [one, two] = await Promise.all([get(world, "br"), get(world, "br")]);
    const entries = world.store.figures().entries;
    assert.equal(entries, 2);
    assert.deepEqual(one?.bytes, two?.bytes);
    const third = world.send({ headers: ["Accept-Encoding", "br"] });
    assert.equal(third.state, "done", "answered in the same turn");
    assert.deepEqual(third.bytes, one?.bytes);
  });

  void it("hold no more memory than what is counted of them", async () => {
    const store = createMemoryStore({ bytesMax: 1 << 24 });
    const held: number[][] = [];
    const put: CacheStore["put"] = (entry) => {
      const { kept } = entry;
      if (kept.kind !== "vary") held.push([kept.body.buffer.byteLength, kept.body.length]);
      return store.put(entry);
    };
    const world = openWorld({ ...store, put });
    const headers = Object.entries(FIELDS).flat();
    world.send({}, ({ to }) => {
      to.begin({ status: 200, headers }, undefined);
      for (const half of [TEXT.slice(0, 900), TEXT.slice(900)]) to.write(Buffer.from(half));
      to.end();
    });
    for (const accepted of ["br", "zstd", "gzip"]) await get(world, accepted);
    assert.equal(held.length, 4);
    for (const [whole, counted] of held) assert.equal(whole, counted);
  });

  void it("are those of the answer that is kept now", async () => {
    const world = filled();
    await get(world, "br");
    await world.cache.purge("stage", { all: true });
    world.send({}, (asked) => asked.answer(FIELDS, `other ${TEXT}`));
    const client = await get(world, "br");
    assert.equal(brotliDecompressSync(client.bytes).toString(), `other ${TEXT}`);
  });

  void it("are not made of what is short, dense, encoded, or must not be changed", async () => {
    for (const [fields, text] of [
      [FIELDS, "short"],
      [{ ...FIELDS, "Content-Type": "image/png" }, TEXT],
      [{ ...FIELDS, "Cache-Control": "max-age=60, no-transform" }, TEXT],
    ] as const) {
      const client = await get(filled(fields, text), "br");
      assert.deepEqual([client.header("content-encoding"), client.text], [undefined, text]);
    }
    const asked = await get(filled(), "br", ["Cache-Control", "no-transform"]);
    assert.equal(asked.header("content-encoding"), undefined);
    const part = await get(filled(), "br", ["Range", "bytes=0-3"]);
    assert.deepEqual([part.status, part.text], [206, TEXT.slice(0, 4)]);
  });

  void it("read what clients accept, by weight", () => {
    assert.deepEqual(codingsOf("*"), ["br", "zstd", "gzip"]);
    assert.deepEqual(codingsOf("*;q=0.1, gzip;q=0.5, br;q=0"), ["gzip", "zstd"]);
    assert.deepEqual(codingsOf("GZIP;Q=1, x-gzip"), ["gzip"]);
    assert.deepEqual(codingsOf("identity, deflate, br;q=2"), []);
  });
});

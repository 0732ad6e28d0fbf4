/** Answers that come in parts while several wait for them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail } from "./errors.ts";
import { openWorld, POLICY, type World } from "../test/world.ts";

const HEAD = { status: 200, headers: ["Cache-Control", "max-age=60"] };

function begun(world: World, length?: number): ReturnType<World["send"]> {
  const client = world.send();
  world.asked[0]?.to.begin(HEAD, length);
  return client;
}

void describe("answers that are being kept", () => {
  void it("reach all as their bytes come, also who joins late, and are kept when whole", () => {
    const world = openWorld();
    const first = begun(world);
    world.asked[0]?.to.write(Buffer.from("ab"));
    const late = world.send();
    assert.deepEqual([first.text, late.text, late.state], ["ab", "ab", "begun"]);
    world.asked[0]?.to.write(Buffer.from("cd"));
    world.asked[0]?.to.end();
    assert.deepEqual([first.text, late.text, late.state], ["abcd", "abcd", "done"]);
    assert.deepEqual([world.send().text, world.asked.length], ["abcd", 1]);
  });

  void it("come to their end when the one who asked has left", () => {
    const world = openWorld();
    const first = begun(world);
    first.isGone = true;
    assert.equal(world.asked[0]?.to.isGone, false);
    world.asked[0]?.to.write(Buffer.from("ab"));
    world.asked[0]?.to.end();
    assert.equal(world.send().text, "ab");
  });

  void it("do not wait for a slow one", async () => {
    const world = openWorld();
    const slow = world.send();
    slow.isSlow = true;
    const quick = world.send();
    const to = world.asked[0]?.to;
    to?.begin(HEAD, undefined);
    for (const part of ["a", "b", "c"]) assert.equal(to?.write(Buffer.from(part)), true);
    to?.end();
    assert.deepEqual(
      [slow.text, slow.state, quick.text, quick.state],
      ["a", "begun", "abc", "done"],
    );
    slow.isSlow = false;
    slow.free();
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual([slow.text, slow.state], ["abc", "done"]);
  });

  void it("are not kept when they break off, and break off for all", () => {
    for (const end of ["reset", "end"] as const) {
      const world = openWorld();
      const client = begun(world, 4);
      const part = world.send({ headers: ["range", "bytes=0-0"] });
      world.asked[0]?.to.write(Buffer.from("ab"));
      world.asked[0]?.to[end]();
      assert.deepEqual([client.state, part.state, part.status], ["broken", "failed", 502]);
      world.send();
      assert.equal(world.asked.length, 2);
    }
  });

  void it("go on to those who have begun when they get too long, at the pace of the slowest", async () => {
    const world = openWorld();
    const policy = { ...POLICY, bytesMax: 3 };
    const [one, two] = [world.send({ policy }), world.send({ policy })];
    const to = world.asked[0]?.to;
    to?.begin(HEAD, undefined);
    two.isSlow = true;
    to?.write(Buffer.from("ab"));
    assert.equal(to?.write(Buffer.from("cd")), false, "one has not taken it yet");
    const drained = to?.drained();
    world.send({ policy });
    assert.equal(world.asked.length, 2, "nobody joins any more");
    two.isSlow = false;
    two.free();
    await drained;
    to?.end();
    assert.deepEqual([one.text, two.text, two.state], ["abcd", "abcd", "done"]);
    world.send({ policy });
    assert.equal(world.asked.length, 3, "it is not kept");
  });

  void it("are not begun to be kept when they say that they are too long", async () => {
    const world = openWorld();
    const policy = { ...POLICY, bytesMax: 3 };
    const clients = [world.send({ policy }), world.send({ policy })];
    world.asked[0]?.to.begin(HEAD, 4);
    await Promise.resolve();
    assert.equal(world.asked.length, 2);
    assert.deepEqual(
      clients.map(({ state }) => state),
      ["begun", "waiting"],
    );
  });

  void it("fail for the one who asked when their head cannot be sent on", () => {
    const world = openWorld();
    const client = world.send();
    client.begin = () => {
      throw fail("CACHE_ANSWER_BROKEN");
    };
    const to = world.asked[0]?.to;
    const begin = (): void => to?.begin({ status: 200, headers: [] }, undefined);
    assert.throws(begin);
    to?.fail(fail("CACHE_ANSWER_BROKEN"));
    assert.deepEqual([client.state, client.status], ["failed", 502]);
  });

  void it("are let go by those who wait for another language", async () => {
    const world = openWorld();
    const ask = (language: string): ReturnType<World["send"]> =>
      world.send({ headers: ["accept-language", language] });
    const clients = ["de", "en", "de", "en"].map(ask);
    const varied = { "cache-control": "max-age=60", vary: "accept-language" };
    world.asked[0]?.answer(varied, "hallo");
    await Promise.resolve();
    assert.equal(world.asked.length, 2, "one asks for all who speak the other");
    world.asked[1]?.answer(varied, "hello");
    assert.deepEqual(
      clients.map(({ text }) => text),
      ["hallo", "hello", "hallo", "hello"],
    );
  });

  void it("never reach one who says who asks, unless they are for all", async () => {
    const world = openWorld();
    const [plain, ada] = [world.send(), world.send({ principal: "ada" })];
    assert.equal(world.asked.length, 2, "they do not wait for each other");
    world.asked[0]?.answer({ "cache-control": "max-age=60" }, "for nobody");
    world.asked[1]?.answer({ "cache-control": "max-age=60" }, "for ada");
    const bob = world.send({ principal: "bob" });
    assert.deepEqual([plain.text, ada.text, bob.state], ["for nobody", "for ada", "waiting"]);
    assert.equal(world.send().text, "for nobody");
    await Promise.resolve();
  });
});

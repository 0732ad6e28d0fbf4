import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createIdSource, createLog, systemClock, systemRandom } from "@skerry/base";
import { MasterKeys } from "@skerry/secrets";
import { openSqliteStoreHere, type Store } from "@skerry/store";
import { HandClock, until } from "@skerry/testkit";
import { SecretKeeper, type Rotation } from "./secret-keeper.ts";
import { storeModule, storeModuleUrl } from "./store-module.ts";

const random = systemRandom();
const clock = systemClock();
const ids = createIdSource({ clock, random });
const RETRY_MS = 10_000;
const unrecorded = (): Promise<void> => Promise.resolve();

describe("the keeper of secrets", () => {
  let directory: string;
  let store: Store;
  const told: string[] = [];
  const log = createLog((_level, message) => told.push(message));
  const accountId = ids.id("acct");

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "skerry-keeper-"));
    const modules = [{ module: storeModule, url: storeModuleUrl }];
    store = await openSqliteStoreHere(
      { clock, log },
      { directory: join(directory, "state"), modules },
    );
  });
  after(async () => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });

  const openKeys = async (): Promise<MasterKeys> => {
    const keys = new MasterKeys({ clock, random }, { path: join(directory, "key"), command: "" });
    await keys.ensure();
    return keys;
  };
  const put = (keeper: SecretKeeper, name: string): Promise<unknown> =>
    keeper.put({
      ...{ accountId, app: null, name, value: "a value", ifVersion: null },
      stamp: () => ({
        ...{ id: ids.id("aud"), accountId, keyId: ids.id("key"), requestId: ids.requestId() },
        ...{ atMs: 0, claim: null },
      }),
    });

  it("keeps the former key until agents know of the new one, however often it looks", async () => {
    const keys = await openKeys();
    const hand = new HandClock();
    let [agentHas, looks] = [0, 0];
    const applied = (seq: number): Promise<boolean> => {
      looks += 1;
      return Promise.resolve(seq <= agentHas);
    };
    const deps = { accountId, store, keys, ids, clock: hand, random, log, applied };
    const keeper = new SecretKeeper(deps);
    await put(keeper, "token");
    await keeper.rotate(unrecorded);
    assert.equal((await keeper.rotate(unrecorded)).complete, false, "whoever asked is told");
    assert.equal(hand.timers, 1, "two rotations that wait are looked at together");
    for (let n = 3; n < 6; n += 1) {
      hand.advance(RETRY_MS);
      await until("it looked again", () => looks === n && (hand.timers > 0 || !keys.isRotating));
      assert.equal(keys.isRotating, true);
    }
    agentHas = Infinity;
    hand.advance(RETRY_MS);
    await until("the former keys went", () => !keys.isRotating);
    assert.equal((await keeper.rotate(unrecorded)).complete, true);
    await keeper.close();
  });

  it("lets agents come back before it ends a rotation that a crash cut off", async () => {
    const keys = await openKeys();
    await keys.beginRotation();
    const hand = new HandClock();
    let looks = 0;
    const applied = (): Promise<boolean> => {
      looks += 1;
      return Promise.resolve(true);
    };
    const deps = { accountId, store, keys, ids, clock: hand, random, log, applied };
    const keeper = new SecretKeeper(deps);
    keeper.resume();
    // It does one thing at a time: once this is stored, it has done what it could.
    await put(keeper, "while-they-come-back");
    assert.deepEqual([looks, keys.isRotating], [0, true]);
    hand.advance(RETRY_MS);
    await until("the former key went", () => !keys.isRotating);
    await keeper.close();
  });

  for (const isRecorded of [false, true]) {
    const when = isRecorded ? "after" : "before";
    it(`has a rotation in the audit once, though a crash came ${when} its record`, async () => {
      const keys = await openKeys();
      const hand = new HandClock();
      const applied = (): Promise<boolean> => Promise.resolve(true);
      const deps = { accountId, store, keys, ids, clock: hand, random, log, applied };
      const stamp = {
        ...{ id: ids.id("aud"), accountId, keyId: ids.id("key"), requestId: ids.requestId() },
        ...{ atMs: 0, claim: null },
      };
      const killed = new SecretKeeper(deps);
      const crash = async (rotation: Rotation): Promise<void> => {
        if (isRecorded) await store.call(storeModule, "recordRotation", { stamp, ...rotation });
        throw new TypeError("killed here");
      };
      await assert.rejects(killed.rotate(crash), /killed here/);
      await killed.close();
      assert.equal(keys.isRotating, true, "the next start sees that it was not ended");
      const next = new SecretKeeper(deps);
      next.resume();
      hand.advance(RETRY_MS);
      await until("the former key went", () => !keys.isRotating);
      await next.close();
      const listed = await store.call(storeModule, "listAudit", {
        ...{ accountId, before: null, limit: 100 },
      });
      const resource = `secrets-key/${keys.currentId}`;
      const actors = listed.filter((one) => one.resource === resource).map(({ keyId }) => keyId);
      assert.deepEqual(actors, [isRecorded ? stamp.keyId : "platform"]);
    });
  }

  it("says at its start that secrets cannot be opened when the key file was lost", async () => {
    const isToldAtStart = async (name: string): Promise<boolean> => {
      told.length = 0;
      const keys = await openKeys();
      const applied = (): Promise<boolean> => Promise.resolve(true);
      const keeper = new SecretKeeper({ accountId, store, keys, ids, clock, random, log, applied });
      keeper.resume();
      // It does one thing at a time: once this is stored, it has looked.
      await put(keeper, name);
      await keeper.close();
      return told.some((message) => message.includes("put the copy of their key file back"));
    };
    assert.equal(await isToldAtStart("one"), false);
    await rm(join(directory, "key"));
    assert.equal(await isToldAtStart("two"), true);
  });
});

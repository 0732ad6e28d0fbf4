import assert from "node:assert/strict";
import { test } from "node:test";
import { startAll } from "./peers.ts";

test("peers are started all or none: what runs is stopped when the next does not start", async () => {
  const told: string[] = [];
  const peer = (name: string) => async (): Promise<{ stop: () => Promise<void> }> => {
    told.push(`start ${name}`);
    const stop = async (): Promise<void> => void told.push(await Promise.resolve(`stop ${name}`));
    return await Promise.resolve({ stop });
  };
  const broken = (): Promise<never> => Promise.reject(new TypeError("no such program"));
  await assert.rejects(startAll([peer("a"), peer("b"), broken, peer("c")]), /no such program/);
  assert.deepEqual(told, ["start a", "start b", "stop a", "stop b"]);
  assert.equal((await startAll([peer("a"), peer("b")])).length, 2);
  assert.equal(told.length, 6);
});

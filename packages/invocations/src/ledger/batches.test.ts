import assert from "node:assert/strict";
import { test } from "node:test";
import { Batches } from "./batches.ts";
import { failInvocations } from "../errors.ts";

interface Written {
  readonly items: readonly number[];
  readonly done: (error?: Error) => void;
}

function batchesOf(atOnceMax: number, bytesMax = 1_000) {
  const written: Written[] = [];
  const idle = { times: 0 };
  const batches = new Batches<number, string>({
    ...{ atOnceMax, bytesMax, itemsMax: 5, bytesOf: (item) => item },
    ...{ waitingItemsMax: 9, waitingBytesMax: 250 },
    onIdle: () => (idle.times += 1),
    write: (items) =>
      new Promise((resolve, reject) => {
        const done = (error?: Error): void =>
          error === undefined ? resolve(items.map(String)) : reject(error);
        written.push({ items, done });
      }),
  });
  return { batches, written, idle };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("what comes while something is written is written together", async () => {
  const { batches, written, idle } = batchesOf(1);
  const added = [[1], [2, 3], [4]].map((items) => batches.add(items));
  assert.deepEqual(
    written.map(({ items }) => items),
    [[1]],
  );
  written[0]?.done();
  await turn();
  assert.deepEqual(written[1]?.items, [2, 3, 4]);
  written[1].done();
  assert.deepEqual(await Promise.all(added), [["1"], ["2", "3"], ["4"]]);
  await turn();
  assert.equal(idle.times, 1, "once nothing is left");
});

test("no more is joined than the bounds allow, and what came together stays together", async () => {
  const { batches, written } = batchesOf(1, 100);
  void batches.add([1]);
  for (const items of [[1, 1, 1, 1], [1, 1], [99, 99], [1]]) void batches.add(items);
  for (let at = 0; at < 4; at += 1) {
    written[at]?.done();
    await turn();
  }
  const sizes = written.map(({ items }) => items.length);
  assert.deepEqual(sizes, [1, 4, 2, 2, 1]);
  written[4]?.done();
});

test("what cannot be written spoils nothing that came beside it", async () => {
  const { batches, written } = batchesOf(1);
  void batches.add([1]);
  const [bad, good] = [batches.add([2]), batches.add([3])];
  bad.catch(() => undefined);
  written[0]?.done();
  await turn();
  const refused = failInvocations("DESTINATION_DEPTH_EXCEEDED", { target: "1", depthMax: 1 });
  written[1]?.done(refused);
  await turn();
  written[2]?.done(refused);
  await turn();
  written[3]?.done();
  await assert.rejects(bad, refused);
  assert.deepEqual(await good, ["3"]);
});

test("more than may wait is refused, and room is there again once some was written", async () => {
  const { batches, written } = batchesOf(1);
  void batches.add([1]);
  void batches.add([1, 1, 1, 1, 1]);
  await assert.rejects(batches.add([1, 1, 1, 1, 1]), { reason: "LEDGER_BACKLOG_FULL" });
  await assert.rejects(batches.add([249]), { reason: "LEDGER_BACKLOG_FULL" });
  written[0]?.done();
  await turn();
  void batches.add([249]);
  written[1]?.done();
  await turn();
  assert.deepEqual(written[2]?.items, [249]);
  written[2].done();
});

test("whoever comes back alone goes with the next, beside much more that is under way", async () => {
  const { batches, written } = batchesOf(2);
  const sizes = (): readonly number[] => written.map(({ items }) => items.length);
  void batches.add([1]);
  for (let n = 0; n < 5; n += 1) void batches.add([1]);
  assert.deepEqual(sizes(), [1, 1], "two at once");
  written[0]?.done();
  await turn();
  assert.deepEqual(sizes(), [1, 1, 4]);
  written[1]?.done();
  await turn();
  void batches.add([1]);
  assert.deepEqual(sizes(), [1, 1, 4], "one beside four waits");
  void batches.add([1]);
  assert.deepEqual(sizes(), [1, 1, 4, 2], "the control: half as many do not");
  for (const one of written.slice(2)) one.done();
  await turn();
});

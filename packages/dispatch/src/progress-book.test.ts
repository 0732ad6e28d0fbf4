import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog, type RequestId } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { ids } from "../test/world.ts";
import { ProgressBook, type ProgressDeps } from "./progress-book.ts";

const FN = ids.id("fn");

/** A book over a store that fails as long as it is told to. */
function bookOver(state: { fails: boolean }, clock: HandClock) {
  const written: string[] = [];
  const call = (_: unknown, __: string, args: { readonly items: readonly { value: string }[] }) => {
    if (state.fails) return Promise.reject(new Error("no room on the disk"));
    written.push(...args.items.map(({ value }) => value));
    return Promise.resolve();
  };
  const book = new ProgressBook({
    ...{ clock, log: silentLog(), store: { call } as unknown as ProgressDeps["store"] },
    dispatcher: { attemptOf: () => ({ functionId: FN, holder: "gw", bytes: 0 }) },
    config: { functionById: () => undefined },
  });
  const report = (id: RequestId, value: number): void =>
    book.take("gw", [{ head: { id, n: 1, at: 1 }, bytes: Buffer.from(String(value)) }]);
  const pass = async (): Promise<void> => {
    clock.advance(1_000);
    await new Promise((done) => void setImmediate(done));
  };
  return { book, report, written, pass };
}

test("a report that could not be written is written later, unless another came, also at the end", async () => {
  const state = { fails: true };
  const clock = new HandClock();
  const { book, report, written, pass } = bookOver(state, clock);
  const [one, two] = [ids.requestId(), ids.requestId()];
  report(one, 1);
  report(two, 2);
  await pass();
  report(two, 3);
  await pass();
  assert.deepEqual(written, []);
  state.fails = false;
  await pass();
  assert.deepEqual(new Set(written), new Set(["1", "3"]));
  await pass();
  assert.equal(written.length, 2, "once");
  state.fails = true;
  report(one, 4);
  await pass();
  state.fails = false;
  await book.close();
  assert.deepEqual(written.slice(2), ["4"]);
});

test("what has ended leaves memory once it is written, and not before", async () => {
  const state = { fails: true };
  const clock = new HandClock();
  const { book, report, written, pass } = bookOver(state, clock);
  const [ended, open] = [ids.requestId(), ids.requestId()];
  const valueOf = (id: RequestId) => book.latestOf(id, null)?.value;
  report(ended, 1);
  report(open, 2);
  book.freed([{ id: ended, attempt: 1 }]);
  await pass();
  assert.equal(valueOf(ended), "1", "the store does not have it yet");
  state.fails = false;
  await pass();
  assert.deepEqual(new Set(written), new Set(["1", "2"]));
  assert.deepEqual([valueOf(ended), valueOf(open)], [undefined, "2"]);
  book.freed([{ id: open, attempt: 2 }]);
  assert.equal(valueOf(open), "2", "the control: another attempt is over");
  book.freed([{ id: open, attempt: 1 }]);
  assert.equal(valueOf(open), undefined);
  await book.close();
});

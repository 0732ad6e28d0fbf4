/** When a redrive of dead letters goes on that was held up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createIdSource, seededRandom, silentLog } from "@skerry/base";
import type { RedriveRecord } from "@skerry/invocations";
import { HandClock } from "@skerry/testkit";
import type { LetterStep } from "./letter-steps.ts";
import { REDRIVES, Redriver } from "./redriver.ts";

const clock = new HandClock();
const ids = createIdSource({ clock, random: seededRandom(3) });
const letters = { groupId: ids.id("tgr"), to: null };
const record = { id: ids.id("rdr"), version: 1, redrive: { phase: "accepting" } };

/** Over a store whose steps end as they are told to, and where one letter is out from the first. */
function open() {
  const [id, steps] = [ids.requestId(), [] as ((step: LetterStep) => void)[]];
  let hasEnded = false;
  const answers: Record<string, () => unknown> = {
    stepLetters: () => new Promise((resolve) => steps.push(resolve)),
    findKnown: () => [id],
    readEnds: () => (hasEnded ? [{ id, end: "succeeded", error: null, result: null }] : []),
    endRedrive: () => null,
  };
  const call = async (_: unknown, name: string): Promise<unknown> => await answers[name]?.();
  const redriver = new Redriver(
    {
      ...{ store: { call: call as never }, clock, ids, log: silentLog(), onRoom: () => undefined },
      ledger: {
        accept: () => Promise.resolve([]),
        functionOf: () => Promise.reject(new TypeError("it was entered before")),
      },
    },
    { isShared: false },
  );
  const step = async (ends: LetterStep, meanwhile: () => Promise<void> = nextTurn) => {
    const made = redriver.step(record as RedriveRecord, letters);
    await meanwhile();
    steps.shift()?.(ends);
    return await made;
  };
  const out = { id, groupId: letters.groupId, name: "shop/store", target: "shop/work", to: null };
  const taken = [{ ...out, settings: { eventFormat: "cloudevents" } }] as never;
  const end = async (): Promise<void> => {
    hasEnded = true;
    redriver.ended([id]);
    await nextTurn();
  };
  return { redriver, taken, step, end };
}

test("a redrive that finds nothing to take waits, unless something of it came free meanwhile", async () => {
  const [one, other] = [open(), open()];
  for (const { step, taken } of [one, other]) {
    assert.equal(await step({ kind: "stepped", taken }), 0);
  }
  assert.equal(await one.step({ kind: "held" }), REDRIVES.lookEveryMs, "for what is out");
  assert.equal(await other.step({ kind: "held" }, other.end), 0, "what it waited for has ended");
  assert.equal(await other.step({ kind: "held" }), REDRIVES.lookForOthersEveryMs);
  await one.redriver.close();
  await other.redriver.close();
});

/**
 * Work after the answer, in any language. The handler does what `event.do` says: `work` answers
 * `answered` at once and leaves work that takes `ms`, then logs `done`; `fail` leaves work that
 * fails with the message `on purpose`; `none` leaves none.
 */
import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import { failReach, type BackgroundHead } from "@skerry/contracts";
import type { OpenedStream } from "@skerry/link";
import type { Instance } from "./harness.ts";

export interface BackgroundLanguage {
  readonly name: string;
  readonly missing: string | false;
  run(t: TestContext): Promise<Instance>;
}

interface Left {
  readonly head: BackgroundHead;
  readonly opened: OpenedStream;
  /** Undefined while it goes on. */
  ended: "done" | "failed" | undefined;
}

/** Takes the work that the instance tells of. */
function takeWork(instance: Instance, onOpen?: (left: Left) => void): Left[] {
  const all: Left[] = [];
  instance.accept = (opened) => {
    const left: Left = {
      head: JSON.parse(opened.head) as BackgroundHead,
      opened,
      ended: undefined,
    };
    all.push(left);
    onOpen?.(left);
    return {
      onReply: () => undefined,
      onWritable: () => undefined,
      onFailed: () => void (left.ended = "failed"),
      onBody(_chunk, end) {
        if (!end) return;
        left.ended = "done";
        opened.stream.end();
      },
    };
  };
  return all;
}

/** Asks the instance for other things until it has told the end. */
async function endOf(instance: Instance, left: Left | undefined): Promise<Left["ended"]> {
  for (let asked = 0; asked < 1_000 && left?.ended === undefined; asked += 1) {
    await instance.invoke({ do: "none" });
  }
  return left?.ended;
}

type Case = (t: TestContext, language: BackgroundLanguage) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  "work after the answer is told before the answer, and its end when it ends": async (
    t,
    { run },
  ) => {
    const instance = await run(t);
    const all = takeWork(instance);
    const id = instance.nextId();
    const answer = await instance.invoke({ do: "work", ms: 300 }, { id });
    assert.equal(answer.json(), "answered");
    assert.deepEqual(all[0]?.head, { op: "background", r: id });
    assert.equal(all[0]?.ended, undefined);
    await instance.until(() => instance.messages(id).includes("done"));
    assert.equal(await endOf(instance, all[0]), "done");
  },

  "work that fails is logged under its request, and told": async (t, { run }) => {
    const instance = await run(t);
    const all = takeWork(instance);
    const id = instance.nextId();
    await instance.invoke({ do: "fail" }, { id });
    await instance.until(() => instance.messages(id).some((text) => text.includes("on purpose")));
    assert.equal(await endOf(instance, all[0]), "failed");
    assert.equal((await instance.invoke({ do: "none" })).json(), "answered");
  },

  "a request that leaves no work opens nothing": async (t, { run }) => {
    const instance = await run(t);
    const all = takeWork(instance);
    await instance.invoke({ do: "none" });
    assert.equal(all.length, 0);
  },

  "work that nobody waits for goes on, and the log says so": async (t, { run }) => {
    const instance = await run(t);
    takeWork(instance, ({ opened }) => {
      const e = failReach("REACH_REQUEST_NOT_LIVE").toWire();
      opened.stream.reply(JSON.stringify({ e }), undefined, true);
      opened.stream.cancel("refused");
    });
    const id = instance.nextId();
    await instance.invoke({ do: "work", ms: 50 }, { id });
    await instance.until(() => instance.messages(id).includes("done"));
    await instance.until(() => instance.messages(id).some((text) => text.includes("cut off")));
  },
};

/** Runs every case for a language. */
export function testBackground(language: BackgroundLanguage): void {
  for (const [title, run] of Object.entries(CASES)) {
    void nodeTest(`${title} (${language.name})`, { skip: language.missing }, (t) =>
      run(t, language),
    );
  }
}

/**
 * Jobs, in any language. The handler does what `event.do` says: `report` reports 0.5, the values of
 * `event.values` and nothing, each once, and answers `reported`; `bad` reports what cannot be
 * reported and answers what it is told; `wait` says `begun` in the log, waits until it is asked to
 * end, with a sign of life each time that it looks, and answers `half`.
 */
import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import type { ProgressHead } from "@skerry/contracts";
import { IGNORING_STREAM } from "@skerry/link";
import type { Instance } from "./harness.ts";

export interface ProgressLanguage {
  readonly name: string;
  readonly missing: string | false;
  run(t: TestContext): Promise<Instance>;
}

/** What the instance reports; `heard` runs with each. */
function takeReports(instance: Instance, heard?: () => void): ProgressHead[] {
  const all: ProgressHead[] = [];
  instance.accept = (opened) => {
    all.push(JSON.parse(opened.head) as ProgressHead);
    heard?.();
    opened.stream.reply("{}", undefined, true);
    return IGNORING_STREAM;
  };
  return all;
}

/** A request that is an attempt of an accepted invocation. */
function attempt(instance: Instance) {
  const id = instance.nextId();
  return { id, attempt: { id, n: 1 } };
}

type Case = (t: TestContext, language: ProgressLanguage) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  "what is reported goes at once, what comes close behind is joined and goes before the answer":
    async (t, { run }) => {
      const instance = await run(t);
      const all = takeReports(instance);
      const head = attempt(instance);
      const last = { done: 3, total: 3, message: "größe" };
      const answer = await instance.invoke({ do: "report", values: [0.7, last] }, head);
      assert.equal(answer.json(), "reported");
      const values = all.map(({ op, r, v }) => [op, r, v]);
      assert.deepEqual(values[0], ["progress", head.id, 0.5]);
      assert.deepEqual(values.at(-1), ["progress", head.id, last]);
      assert.ok(values.length <= 4, `${values.length} reports`);
    },

  "a synchronous call reports to nobody, and what cannot be reported is refused": async (
    t,
    { run },
  ) => {
    const instance = await run(t);
    const all = takeReports(instance);
    assert.equal((await instance.invoke({ do: "report", values: [1] })).json(), "reported");
    assert.deepEqual(all, []);
    const answer = await instance.invoke({ do: "bad" }, attempt(instance));
    assert.match(String(answer.json()), /4096/);
    assert.deepEqual(all, []);
  },

  "one that is asked to end ends by itself, and its answer is taken": async (t, { run }) => {
    const instance = await run(t);
    const twice = Promise.withResolvers<void>();
    const all: ProgressHead[] = takeReports(instance, () => {
      if (all.length === 2) twice.resolve();
    });
    const head = attempt(instance);
    const asked = instance.invoke({ do: "wait" }, head);
    await instance.until(() => instance.messages(head.id).includes("begun"));
    await twice.promise;
    assert.ok(
      all.every(({ v }) => v === undefined),
      "a sign of life says nothing else",
    );
    const done = Promise.withResolvers<string>();
    const abort = { op: "abort", r: head.id };
    instance.link.open(
      JSON.stringify(abort),
      { end: true },
      { ...IGNORING_STREAM, onReply: (text) => done.resolve(text) },
    );
    assert.equal((await asked).json(), "half");
    assert.equal(await done.promise, "{}");
    const other = { op: "abort", r: instance.nextId() };
    instance.link.open(JSON.stringify(other), { end: true }, IGNORING_STREAM);
    assert.equal((await instance.invoke({ do: "report", values: [] })).json(), "reported");
  },
};

/** Runs every case for a language. */
export function testProgress(language: ProgressLanguage): void {
  for (const [title, run] of Object.entries(CASES)) {
    void nodeTest(`${title} (${language.name})`, { skip: language.missing }, (t) =>
      run(t, language),
    );
  }
}

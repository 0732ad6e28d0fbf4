import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { plainArtefact, scratch, startInstance, type Instance } from "../test/harness.ts";

async function withHandler(t: TestContext, source: string): Promise<Instance> {
  const instance = await startInstance((run) => t.after(run));
  await instance.load(
    plainArtefact(
      join(
        scratch((run) => t.after(run)),
        "code",
      ),
      source,
    ),
  );
  return instance;
}

test("an invocation's event reaches the handler and its result comes back as JSON", async (t) => {
  const instance = await withHandler(
    t,
    `exports.handler = async (event) => ({ twice: event.n * 2 });`,
  );
  const { head, body } = await instance.invoke({ n: 21 });
  assert.equal(head.s, 200);
  assert.deepEqual(head.h, ["content-type", "application/json"]);
  assert.ok(Number.isInteger(head.t) && head.t >= 0);
  assert.equal(body.toString(), '{"twice":42}');
});

test("console lines carry the id of the request that wrote them", async (t) => {
  const instance = await withHandler(
    t,
    `exports.handler = async (e) => { console.log("a", e); await null; console.warn("b"); };`,
  );
  const id = instance.nextId();
  await instance.invoke({ x: 1 }, { id });
  await instance.until(() => instance.entries.length >= 2);
  assert.deepEqual(
    instance.entries.map(({ l, r, m }) => ({ l, r, m })),
    [
      { l: "info", r: id, m: "a { x: 1 }" },
      { l: "warn", r: id, m: "b" },
    ],
  );
});

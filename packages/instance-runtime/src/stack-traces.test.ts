import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { builtArtefact, scratch, startInstance, type Instance } from "../test/harness.ts";

const SOURCES = {
  "index.ts": `import { deep } from "./lib/deep.ts";
interface Event { readonly how: string; }

export async function handler(event: Event): Promise<unknown> {
  if (event.how === "stack") return new Error("made").stack;
  await null;
  return deep(event);
}
`,
  "lib/deep.ts": `type Unused = string;
export function deep(event: { how: string }): never {
  const cause: Error = new RangeError("below");
  throw new TypeError("failed " + event.how, { cause });
}
`,
};

async function built(
  t: TestContext,
  sourcemap: "linked" | "inline" | "external",
): Promise<Instance> {
  const artefact = await builtArtefact(
    scratch((run) => t.after(run)),
    SOURCES,
    sourcemap,
  );
  const instance = await startInstance((run) => t.after(run));
  await instance.load(artefact);
  return instance;
}

for (const sourcemap of ["linked", "inline", "external"] as const) {
  test(`stacks name the user's TypeScript files and lines (${sourcemap} map)`, async (t) => {
    const instance = await built(t, sourcemap);
    const { head } = await instance.invoke({ how: "x" });
    assert.deepEqual(head.e, { kind: "failed", name: "TypeError", message: "failed x" });
    await instance.until(() => instance.entries.length === 1);
    const [message = ""] = instance.messages();
    assert.match(message, /^TypeError: failed x\n {4}at deep \(lib\/deep\.ts:4:9\)\n/);
    assert.match(message, /at (async )?\S*handler \(index\.ts:7:10\)/);
    assert.match(message, /\[cause\]: RangeError: below\n\s+at deep \(lib\/deep\.ts:3:24\)/);
    assert.doesNotMatch(message, /runtime\.cjs|bundle\.cjs/);
  });
}

test("error.stack is mapped for user code too", async (t) => {
  const instance = await built(t, "linked");
  const stack = (await instance.invoke({ how: "stack" })).json() as string;
  assert.match(stack, /^Error: made\n {4}at \S*handler \(index\.ts:5:37\)$/);
});

test("without a map, or with a broken one, the bundle's own lines stand", async (t) => {
  const { writeFileSync, rmSync } = await import("node:fs");
  for (const damage of [
    (map: string) => rmSync(map),
    (map: string) => writeFileSync(map, "{"),
    (map: string) => writeFileSync(map, "null"),
  ]) {
    const artefact = await builtArtefact(
      scratch((run) => t.after(run)),
      SOURCES,
    );
    damage(join(artefact.directory, "bundle.cjs.map"));
    const instance = await startInstance((run) => t.after(run));
    await instance.load(artefact);
    await instance.invoke({ how: "x" });
    await instance.until(() => instance.entries.length === 1);
    assert.match(instance.messages()[0] ?? "", /at deep \(.*bundle\.cjs:\d+:\d+\)/);
  }
});

test("code that brings its own prepareStackTrace keeps it", async (t) => {
  const artefact = await builtArtefact(
    scratch((run) => t.after(run)),
    {
      "index.ts": `export function handler(): unknown {
  Error.prepareStackTrace = (_error, frames) => frames.length;
  return typeof new Error("x").stack;
}
`,
    },
  );
  const instance = await startInstance((run) => t.after(run));
  await instance.load(artefact);
  assert.equal((await instance.invoke({})).json(), "number");
});

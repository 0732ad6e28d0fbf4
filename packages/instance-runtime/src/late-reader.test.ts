/** What a function says last is read though the agent that reads it has no turn for a while. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { runSource, type Instance } from "../test/harness.ts";
import { php, python } from "../test/languages.ts";

/** More than a pipe takes, and less than a runtime holds besides. */
const LINES = { Node: 1_900, Python: 1_000, PHP: 1_000 } as const;
/** Longer than a busy machine lets an agent wait, most times. */
const LATE_MS = 1_500;

/** Each says what it has to say, and ends its process. */
const RUNTIMES: readonly {
  readonly name: keyof typeof LINES;
  readonly missing: string | false;
  run(t: TestContext): Promise<Instance>;
}[] = [
  {
    ...{ name: "Node", missing: false },
    run: (t) =>
      runSource(
        t,
        `exports.handler = () => {
           for (let n = 0; n < ${LINES.Node}; n += 1) console.log("line " + n + " ".repeat(100) + "|");
           process.exit(3);
         };`,
      ),
  },
  {
    ...{ name: "Python", missing: python.missing },
    run: (t) =>
      python.run(
        t,
        `import sys
def handler(event, context):
    for n in range(${LINES.Python}):
        print("line", n, " " * 100, "|")
    sys.exit(3)
`,
      ),
  },
  {
    ...{ name: "PHP", missing: php.missing },
    run: (t) =>
      php.run(
        t,
        `function handler() {
           for ($n = 0; $n < ${LINES.PHP}; $n++) echo "line $n", str_repeat(' ', 100), "|\\n";
           exit(3);
         }`,
      ),
  },
];

for (const { name, missing, run } of RUNTIMES) {
  test(
    `the end of a ${name} process waits for a reader who is a second late`,
    { skip: missing },
    async (t) => {
      const instance = await run(t);
      instance.child.stdout?.pause();
      const { replied } = instance.open({ method: "EVENT", body: "{}" });
      setTimeout(() => instance.child.stdout?.resume(), LATE_MS);
      await assert.rejects(replied, { reason: "LINK_CLOSED" });
      assert.equal((await instance.exited).code, 3);
      const said = (): readonly string[] => instance.messages().filter((m) => m.startsWith("line"));
      await instance.until(() => said().length === LINES[name]);
    },
  );
}

/** Every example of a document runs as it is printed, each in an empty folder. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startPlatform, type Platform } from "@skerry/testkit";
import { fencesOf, paste } from "./documents.ts";

const TIMEOUT = { timeout: 600_000 };
/** All examples together, on a machine that does other things. */
const ALL_TIMEOUT = { timeout: 1_800_000 };

/** Those whose examples say that they run in a checkout. */
const FROM_CHECKOUT: ReadonlySet<string> = new Set(["actions.md"]);
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Runs the examples of these documents on one platform; each is to print what is given for it. */
export function holdExamples(
  title: string,
  documents: Readonly<Record<string, readonly RegExp[]>>,
): void {
  void describe(title, ALL_TIMEOUT, () => {
    let platform: Platform;
    before(async () => {
      platform = await startPlatform();
    }, TIMEOUT);
    after(() => platform.stop(), TIMEOUT);

    for (const [name, prints] of Object.entries(documents)) {
      const text = readFileSync(new URL(`../docs/${name}`, import.meta.url), "utf8");
      const examples = fencesOf(text, "sh example");
      void it(`${name} has as many examples as are known here`, () => {
        assert.equal(examples.length, prints.length);
      });
      for (const [at, example] of examples.entries()) {
        void it(`example ${at + 1} of ${name} runs as it is printed`, TIMEOUT, async () => {
          const where = FROM_CHECKOUT.has(name) ? { cwd: ROOT } : {};
          const printed = await paste(example, { env: platform.cliEnvironment, ...where });
          assert.match(printed, prints[at] ?? /$^/);
        });
      }
    }
  });
}

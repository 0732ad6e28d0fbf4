/** Every example of the documents runs as it is printed, each in an empty folder. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { startPlatform, type Platform } from "@skerry/testkit";
import { fencesOf, paste } from "./documents.ts";

const TIMEOUT = { timeout: 180_000 };

/** What the examples of each document print, in order. */
const DOCUMENTS: Readonly<Record<string, readonly RegExp[]>> = {
  "functions.md": [/Hello, Ada!/, /POST \/invoke/],
  "network.md": [/"cents": ?700/],
};

describe("documents", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  for (const [name, prints] of Object.entries(DOCUMENTS)) {
    const text = readFileSync(new URL(`../docs/${name}`, import.meta.url), "utf8");
    const examples = fencesOf(text, "sh example");
    it(`${name} has as many examples as are known here`, () => {
      assert.equal(examples.length, prints.length);
    });
    for (const [at, example] of examples.entries()) {
      it(`example ${at + 1} of ${name} runs as it is printed`, TIMEOUT, async () => {
        const printed = await paste(example, { env: platform.cliEnvironment });
        assert.match(printed, prints[at] ?? /$^/);
      });
    }
  }
});

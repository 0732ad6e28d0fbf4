/** Every runtime keeps the same rules: `tests/runtimes/README.md` has them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isInstalled, startPlatform, type Platform } from "@skerry/testkit";
import { casesOf } from "./runtimes/cases-of.ts";
import { readFixtures, Target, type Fixture } from "./runtimes/target.ts";

const TIMEOUT = { timeout: 600_000 };
/** All runtimes together, on a machine that is busy with other suites. */
const SUITE_TIMEOUT = { timeout: 900_000 };
const DEADLINE_MS = 60_000;
/** A liar never does what is waited for. */
const LIAR_DEADLINE_MS = 1_500;

class World {
  #platform: Platform | undefined;

  async open(): Promise<void> {
    this.#platform = await startPlatform();
  }

  async deploy(fixture: Fixture, deadlineMs: number): Promise<Target> {
    assert.ok(this.#platform !== undefined);
    const target = new Target({ platform: this.#platform, fixture, deadlineMs });
    await target.deploy();
    return target;
  }

  async close(): Promise<void> {
    await this.#platform?.stop();
  }
}

/** Outside CI a machine may lack an interpreter, or a compiler. */
function skipOf({ program, title, packages }: Fixture): string | false {
  if (packages !== undefined)
    return "its program comes from a registry: tests/frameworks/long-run.ts runs it";
  const isThere = program === undefined || isInstalled(program);
  return isThere || process.env["CI"] !== undefined ? false : `${title} is not installed`;
}

describe("runtimes", { ...SUITE_TIMEOUT, concurrency: 2 }, () => {
  const world = new World();
  before(() => world.open(), TIMEOUT);
  after(() => world.close(), TIMEOUT);

  for (const fixture of readFixtures().filter(({ title }) => title !== "Liar")) {
    describe(fixture.title, { ...TIMEOUT, skip: skipOf(fixture) }, () => {
      let target: Target;
      before(async () => {
        target = await world.deploy(fixture, DEADLINE_MS);
      }, TIMEOUT);
      for (const [title, run] of casesOf(fixture)) {
        it(title, { skip: fixture.lacks[title] ?? false }, () => run(target));
      }
    });
  }

  for (const fixture of readFixtures().filter(({ title }) => title === "Liar")) {
    describe("negative control: a runtime that breaks every rule", TIMEOUT, () => {
      let target: Target;
      before(async () => {
        target = await world.deploy(fixture, LIAR_DEADLINE_MS);
      }, TIMEOUT);
      for (const [title, run] of casesOf(fixture)) {
        it(`fails: ${title}`, async () => {
          await assert.rejects(run(target));
        });
      }
    });
  }

  it("a fixture lacks only what a case is", () => {
    for (const fixture of readFixtures()) {
      const known = new Set(casesOf(fixture).map(([title]) => title));
      for (const name of Object.keys(fixture.lacks)) assert.ok(known.has(name), name);
    }
  });
});

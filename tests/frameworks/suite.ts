/** The suite of all runtimes, run on one whose program comes from a registry, and counted. */
import { casesOf } from "../runtimes/cases-of.ts";
import { Target, type Fixture } from "../runtimes/target.ts";
import type { Platform } from "@skerry/testkit";
import { failureOf } from "./failure.ts";

/** What came of running one fixture. */
export interface SuiteOutcome {
  readonly name: string;
  readonly title: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly passed: readonly string[];
  /** Titles of cases, each with what went wrong; or the deployment, and then no case was run. */
  readonly failed: readonly string[];
  /** Titles of cases that it cannot have, each with why. */
  readonly lacks: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 60_000;

/** Runs one case after the other, as a test file does; what goes wrong is in the outcome. */
export async function runSuite(platform: Platform, fixture: Fixture): Promise<SuiteOutcome> {
  const { name, title, lacks, packages = {} } = fixture;
  const passed: string[] = [];
  const failed: string[] = [];
  const target = new Target({ platform, fixture, deadlineMs: DEADLINE_MS });
  const attempt = async (one: string, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      process.stdout.write(`${title}: ${one}: ${String((error as Error).stack)}\n`);
      failed.push(`${one}: ${failureOf(error)}`);
      return false;
    }
  };
  const isDeployed = await attempt("the deployment", () => target.deploy());
  for (const [one, run] of isDeployed ? casesOf(fixture) : []) {
    if (one in lacks) continue;
    if (await attempt(one, () => run(target))) passed.push(one);
  }
  return { name, title, versions: packages, passed, failed, lacks };
}

/** The suite of all runtimes, run on one whose program comes from a registry, and counted. */
import { casesOf } from "../runtimes/cases-of.ts";
import { Target, type Fixture } from "../runtimes/target.ts";
import type { Platform } from "@skerry/testkit";

export interface SuiteAccount {
  readonly name: string;
  readonly title: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly passed: readonly string[];
  /** Titles of cases, each with what went wrong. */
  readonly failed: readonly string[];
  /** Titles of cases that it cannot have, each with why. */
  readonly lacks: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 60_000;

/** Runs one case after the other, as a test file does. */
export async function runSuite(platform: Platform, fixture: Fixture): Promise<SuiteAccount> {
  const { name, title, lacks, packages = {} } = fixture;
  const passed: string[] = [];
  const failed: string[] = [];
  const target = new Target({ platform, fixture, deadlineMs: DEADLINE_MS });
  await target.deploy();
  for (const [one, run] of casesOf(fixture)) {
    if (one in lacks) continue;
    try {
      await run(target);
      passed.push(one);
    } catch (error) {
      process.stdout.write(`${title}: ${one}: ${String((error as Error).stack)}\n`);
      failed.push(`${one}: ${String((error as Error).message).split("\n")[0]}`);
    }
  }
  return { name, title, versions: packages, passed, failed, lacks };
}

/**
 * Deploys what users bring (frameworks, packages with machine code, servers in other languages) on
 * a real platform with the packages of the registries that this machine's package managers know,
 * calls it, runs the suite of all runtimes on those that come as packages, and writes what came of
 * it to `tests/results/frameworks.json`; what was not run this time is kept there, with the date
 * and the platform's version of its own run:
 *
 *   node tests/frameworks/long-run.ts [NAME...]
 *
 * Names are those of `projects.ts` and of `tests/runtimes/fixtures`; without any all are run. It
 * asks the network, so it is no part of CI.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { systemClock } from "@skerry/base";
import { isInstalled, startPlatform, type Platform } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";
import { readFixtures } from "../runtimes/target.ts";
import { failureOf } from "./failure.ts";
import { runSuite, type SuiteOutcome } from "./suite.ts";
import { folderOf, lockedVersion, PROJECTS, type Project } from "./projects.ts";
import { openSite, type Site } from "./site.ts";

interface Run {
  /** The moment at which it had ended; of the first runs only the day is known. */
  readonly date: string;
  /** The platform's. */
  readonly version: string;
}

interface Outcome {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly deployed: string;
  readonly passed: boolean;
  /** What went wrong, in a line. */
  readonly failure?: string;
  /** The deployment, with what it installed. */
  readonly deployMs?: number;
  /** The first answer after it, by an instance that was started for it. */
  readonly firstAnswerMs?: number;
  readonly warmP50Ms?: number;
  /** Of the instance, after all of this. */
  readonly memoryMb?: number;
}

interface Kept {
  readonly projects: readonly (Outcome & Run)[];
  readonly runtimes: readonly (SuiteOutcome & Run)[];
}

const APP = "frameworks";
const WARM_CALLS = 100;
const RESULT = new URL("../results/frameworks.json", import.meta.url);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CLI = join(ROOT, "packages/cli/src/main.ts");
const clock = systemClock();

const wanted = new Set(process.argv.slice(2));
const fetched = readFixtures().filter(({ packages }) => packages !== undefined);
const known = [...PROJECTS.map(({ name }) => name), ...fetched.map(({ name }) => name)];
for (const name of wanted) assert.ok(known.includes(name), `none of ${known.join(", ")}: ${name}`);
const isChosen = ({ name }: { readonly name: string }): boolean =>
  wanted.size === 0 || wanted.has(name);

// A registry may have an address that is not public: the operator of this platform knows it.
await using platform = await startPlatform({ settings: { buildHosts: "*" } });
const { version } = await platform.client.getPlatform();
const kept = readKept();
const chosen = PROJECTS.filter(isChosen).filter(canRun);
const rows = new Map(kept.projects.map((row) => [row.name, row]));
for (const project of chosen) rows.set(project.name, dated(await run(project)));
const accounts = new Map(kept.runtimes.map((one) => [one.name, one]));
for (const fixture of fetched.filter(isChosen))
  accounts.set(fixture.name, dated(await runSuite(platform, fixture)));
writeResult("frameworks", {
  measured: "what users deploy, with real packages, deployed by the command line and called",
  version,
  // Nothing in it is drawn by chance.
  seed: null,
  projects: PROJECTS.flatMap(({ name }) => rows.get(name) ?? []),
  runtimes: fetched.flatMap(({ name }) => accounts.get(name) ?? []),
});
assert.deepEqual(
  chosen.flatMap(({ name }) => rows.get(name)?.failure ?? []),
  [],
);
assert.deepEqual(
  fetched.filter(isChosen).flatMap(({ name }) => accounts.get(name)?.failed ?? []),
  [],
);

function readKept(): Kept {
  if (!existsSync(RESULT)) return { projects: [], runtimes: [] };
  return JSON.parse(readFileSync(RESULT, "utf8")) as Kept;
}

/** What is left out keeps what came of it before. */
function canRun({ name, needs }: Project): boolean {
  if (needs === undefined || isInstalled(needs)) return true;
  process.stdout.write(`${name}: left out, for this machine has no ${needs}\n`);
  return false;
}

function dated<T extends object>(outcome: T): T & Run {
  return { ...outcome, date: new Date(clock.wallMs()).toISOString(), version };
}

async function run(project: Project): Promise<Outcome> {
  const { name, deployed } = project;
  const work = mkdtempSync(join(tmpdir(), "skerry-framework-"));
  const folder = join(work, name);
  process.stdout.write(`${name}\n`);
  try {
    cpSync(folderOf(project), folder, { recursive: true });
    await project.make?.(folder);
    const seen = await serve(platform, project, folder);
    const row = { name, deployed, passed: true, ...seen };
    process.stdout.write(`${JSON.stringify(row)}\n`);
    return row;
  } catch (error) {
    const { message, stderr = "" } = error as Error & { readonly stderr?: string };
    process.stdout.write(`${name}: ${message}\n${stderr}\n`);
    const failure = failureOf(error, [work]);
    return { name, deployed, versions: {}, passed: false, failure };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function serve(
  { client, cliEnvironment, gatewayPort: port, key }: Platform,
  project: Project,
  folder: string,
): Promise<Omit<Outcome, "name" | "deployed" | "passed">> {
  const { name, asked, check } = project;
  const site = openSite({ port, key, app: APP, fn: name });
  const deployMs = await took(async () => {
    const words = [CLI, "deploy", folder, "--app", APP, "--name", name];
    const env = { PATH: process.env["PATH"], ...cliEnvironment };
    await promisify(execFile)(process.execPath, words, { env });
  });
  const ask = (): Promise<void> => answers(site, asked);
  const firstAnswerMs = await took(ask);
  await check(site);
  const warm: number[] = [];
  for (let n = 0; n < WARM_CALLS; n += 1) warm.push(await took(ask));
  const { items } = await client.listInstances();
  const memory = items.filter((one) => one.function === name).map((one) => one.memoryBytes);
  assert.ok(memory.length > 0, `none of the ${items.length} instances is one of ${name}`);
  return {
    versions: await versionsOf(project, site, folder),
    deployMs: Math.round(deployMs),
    firstAnswerMs: Math.round(firstAnswerMs),
    warmP50Ms: Math.round((warm.toSorted((a, b) => a - b)[WARM_CALLS / 2] ?? 0) * 10) / 10,
    memoryMb: Math.round(Math.max(...memory) / (1 << 20)),
  };
}

async function answers(site: Site, { path, ...asked }: Project["asked"]): Promise<void> {
  const { status, text } = await site.ask(path, asked);
  assert.equal(status, 200, text.slice(0, 500));
}

async function versionsOf(
  { packages = [], told }: Project,
  site: Site,
  folder: string,
): Promise<Readonly<Record<string, string>>> {
  const versions: Record<string, string> = {};
  for (const name of packages) versions[name] = lockedVersion(folder, name);
  return { ...versions, ...(await told?.(site)) };
}

async function took(work: () => Promise<void>): Promise<number> {
  const startedMs = clock.monotonicMs();
  await work();
  return clock.monotonicMs() - startedMs;
}

/**
 * The one test run that `npm test` and `npm run verify` share. Suites beside the source come first,
 * then those under `tests/`, which start whole platforms, then the few that compare what the
 * machine can do and want it for themselves. All report into one list of failures and one summary.
 */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { COMPILE_CACHE, giveUp, ROOT, run } from "./setup.mjs";

const UNIT_FOLDERS = ["packages", "apps", "testkit", "tools", "bench"];
const HEAVY_FOLDER = "tests";
const SKIPPED_FOLDERS = new Set(["node_modules", "testdata", "fixtures", "dist"]);
const UNIT_TIMEOUT_MS = 180_000;
const HEAVY_TIMEOUT_MS = 900_000;
/** Suites whose deadlines mean something only on a machine that does nothing else. */
const LONE_SUITES = new Set(["tests/busy-agent.test.ts"]);
/**
 * Suites wait for processes, disks and deadlines for more than half of their time: with three of
 * them on two cores a third of the cores' time was idle.
 */
const SIDE_BY_SIDE = 2 * Math.max(2, availableParallelism()) + 1;
const SLOWEST_SHOWN = 10;
/** The runner bounds tests, not the life of a file's process. */
const FILE_BOUND = new URL("file-bound.mjs", import.meta.url).href;

/** All `*.test.ts` files under `path` (or `path` itself), relative to the root, sorted. */
export function testFilesUnder(path, root = ROOT) {
  const whole = resolve(root, path);
  if (!existsSync(whole)) return [];
  if (statSync(whole).isFile()) return [relative(root, whole)];
  return readdirSync(whole, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.isDirectory())
        return SKIPPED_FOLDERS.has(entry.name) ? [] : testFilesUnder(join(path, entry.name), root);
      return entry.name.endsWith(".test.ts") ? [relative(root, join(whole, entry.name))] : [];
    });
}

/**
 * Splits arguments into the files to run, by phase, and the options that go to Node's test runner.
 */
export function planRun(args, root = ROOT) {
  const options = args.filter((arg) => arg.startsWith("-"));
  const paths = args.filter((arg) => !arg.startsWith("-"));
  const roots = paths.length > 0 ? paths : [...UNIT_FOLDERS, HEAVY_FOLDER];
  const unknown = paths.filter((path) => testFilesUnder(path, root).length === 0);
  const files = [...new Set(roots.flatMap((path) => testFilesUnder(path, root)))];
  const isHeavy = (file) => file.startsWith(`${HEAVY_FOLDER}/`);
  return {
    options,
    unknown,
    unit: files.filter((file) => !isHeavy(file)),
    heavy: files.filter((file) => isHeavy(file) && !LONE_SUITES.has(file)),
    lone: files.filter((file) => LONE_SUITES.has(file)),
  };
}

/** Adds the counts of one phase to those of another. */
export function addTotals(a, b) {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...keys].map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]));
}

const SUMMARY_LINES = [
  "tests",
  "suites",
  "pass",
  "fail",
  "cancelled",
  "skipped",
  "todo",
  "duration_ms",
];

function printSummary(totals) {
  for (const line of SUMMARY_LINES) process.stdout.write(`ℹ ${line} ${totals[line] ?? 0}\n`);
}

/** Test time is a budget; these are what it goes to. */
function printSlowest(files) {
  const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_SHOWN);
  for (const { file, seconds } of slowest)
    process.stdout.write(`ℹ ${seconds.toFixed(1).padStart(6)} s ${relative(ROOT, file)}\n`);
}

async function runPhase(node, { folder, ...phase }) {
  const totalsFile = join(folder, "totals.json");
  rmSync(totalsFile, { force: true });
  const code = await run(
    node,
    [
      "--test",
      `--test-concurrency=${phase.concurrency}`,
      `--test-timeout=${phase.timeoutMs}`,
      `--import=${FILE_BOUND}`,
      "--test-reporter=./tools/run/reporter.mjs",
      "--test-reporter-destination=stdout",
      ...phase.options,
      ...phase.files,
    ],
    {
      wholeGroup: true,
      env: {
        SKERRY_TEST_TOTALS: totalsFile,
        SKERRY_TEST_SHARED: folder,
        NODE_COMPILE_CACHE: COMPILE_CACHE,
      },
    },
  );
  const counted = existsSync(totalsFile) ? JSON.parse(readFileSync(totalsFile, "utf8")) : {};
  const { totals = {}, files = [] } = counted;
  return { code, totals, files };
}

/** Runs the tests that `args` name (all when none) and resolves to the exit code. */
export async function runSuites(node, args) {
  const { unit, heavy, lone, options, unknown } = planRun(args);
  if (unknown.length > 0)
    giveUp(
      `no test file at ${unknown.join(", ")}.`,
      "Name a *.test.ts file or a folder with some.",
    );
  const phases = [
    { files: unit, concurrency: SIDE_BY_SIDE, timeoutMs: UNIT_TIMEOUT_MS },
    { files: heavy, concurrency: SIDE_BY_SIDE, timeoutMs: HEAVY_TIMEOUT_MS },
    { files: lone, concurrency: 1, timeoutMs: HEAVY_TIMEOUT_MS },
  ];
  let [worst, totals] = [0, {}];
  const durations = [];
  const folder = mkdtempSync(join(tmpdir(), "skerry-test-"));
  // Servers of other users are started from what suites share in it.
  chmodSync(folder, 0o755);
  for (const phase of phases.filter(({ files }) => files.length > 0)) {
    const { code, totals: added, files } = await runPhase(node, { ...phase, folder, options });
    worst = Math.max(worst, code);
    totals = addTotals(totals, added);
    durations.push(...files);
  }
  rmSync(folder, { recursive: true, force: true });
  printSlowest(durations);
  printSummary(totals);
  return worst;
}

/**
 * Loaded into every test file's process. One whose tests are over and that does not end, because a
 * failed assertion left a store, a server or a child open, is ended after a while, fails, and is
 * named with what it left: a run of all suites must not wait for it for ever. Nothing that is left
 * open is hidden by it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const ENDS_WITHIN_MS = Number(process.env.SKERRY_TEST_ENDS_WITHIN_MS ?? 120_000);
const LIVES_MS_MAX = 2_700_000;

const [, file = ""] = process.argv;
const isTestFile =
  isMainThread && process.env.NODE_TEST_CONTEXT !== undefined && file.endsWith(".test.ts");

function childrenOfThis() {
  try {
    return readdirSync("/proc/self/task").flatMap((task) =>
      readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean),
    );
  } catch {
    return [];
  }
}

function endThis(why) {
  const left = process.getActiveResourcesInfo().join(", ");
  process.stderr.write(`skerry: ${file} ${why} and is ended. It left open: ${left}\n`);
  // They may hold this process's output, which the runner reads to its end.
  for (const pid of childrenOfThis()) process.kill(Number(pid), "SIGKILL");
  process.exit(1);
}

if (isTestFile) {
  const { after } = await import("node:test");
  const endIn = (ms, why) => setTimeout(endThis, ms, why).unref();
  endIn(LIVES_MS_MAX, `has gone on for ${LIVES_MS_MAX / 60_000} minutes`);
  after(() => void endIn(ENDS_WITHIN_MS, "did not end after its last test"));
}

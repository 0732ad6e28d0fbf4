/**
 * Sweeps the code of a home once and ends by its own hand at the step it is told: the crash that
 * the test wants. Without a step it says what it removed.
 */
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { silentLog, systemClock, systemRandom } from "@skerry/base";
import { CodeHolds, openCodeStore } from "@skerry/code-store";
import { openSqliteStore } from "@skerry/store";
import { CodeSweeper } from "../src/code-sweeper.ts";
import { CONTROL_LIMITS } from "../src/limits.ts";
import { storeModule, storeModuleUrl } from "../src/store-module.ts";

const [directory = "", step = ""] = process.argv.slice(2);
const deps = { clock: systemClock(), random: systemRandom(), log: silentLog() };
const modules = [{ module: storeModule, url: storeModuleUrl }];
const store = await openSqliteStore(deps, { directory: join(directory, "state"), modules });
const code = join(directory, "code");
const codeStore = await openCodeStore(deps, { directory: code });

function crash(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => undefined);
}

function entryOf(name: string): string {
  return join(code, name.startsWith("src_") ? "sources" : "artefacts", name);
}

/** Ends the process in the turn in which the entry has lost its name. */
function crashOnceGone(entry: string): void {
  if (existsSync(entry)) setImmediate(() => crashOnceGone(entry));
  else void crash();
}

async function remove(name: string): Promise<boolean> {
  if (step === "condemned") return crash();
  if (step === "renamed") crashOnceGone(entryOf(name));
  if (step === "in place") {
    const tree = join(entryOf(name), "tree");
    for (const file of await readdir(tree)) await rm(join(tree, file));
    return crash();
  }
  const removed = await codeStore.remove(name);
  return step === "removed" ? crash() : removed;
}

const sweeper = new CodeSweeper(
  {
    ...{ ...deps, store, holds: new CodeHolds() },
    codeStore: { list: () => codeStore.list(), remove },
    agents: {
      artefactsInUse: async () => [{ id: "a", appliedSeq: Number.MAX_SAFE_INTEGER, artefacts: [] }],
    },
  },
  { limits: { ...CONTROL_LIMITS, codeGraceMs: 0, revisionsKept: 1 } },
);
const removed = await sweeper.sweep();
process.stdout.write(JSON.stringify(removed));
await store.close();

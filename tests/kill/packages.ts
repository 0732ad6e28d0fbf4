/** Looks through the code store of a stopped platform for entries that are not what they say. */
import { join } from "node:path";
import { silentLog, systemClock, systemRandom } from "@skerry/base";
import { openCodeStore } from "@skerry/code-store";

export async function damagedPackages(
  home: string,
): Promise<{ readonly whole: number; readonly damaged: readonly string[] }> {
  const deps = { clock: systemClock(), random: systemRandom(), log: silentLog() };
  const store = await openCodeStore(deps, { directory: join(home, "code") });
  const damaged: string[] = [];
  const all = await store.list();
  for (const { name } of all) if (!(await store.verify(name))) damaged.push(name);
  return { whole: all.length - damaged.length, damaged };
}

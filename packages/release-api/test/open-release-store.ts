/** The catalogue in files. */
import { silentLog, systemClock, systemRandom } from "@skerry/base";
import { openSqliteStore, type Store } from "@skerry/store";
import { releaseSource } from "./release-module.ts";

export function openReleaseStore(directory: string): Promise<Store> {
  const deps = { clock: systemClock(), log: silentLog(), random: systemRandom() };
  return openSqliteStore(deps, { directory, modules: [releaseSource] });
}

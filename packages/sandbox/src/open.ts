/** Finds out what this machine allows and opens the driver on the strongest rung. */
import { existsSync } from "node:fs";
import type { Log } from "@skerry/base";
import { openHierarchies, type Hierarchy } from "./cgroups.ts";
import { Driver, type SandboxDriverDeps } from "./driver.ts";
import { fail } from "./errors.ts";
import { assertEnterable, findObstacle, openHome, ownerNameOf } from "./host.ts";
import { describeLevel, type Obstacle } from "./level.ts";
import type { SandboxDriver, SandboxRung } from "./ports.ts";
import { descendants, readProcessTable } from "./process-table.ts";
import { NOTHING_WEAKENED, type Weakened } from "./protections.ts";
import {
  findLivingProcesses,
  findOwnedDirectories,
  laneOf,
  LANES,
  ownerOf,
  UID_RANGE_DEFAULT,
  UidPool,
  type OwnedPaths,
  type UidRange,
} from "./uid-pool.ts";
import { lanesInUse } from "./work-directory.ts";

export interface SandboxDriverOptions {
  /** Default: the strongest available. Asking for one that is not here is refused. */
  readonly rung?: SandboxRung;
  /**
   * Directory of the owner, made if missing. As root every uid must be able to enter it. Several
   * drivers may be open on it while one process takes over from another, if they open one after
   * the other: no uid that has a process is given out, and each gives out those of its own quarter
   * of the range first. One whose quarter is full, and a fifth, say in the log that two sandboxes
   * may get the same uid. `sweep` kills what another one runs, so it is for a driver that is alone.
   */
  readonly home: string;
  /**
   * Where the caller keeps directories that sandboxes own. As root a uid that owns one in there
   * when the driver opens is not given out for as long as it does.
   */
  readonly ownedDirectories?: readonly string[];
  /** As root: kernel uids (and gids) given to sandboxes. Default 200000 to 265535. */
  readonly uidRange?: UidRange;
}

/**
 * Opens the driver. Throws SANDBOX_RUNG_UNAVAILABLE when `options.rung` cannot be had, and
 * SANDBOX_HOME_UNREACHABLE. Without `rung` it falls back to `process` and says so in the log.
 */
export function openSandboxDriver(
  deps: SandboxDriverDeps,
  options: SandboxDriverOptions,
): Promise<SandboxDriver> {
  return openWeakenedDriver(deps, { ...options, weakened: NOTHING_WEAKENED });
}

/** For this package's tests only: the same driver with single walls taken away. */
export async function openWeakenedDriver(
  deps: SandboxDriverDeps,
  options: SandboxDriverOptions & { readonly weakened: Weakened },
): Promise<SandboxDriver> {
  const { weakened } = options;
  const home = openHome(options.home);
  const ownerName = ownerNameOf(home);
  const isRoot = process.getuid?.() === 0;
  const range = options.uidRange ?? UID_RANGE_DEFAULT;
  // Before the trial, whose own process may linger a moment.
  const living: OwnedPaths = isRoot ? findLivingProcesses(range) : new Map();
  const obstacle =
    options.rung === "process" ? null : await findObstacle(isRoot ? range.first : null);
  const rung = chooseRung(deps.log, options.rung, obstacle);
  const isWalled = rung === "bubblewrap";
  if (isWalled && isRoot) assertEnterable(home);
  const hierarchies = isWalled ? openHierarchies({ ownerName, areOurs }) : [];
  const ownsUids = isWalled && isRoot && !weakened.has("ownUid");
  const seed = Number.parseInt(ownerNameOf(`${home}:${process.pid}`).slice(-8), 16);
  const lane = ownsUids ? chooseLane(deps.log, home, seed) : undefined;
  const directories = [home, ...(options.ownedDirectories ?? [])];
  return new Driver(deps, {
    home,
    ownerName,
    rung,
    hierarchies: withoutRoles(hierarchies, weakened),
    remakeOwners: () => void openHierarchies({ ownerName, areOurs }),
    weakened,
    uids: ownsUids ? openUidPool(deps.log, { directories, range, living, lane, seed }) : null,
    lane,
    level: describeLevel({
      rung,
      isRoot,
      hierarchies,
      hasProcessTable: existsSync("/proc/self/stat"),
      obstacle,
    }),
  });
}

function chooseRung(
  log: Log,
  wanted: SandboxRung | undefined,
  obstacle: Obstacle | null,
): SandboxRung {
  if (wanted === "process") return "process";
  if (obstacle === null) return "bubblewrap";
  const details = { rung: "bubblewrap", ...obstacle };
  if (wanted !== undefined) throw fail("SANDBOX_RUNG_UNAVAILABLE", details);
  log.warn("functions run WITHOUT isolation", details);
  return "process";
}

const MAY_SHARE = "two sandboxes may get the same uid";

/** A lane that no other driver of this home has; undefined when all are taken. */
function chooseLane(log: Log, home: string, seed: number): number | undefined {
  const taken = lanesInUse(home);
  const lanes = Array.from({ length: LANES }, (_, index) => (seed + index) % LANES);
  const lane = lanes.find((each) => !taken.has(each));
  if (lane === undefined) log.warn(MAY_SHARE, { why: `${LANES} drivers are open beside this one` });
  return lane;
}

interface UidsInUse {
  /** May hold directories that sandboxes own. */
  readonly directories: readonly string[];
  readonly range: UidRange;
  readonly living: OwnedPaths;
  readonly lane: number | undefined;
  readonly seed: number;
}

function openUidPool(log: Log, { directories, range, living, lane, seed }: UidsInUse): UidPool {
  const taken = new Map(findOwnedDirectories(directories, range));
  for (const [uid, files] of living) taken.set(uid, [...(taken.get(uid) ?? []), ...files]);
  const onLaneFull = (): void => log.warn(MAY_SHARE, { why: "this driver's part is full" });
  const own = lane === undefined ? {} : { lane: laneOf(range, lane) };
  return new UidPool({ range, ...own, offset: seed, ownerOf, onLaneFull }, taken);
}

/** Processes of one group may be moved when they are all one family: ours. */
function areOurs(pids: readonly number[]): boolean {
  const table = readProcessTable();
  const byPid = new Map(table.map((row) => [row.pid, row]));
  const members = new Set(pids);
  let top = process.pid;
  for (let row = byPid.get(top); row !== undefined; row = byPid.get(row.parentPid)) {
    if (members.has(row.pid)) top = row.pid;
  }
  const family = new Set(descendants(table, [top]).map((row) => row.pid));
  return pids.every((pid) => family.has(pid));
}

function withoutRoles(hierarchies: readonly Hierarchy[], weakened: Weakened): readonly Hierarchy[] {
  const dropped = new Set<string>([
    ...(weakened.has("memoryLimit") ? ["memory"] : []),
    ...(weakened.has("processLimit") ? ["pids"] : []),
  ]);
  return hierarchies.map((hierarchy) => ({
    ...hierarchy,
    roles: hierarchy.roles.filter((role) => !dropped.has(role)),
  }));
}

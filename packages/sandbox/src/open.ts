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
  findOwnedDirectories,
  ownerOf,
  UID_RANGE_DEFAULT,
  UidPool,
  type UidRange,
} from "./uid-pool.ts";

export interface SandboxDriverOptions {
  /** Default: the strongest available. Asking for one that is not here is refused. */
  readonly rung?: SandboxRung;
  /**
   * Directory of the owner, made if missing. As root every uid must be able to enter it. Only one
   * driver at a time may be open on it: `sweep` kills what another one runs.
   */
  readonly home: string;
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
  const obstacle =
    options.rung === "process" ? null : await findObstacle(isRoot ? range.first : null);
  const rung = chooseRung(deps.log, options.rung, obstacle);
  const isWalled = rung === "bubblewrap";
  if (isWalled && isRoot) assertEnterable(home);
  const hierarchies = isWalled ? openHierarchies({ ownerName, areOurs }) : [];
  return new Driver(deps, {
    home,
    ownerName,
    rung,
    hierarchies: withoutRoles(hierarchies, weakened),
    remakeOwners: () => void openHierarchies({ ownerName, areOurs }),
    weakened,
    uids: isWalled && isRoot && !weakened.has("ownUid") ? openUidPool(home, range) : null,
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

function openUidPool(home: string, range: UidRange): UidPool {
  const offset = Number.parseInt(ownerNameOf(`${home}:${process.pid}`).slice(-8), 16);
  return new UidPool({ range, offset, ownerOf }, findOwnedDirectories(home, range));
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

/**
 * Starts sandboxes. The order of a start, as root: take a uid, make the groups with their limits,
 * start the outermost process under that uid, put it into the groups, and only then let it go on.
 * Whatever fails on the way is undone before the error is thrown.
 */
import { chmodSync, chownSync, closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { assert, PlatformError, type Clock, type Log } from "@skerry/base";
import { removeGroup, SandboxGroup, tryWrite, type Hierarchy } from "./cgroups.ts";
import { findInheritedDescriptors } from "./descriptors.ts";
import { fail } from "./errors.ts";
import { findProgram } from "./host.ts";
import { readHostSystem } from "./host-system.ts";
import { launchBubblewrap, launchPlain, type Launched } from "./launch.ts";
import { createInitTree } from "./init-tree.ts";
import { LimitWatch } from "./limit-watch.ts";
import type {
  Sandbox,
  SandboxDriver,
  SandboxLevel,
  SandboxRung,
  SandboxSpec,
  SweepCount,
} from "./ports.ts";
import { markerFor } from "./process-table.ts";
import type { Weakened } from "./protections.ts";
import { lowerPriority, RunningSandbox } from "./running-sandbox.ts";
import { buildSeccompProgram, encodeSeccompProgram, seccompArchOf } from "./seccomp.ts";
import { createSkeleton } from "./skeleton.ts";
import { assertSpec } from "./spec.ts";
import { endOwners, sweepLeftovers } from "./sweep.ts";
import { createGroupTree, createTableTree, type Tree } from "./tree.ts";
import type { UidPool } from "./uid-pool.ts";
import { makeWorkDirectory, otherOwners, removeAbandonedDirectories } from "./work-directory.ts";

export interface SandboxDriverDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export interface DriverOptions {
  /** Real path of the owner's directory. */
  readonly home: string;
  readonly ownerName: string;
  readonly rung: SandboxRung;
  readonly hierarchies: readonly Hierarchy[];
  /** Makes the owner's group directories again. */
  readonly remakeOwners: () => void;
  readonly weakened: Weakened;
  /** Null when sandboxes share the platform's uid. */
  readonly uids: UidPool | null;
  /** The part of the uids that is this driver's own. */
  readonly lane: number | undefined;
  readonly level: SandboxLevel;
}

/** What was taken for a sandbox that does not run yet. */
interface Held {
  uid: number | null;
  group: SandboxGroup | null;
}

/** When the whole machine is short of memory, sandboxes go before the platform. */
const OOM_SCORE_ADJUSTMENT = "500";
/** bubblewrap's init is counted by RLIMIT_NPROC in the sandbox's user namespace. */
const INIT_PROCESSES = 1;

export class Driver implements SandboxDriver {
  readonly level: SandboxLevel;
  readonly #deps: SandboxDriverDeps;
  readonly #options: DriverOptions;
  readonly #living = new Map<string, RunningSandbox>();
  readonly #watch: LimitWatch;
  readonly #workDirectory: string;
  readonly #hostSystem = readHostSystem();
  readonly #leaked: { readonly descriptors: readonly number[]; readonly devNull: number };
  #closed = false;

  constructor(deps: SandboxDriverDeps, options: DriverOptions) {
    this.#deps = deps;
    this.#options = options;
    this.level = options.level;
    this.#watch = new LimitWatch(deps.clock);
    this.#workDirectory = makeWorkDirectory(options.home, options.lane);
    try {
      if (options.rung === "bubblewrap") this.#prepareFiles();
    } catch (error) {
      rmSync(this.#workDirectory, { recursive: true, force: true });
      throw error;
    }
    const descriptors = findInheritedDescriptors();
    this.#leaked = { descriptors, devNull: openSync("/dev/null", "r") };
  }

  async start(spec: SandboxSpec): Promise<Sandbox> {
    if (this.#closed) throw fail("SANDBOX_DRIVER_CLOSED");
    assertSpec(spec);
    if (this.#living.has(spec.id)) throw fail("SANDBOX_ID_TAKEN", { id: spec.id });
    const held: Held = { uid: null, group: null };
    let sandbox: RunningSandbox | undefined;
    try {
      this.#hold(spec, held);
      const launched = this.#launch(spec, held.uid);
      const { pid } = launched.child;
      if (pid === undefined) {
        const [error] = (await once(launched.child, "error")) as [Error];
        throw error;
      }
      sandbox = this.#adopt({ spec, launched, pid, held });
      await held.group?.attach(pid);
      this.#setPriority(pid, spec);
      launched.release();
      return sandbox;
    } catch (error) {
      if (sandbox === undefined) this.#letGo(held);
      else await sandbox.kill();
      throw PlatformError.is(error) ? error : startFailed(spec.id, error);
    }
  }

  async sweep(): Promise<SweepCount> {
    const { home, ownerName, hierarchies } = this.#options;
    await endOwners(this.#deps, () => otherOwners(home));
    removeAbandonedDirectories(home);
    const living = (): ReadonlySet<string> => new Set(this.#living.keys());
    const inUse = new Set(hierarchies.map(({ owner }) => owner));
    return await sweepLeftovers(this.#deps, { ownerName, living, inUse });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#living.values()].map((sandbox) => sandbox.kill()));
    for (const { owner } of this.#options.hierarchies) removeGroup(owner);
    rmSync(this.#workDirectory, { recursive: true, force: true });
    closeSync(this.#leaked.devNull);
  }

  #enforces(role: "memory" | "pids" | "cpu"): boolean {
    return this.#options.hierarchies.some(({ roles }) => roles.includes(role));
  }

  #prepareFiles(): void {
    const arch = seccompArchOf(process.arch);
    assert(arch !== null, "bubblewrap is offered only where a seccomp program can be made");
    chmodSync(this.#workDirectory, 0o755);
    createSkeleton(join(this.#workDirectory, "root"), {
      launchShell: !this.#enforces("pids"),
      hostSystem: this.#hostSystem,
      sharedTemporary: this.#options.weakened.has("ownTemporary"),
    });
    const program = buildSeccompProgram({ arch, denyUncountedMemory: !this.#enforces("memory") });
    writeFileSync(join(this.#workDirectory, "seccomp.bpf"), encodeSeccompProgram(program));
  }

  #hold(spec: SandboxSpec, held: Held): void {
    const { uids, hierarchies } = this.#options;
    const writable = spec.mounts.flatMap(({ kind, source }) => (kind === "rw" ? [source] : []));
    if (uids !== null) {
      const uid = uids.take(writable);
      if (uid === undefined) throw fail("SANDBOX_UIDS_EXHAUSTED", { count: uids.count });
      held.uid = uid;
      for (const source of writable) chownSync(source, uid, uid);
    }
    if (hierarchies.length > 0) held.group = this.#makeGroup(spec);
  }

  /** A driver of the same home that closes meanwhile takes an empty owner's directory away. */
  #makeGroup({ id, limits }: SandboxSpec): SandboxGroup {
    const { hierarchies, remakeOwners } = this.#options;
    try {
      return new SandboxGroup(hierarchies, id, limits);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      remakeOwners();
      return new SandboxGroup(hierarchies, id, limits);
    }
  }

  #letGo({ uid, group }: Held): void {
    group?.remove();
    if (uid !== null) this.#options.uids?.release(uid);
  }

  #launch(spec: SandboxSpec, uid: number | null): Launched {
    const marker = this.#markerOf(spec);
    if (this.#options.rung === "process")
      return launchPlain({ spec, marker, leaked: this.#leaked });
    const { weakened } = this.#options;
    const limitsInside = !this.#enforces("pids") && !weakened.has("processLimit");
    return launchBubblewrap({
      spec,
      marker,
      leaked: this.#leaked,
      bubblewrap: findProgram("bwrap") ?? "/usr/bin/bwrap",
      skeleton: join(this.#workDirectory, "root"),
      hostSystem: this.#hostSystem,
      seccompFile: join(this.#workDirectory, "seccomp.bpf"),
      uid,
      processesMaxInside: limitsInside ? spec.limits.processesMax + INIT_PROCESSES : null,
      weakened,
    });
  }

  #markerOf(spec: SandboxSpec): string {
    return markerFor(this.#options.ownerName, spec.id);
  }

  #adopt(started: {
    readonly spec: SandboxSpec;
    readonly launched: Launched;
    readonly pid: number;
    readonly held: Held;
  }): RunningSandbox {
    const { spec, launched, pid, held } = started;
    const { rung } = this.#options;
    const sandbox = new RunningSandbox(
      {
        ...this.#deps,
        launched,
        tree: this.#treeOf(spec, launched, held.group),
        onGone: () => {
          this.#living.delete(spec.id);
          this.#watch.remove(sandbox);
          if (held.uid !== null) this.#options.uids?.release(held.uid);
        },
      },
      { id: spec.id, pid, rung, uid: held.uid },
    );
    this.#living.set(spec.id, sandbox);
    this.#watchLimits(sandbox, spec);
    return sandbox;
  }

  #treeOf(spec: SandboxSpec, { child, status }: Launched, group: SandboxGroup | null): Tree {
    if (group !== null) return createGroupTree(group, this.#options.hierarchies);
    const handle = {
      rootPid: child.pid ?? -1,
      isRootAlive: () => child.exitCode === null && child.signalCode === null,
      marker: this.#markerOf(spec),
    };
    return status === null
      ? createTableTree({ ...handle, recentTable: () => this.#watch.recentTable() })
      : createInitTree({ ...handle, initPid: () => status.initPid() });
  }

  #watchLimits(sandbox: RunningSandbox, { limits }: SandboxSpec): void {
    const { rung, weakened } = this.#options;
    const looksAtMemory = !this.#enforces("memory") && !weakened.has("memoryLimit");
    this.#watch.add(sandbox, {
      memoryBytes: looksAtMemory ? limits.memoryBytes : undefined,
      processesMax: rung === "process" ? limits.processesMax : undefined,
    });
  }

  #setPriority(pid: number, { limits }: SandboxSpec): void {
    tryWrite(`/proc/${pid}/oom_score_adj`, OOM_SCORE_ADJUSTMENT);
    if (!this.#enforces("cpu")) lowerPriority(pid, limits.cpuShares);
  }
}

function startFailed(id: string, error: unknown): PlatformError {
  const problem = error instanceof Error ? error.message : String(error);
  return fail("SANDBOX_START_FAILED", { id, problem }, error);
}

/**
 * A started sandbox: watches its outermost process, sees to it that nothing outlives it, and says
 * how it ended. However it ends (by itself, by a limit, by `kill`), the same clean-up runs before
 * `exited` resolves.
 */
import { setPriority } from "node:os";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { Clock, Log } from "@skerry/base";
import { decideExit, type ExitFacts } from "./exit.ts";
import type { Launched } from "./launch.ts";
import type { Sandbox, SandboxExit, SandboxRung, SandboxUsage } from "./ports.ts";
import { listThreads } from "./process-table.ts";
import type { Tree } from "./tree.ts";

export interface RunningSandboxDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly launched: Launched;
  readonly tree: Tree;
  /** Runs once, when nothing of the sandbox is left. */
  readonly onGone: () => void;
}

export interface RunningSandboxOptions {
  readonly id: string;
  readonly pid: number;
  readonly rung: SandboxRung;
  readonly uid: number | null;
}

/** Kernel work after SIGKILL takes microseconds to milliseconds; the pauses grow from 1 ms. */
const GONE_PAUSE_MS_MAX = 50;
const GONE_DEADLINE_MS = 10_000;

export class RunningSandbox implements Sandbox {
  readonly id: string;
  readonly pid: number;
  readonly rung: SandboxRung;
  readonly uid: number | null;
  readonly link: Socket;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<SandboxExit>;
  readonly #deps: RunningSandboxDeps;
  #killedFor: ExitFacts["killedFor"] = null;
  #ended = false;
  #lastUsage: SandboxUsage = { memoryBytes: 0, cpuUs: 0, processes: 0 };

  constructor(deps: RunningSandboxDeps, options: RunningSandboxOptions) {
    const { launched } = deps;
    this.#deps = deps;
    this.id = options.id;
    this.pid = options.pid;
    this.rung = options.rung;
    this.uid = options.uid;
    this.link = launched.link;
    this.stdout = launched.stdout;
    this.stderr = launched.stderr;
    // A broken pipe is how an ended peer looks; the end itself is reported by `exited`.
    for (const stream of [this.link, this.stdout, this.stderr]) stream.on("error", () => undefined);
    const outermost = new Promise<Pick<ExitFacts, "code" | "signal">>((resolve) => {
      launched.child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    this.exited = this.#settle(outermost);
  }

  rest(): void {
    if (!this.#ended) this.#deps.tree.rest();
  }

  resume(): void {
    if (!this.#ended) this.#deps.tree.resume();
  }

  usage(): SandboxUsage {
    if (this.#ended) return this.#lastUsage;
    const usage = this.#deps.tree.usage();
    this.#lastUsage = { ...usage, cpuUs: Math.max(usage.cpuUs, this.#lastUsage.cpuUs) };
    return this.#lastUsage;
  }

  kill(): Promise<SandboxExit> {
    return this.killFor("caller");
  }

  /** As `kill`, saying which limit was passed. The first reason given stands. */
  killFor(reason: NonNullable<ExitFacts["killedFor"]>): Promise<SandboxExit> {
    if (!this.#ended && this.#killedFor === null) {
      this.#killedFor = reason;
      void this.#killUntilEnded();
    }
    return this.exited;
  }

  async #killUntilEnded(): Promise<void> {
    for (let pauseMs = 1; !this.#ended; pauseMs = Math.min(pauseMs * 2, GONE_PAUSE_MS_MAX)) {
      this.#deps.tree.kill();
      // It may not be in its group yet, or be alone and not yet have made what is to end it.
      if (pauseMs > 2) this.#deps.launched.child.kill("SIGKILL");
      await pause(this.#deps.clock, pauseMs);
    }
  }

  async #settle(outermost: Promise<Pick<ExitFacts, "code" | "signal">>): Promise<SandboxExit> {
    const { code, signal } = await outermost;
    this.usage();
    this.#ended = true;
    await this.#clearAway();
    const hasRun = await (this.#deps.launched.status?.hasRun ?? true);
    this.#deps.onGone();
    return decideExit({
      rung: this.rung,
      code,
      signal,
      killedFor: this.#killedFor,
      oomKills: this.#deps.tree.oomKills(),
      started: hasRun || signal !== null,
    });
  }

  async #clearAway(): Promise<void> {
    const { clock, log, tree } = this.#deps;
    const deadline = clock.monotonicMs() + GONE_DEADLINE_MS;
    for (let pauseMs = 1; !tree.isGone(); pauseMs = Math.min(pauseMs * 2, GONE_PAUSE_MS_MAX)) {
      if (clock.monotonicMs() > deadline) {
        log.error("a sandbox left something behind that the kernel does not let go", {
          id: this.id,
          pids: tree.rows().map((row) => row.pid),
        });
        this.#deps.launched.status?.abandon();
        return;
      }
      tree.kill();
      await pause(clock, pauseMs);
    }
  }
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.schedule(delayMs, resolve));
}

/** Every step of `nice` is worth about 1.25 in weight; a normal user may only go down. */
export function niceOfWeight(weight: number): number {
  const steps = Math.round(Math.log(100 / Math.max(1, weight)) / Math.log(1.25));
  return Math.min(19, Math.max(0, steps));
}

/** CPU by priority only: what is left where no group weighs it. Never fails. */
export function lowerPriority(pid: number, weight: number): void {
  for (const thread of listThreads(pid)) {
    try {
      setPriority(thread, niceOfWeight(weight));
    } catch {
      // It has ended, or its priority is lower already, which only root may raise.
    }
  }
}

/** A trigger over a log: keeps its leases, and a lane for each. */
import { assert, type Cancel, type Clock, type Random } from "@skerry/base";
import { Lane } from "./lane.ts";
import type { LaneLease, LogPort } from "./log-port.ts";
import type {
  Acknowledged,
  BatchEnd,
  SeekTarget,
  TriggerBatch,
  TriggerSink,
  TriggerSource,
} from "./trigger.ts";

export interface LogSourceDeps {
  readonly port: LogPort;
  readonly clock: Clock;
  readonly random: Random;
}

export interface LogSourceOptions {
  /** How often leases are renewed and taken, and the log's ends are looked at. */
  readonly leaseEveryMs: number;
}

/** Adds to the contract what a log on the same machine can tell at once. */
export interface LogSource extends TriggerSource {
  /** Something was published: read now instead of at the next look. */
  appended(lane: string, endOffset: number): void;
  /** Looks at the leases now. */
  refresh(): Promise<void>;
}

export function createLogSource(deps: LogSourceDeps, options: LogSourceOptions): LogSource {
  return new LeasedLog(deps, options);
}

class LeasedLog implements LogSource {
  readonly #deps: LogSourceDeps;
  readonly #options: LogSourceOptions;
  readonly #lanes = new Map<string, Lane>();
  #sink: TriggerSink | undefined;
  #isStopped = false;
  #cancelNext: Cancel | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(deps: LogSourceDeps, options: LogSourceOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async start(sink: TriggerSink): Promise<void> {
    assert(this.#sink === undefined, "a source starts once");
    this.#sink = sink;
    await this.#tick();
  }

  async pause(): Promise<void> {
    await this.#setPaused(true);
  }

  async resume(): Promise<void> {
    await this.#setPaused(false);
  }

  /** After a look at the leases that was under way: it may know of the former state only. */
  async #setPaused(isPaused: boolean): Promise<void> {
    await this.#deps.port.setPaused(isPaused);
    await this.refresh();
    const lanes = [...this.#lanes.values()];
    await Promise.all(lanes.map((lane) => lane.told({ kind: "paused", isPaused })));
  }

  async acknowledge(name: string, end: BatchEnd): Promise<Acknowledged> {
    const at = name.lastIndexOf("/");
    const lane = this.#lanes.get(name.slice(0, at));
    if (lane === undefined) return "stale";
    return lane.acknowledge(Number(name.slice(at + 1)), end);
  }

  lag(): Promise<number> {
    return this.#deps.port.lag();
  }

  async seek(to: SeekTarget): Promise<void> {
    await this.#deps.port.seek(to);
    for (const [name, lane] of this.#lanes) {
      if (to.kind !== "offsets" || to.offsets[name] !== undefined) lane.close();
    }
    await this.refresh();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelNext?.();
    await this.#refreshing;
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    for (const lane of lanes) lane.close();
    await Promise.allSettled(lanes.map((lane) => this.#deps.port.release(lane.lease)));
  }

  appended(lane: string, endOffset: number): void {
    this.#lanes.get(lane)?.tell({ kind: "appended", endOffset });
  }

  async refresh(): Promise<void> {
    this.#refreshing = (this.#refreshing ?? Promise.resolve()).then(() => this.#refresh());
    await this.#refreshing;
  }

  async #tick(): Promise<void> {
    await this.refresh();
    if (this.#isStopped) return;
    const again = (): void => void this.#tick();
    this.#cancelNext = this.#deps.clock.schedule(this.#options.leaseEveryMs, again, {
      background: true,
    });
  }

  async #refresh(): Promise<void> {
    if (this.#isStopped) return;
    let leases: readonly LaneLease[];
    try {
      leases = await this.#deps.port.leases();
    } catch {
      // Nothing is known: lanes go on, and their saves are refused if others have them.
      return;
    }
    const tokens = new Map(leases.map(({ lane, token }) => [lane, token]));
    for (const [name, lane] of this.#lanes) {
      if (!lane.isClosed && tokens.get(name) === lane.lease.token) continue;
      lane.close();
      this.#lanes.delete(name);
    }
    for (const lease of leases) await this.#renew(lease);
  }

  async #renew(lease: LaneLease): Promise<void> {
    const lane = this.#lanes.get(lease.lane);
    if (lane === undefined) return await this.#open(lease);
    const { endOffset } = lease;
    lane.tell({ kind: "appended", endOffset });
    lane.tell({ kind: "paused", isPaused: lease.isPaused || lease.isUnwanted });
    if (!lease.isUnwanted || !lane.isQuiet) return;
    lane.close();
    this.#lanes.delete(lease.lane);
    await this.#deps.port.release(lease).catch(() => undefined);
  }

  async #open(lease: LaneLease): Promise<void> {
    const { port, clock, random } = this.#deps;
    try {
      const start = await port.open(lease);
      if (start === undefined || this.#isStopped) return;
      const deliver = (batch: TriggerBatch): void => this.#sink?.deliver(batch);
      const lane = new Lane({ port, clock, random, deliver }, lease, start);
      this.#lanes.set(lease.lane, lane);
      lane.begin();
    } catch {
      // The next look tries again.
    }
  }
}

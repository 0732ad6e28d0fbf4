/**
 * What the builds of deployments tell, on its way into the store: gathered for a moment and written
 * together, in order. A log is told on a best effort: a store that is down loses lines, never a
 * deployment.
 */
import type { Cancel, Clock, DeploymentId, Log } from "@skerry/base";
import { BUILD_LOG } from "@skerry/contracts";
import type { DeploymentLogText } from "@skerry/functions/catalogue";
import type { Changes } from "./changes.ts";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface DeploymentLogsDeps {
  readonly store: ControlStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of `logSubject` whenever lines were stored. */
  readonly changes: Changes;
}

/** Who waits for new lines of a deployment waits for this. */
export function logSubject(id: DeploymentId): string {
  return `${id}/log`;
}

const GATHER_MS = 150;
/** Written together at most. */
const CHUNK_LINES = 100;
/** Lines of one deployment that wait for the store; more are dropped and counted. */
const WAITING_MAX = 5_000;

interface Gathering {
  lines: DeploymentLogText[];
  /** Those of `lines`, and those that are being written. */
  waiting: number;
  dropped: number;
  cancel: Cancel | undefined;
  writing: Promise<void>;
}

export class DeploymentLogs {
  readonly #deps: DeploymentLogsDeps;
  readonly #gatherings = new Map<DeploymentId, Gathering>();

  constructor(deps: DeploymentLogsDeps) {
    this.#deps = deps;
  }

  add(id: DeploymentId, functionName: string, text: string): void {
    const gathering = this.#of(id);
    if (gathering.waiting >= WAITING_MAX) {
      gathering.dropped += 1;
      return;
    }
    gathering.waiting += 1;
    gathering.lines.push({ atMs: this.#deps.clock.wallMs(), functionName, text });
    if (gathering.lines.length >= CHUNK_LINES) void this.flush(id);
    else gathering.cancel ??= this.#deps.clock.schedule(GATHER_MS, () => void this.flush(id));
  }

  /** Resolves once what was added so far is stored, or lost. Never rejects. */
  async flush(id: DeploymentId): Promise<void> {
    const gathering = this.#gatherings.get(id);
    if (gathering === undefined) return;
    gathering.cancel?.();
    gathering.cancel = undefined;
    const { lines, dropped } = gathering;
    const count = lines.length;
    gathering.lines = [];
    gathering.dropped = 0;
    const [last] = lines.slice(-1);
    if (dropped > 0 && last !== undefined) {
      lines.push({ ...last, text: `… ${dropped} lines left out` });
    }
    if (lines.length > 0) {
      gathering.writing = gathering.writing.then(() => this.#write(id, lines));
      void gathering.writing.then(() => (gathering.waiting -= count));
    }
    await gathering.writing;
    if (gathering.waiting <= 0) this.#gatherings.delete(id);
  }

  #of(id: DeploymentId): Gathering {
    const known = this.#gatherings.get(id);
    if (known !== undefined) return known;
    const writing = Promise.resolve();
    const fresh: Gathering = { lines: [], waiting: 0, dropped: 0, cancel: undefined, writing };
    this.#gatherings.set(id, fresh);
    return fresh;
  }

  async #write(id: DeploymentId, lines: readonly DeploymentLogText[]): Promise<void> {
    const { store, log, changes } = this.#deps;
    try {
      const args = { id, lines, bytesMax: BUILD_LOG.deploymentBytesMax };
      await store.call(storeModule, "appendDeploymentLog", args);
    } catch (error) {
      log.warn("lines of a deployment's log were lost", { deployment: id, error: String(error) });
    }
    changes.announce(logSubject(id));
  }
}

/**
 * Works deployments off. What is to be done next is decided and stored by `stepDeployment`; this
 * shell only performs it: builds on an agent, the activating transaction, the wait for consumers.
 * Deployments of one app run one after another in the order of their acceptance. A restart takes up
 * whatever has not ended; a store that is down is waited for.
 */
import {
  backoffMs,
  delay,
  PlatformError,
  unreachable,
  type Clock,
  type DeploymentId,
  type IdSource,
  type Log,
  type Random,
} from "@skerry/base";
import { WEB_PORT, type BuildHead } from "@skerry/contracts";
import {
  hasEnded,
  type AdvancedDeployment,
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentRecord,
  type UnfinishedDeployment,
} from "@skerry/functions/catalogue";
import { ANY_SOURCE, type CodeHolds } from "@skerry/code-store";
import type { Changes } from "./changes.ts";
import type { DeploymentLogs } from "./deployment-logs.ts";
import type { ControlLimits } from "./limits.ts";
import type { Agents, ConfigFeed, Peers } from "@skerry/control-links";
import type { FreshIds } from "./procedures/deploying.ts";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface DeploymentWorkerDeps {
  readonly store: ControlStore;
  readonly agents: Agents;
  readonly feed: ConfigFeed;
  readonly peers: Peers;
  /** Told of every step. */
  readonly changes: Changes;
  readonly logs: Pick<DeploymentLogs, "add" | "flush">;
  readonly holds: Pick<CodeHolds, "holding">;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const RETRY = { delayMsMin: 100, delayMsMax: 5_000 };
const LOAD_PAGE = 500;

export class DeploymentWorker {
  readonly #deps: DeploymentWorkerDeps;
  readonly #limits: ControlLimits;
  readonly #stopping = new AbortController();
  /** Waiting deployments by app; the map keeps apps in the order in which they began to wait. */
  readonly #waiting = new Map<string, DeploymentId[]>();
  readonly #runningApps = new Set<string>();
  readonly #runs = new Set<Promise<void>>();
  readonly #known = new Set<DeploymentId>();

  constructor(deps: DeploymentWorkerDeps, options: { readonly limits: ControlLimits }) {
    this.#deps = deps;
    this.#limits = options.limits;
  }

  /** Takes up what an earlier run left unfinished. */
  async load(): Promise<void> {
    let after = "";
    for (;;) {
      const page = await this.#deps.store.call(storeModule, "listUnfinishedDeployments", {
        after,
        limit: LOAD_PAGE,
      });
      for (const deployment of page) this.submit(deployment);
      if (page.length < LOAD_PAGE) return;
      after = page.at(-1)?.id ?? after;
    }
  }

  /** Works on a stored deployment as soon as its turn comes. Twice is once. */
  submit(deployment: UnfinishedDeployment): void {
    if (this.#known.has(deployment.id)) return;
    this.#known.add(deployment.id);
    const app = `${deployment.accountId}/${deployment.app}`;
    const queue = this.#waiting.get(app);
    if (queue === undefined) this.#waiting.set(app, [deployment.id]);
    else queue.push(deployment.id);
    this.#startNext();
  }

  /** Lets go of everything; what has not ended goes on after the next start. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#runs);
  }

  #startNext(): void {
    for (const [app, queue] of this.#waiting) {
      if (this.#runs.size >= this.#limits.deploymentsAtOnce || this.#stopping.signal.aborted)
        return;
      if (this.#runningApps.has(app) || !this.#hasTurn(accountOf(app))) continue;
      const id = queue.shift();
      if (queue.length === 0) this.#waiting.delete(app);
      if (id !== undefined) this.#start(app, id);
    }
  }

  /** One account that deploys much leaves room for others. */
  #hasTurn(account: string): boolean {
    const running = [...this.#runningApps].filter((app) => accountOf(app) === account);
    return running.length < this.#limits.deploymentsAtOncePerAccount;
  }

  #start(app: string, id: DeploymentId): void {
    this.#runningApps.add(app);
    const run = this.#run(id).finally(() => {
      this.#runs.delete(run);
      this.#runningApps.delete(app);
      this.#known.delete(id);
      this.#startNext();
    });
    this.#runs.add(run);
  }

  /**
   * Drives one deployment to its end, from its stored state anew whenever a step could not be
   * stored.
   */
  async #run(id: DeploymentId): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await this.#take(await this.#replan(id));
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.log.warn("a step of a deployment could not be taken", { deployment: id, error });
        if (!isPassing(error) && (await this.#failed(id, error))) return;
        const waitMs = backoffMs(attempt, RETRY, this.#deps.random);
        await delay(this.#deps.clock, waitMs, signal).catch(() => undefined);
      }
    }
  }

  #replan(id: DeploymentId): Promise<AdvancedDeployment | undefined> {
    const wallMs = this.#deps.clock.wallMs();
    return this.#deps.store.call(storeModule, "replanDeployment", { id, wallMs });
  }

  /** Ends a deployment that cannot go on; false when not even that can be stored now. */
  async #failed(id: DeploymentId, cause: unknown): Promise<boolean> {
    const error = PlatformError.from(cause).toWire();
    const wallMs = this.#deps.clock.wallMs();
    try {
      const event: DeploymentEvent = { kind: "failed", error };
      const taken = await this.#deps.store.call(storeModule, "stepDeployment", {
        id,
        event,
        wallMs,
      });
      this.#deps.changes.announce(id);
      return taken === undefined || hasEnded(taken.record.state);
    } catch {
      return false;
    }
  }

  /**
   * Performs what a step asks for, side by side; rejects when one of it could not be stored, after
   * all have ended.
   */
  async #take(step: AdvancedDeployment | undefined): Promise<void> {
    if (step === undefined) return;
    this.#deps.changes.announce(step.record.id);
    const effects = step.effects.map((effect) => this.#perform(step.record, effect));
    const failure = (await Promise.allSettled(effects)).find(({ status }) => status === "rejected");
    if (failure?.status === "rejected") throw PlatformError.from(failure.reason);
  }

  async #perform(record: DeploymentRecord, effect: DeploymentEffect): Promise<void> {
    switch (effect.kind) {
      case "plan":
        return this.#take(await this.#replan(record.id));
      case "build":
        return this.#step(record, await this.#build(record, effect.name));
      case "activate":
        return this.#take(await this.#activate(record));
      case "awaitApplied":
        return this.#step(record, await this.#awaitApplied(effect.seq));
      default:
        return unreachable(effect);
    }
  }

  async #step(record: DeploymentRecord, event: DeploymentEvent): Promise<void> {
    const args = { id: record.id, event, wallMs: this.#deps.clock.wallMs() };
    return this.#take(await this.#deps.store.call(storeModule, "stepDeployment", args));
  }

  async #build(record: DeploymentRecord, name: string): Promise<DeploymentEvent> {
    const { signal } = this.#stopping;
    const fn = record.state.functions.find((each) => each.name === name);
    const head: BuildHead | undefined = fn && buildHeadOf(record, fn);
    if (head === undefined) return { kind: "resumed" };
    const { agents, holds, logs } = this.#deps;
    const hear = (line: string): void => logs.add(record.id, name, line);
    try {
      const reply = await holds.holding(
        [head.sourceDigest, ...(head.layers ?? []), ANY_SOURCE],
        () => agents.build(head, signal, hear),
      );
      if (!reply.ok) return { kind: "failed", name, error: reply.error };
      return { kind: "built", app: record.app, name, outcome: reply };
    } catch (error) {
      signal.throwIfAborted();
      return { kind: "failed", name, error: PlatformError.from(error).toWire() };
    } finally {
      // Whoever sees the step finds the lines that led to it.
      await logs.flush(record.id);
    }
  }

  async #activate(record: DeploymentRecord): Promise<AdvancedDeployment | undefined> {
    const wallMs = this.#deps.clock.wallMs();
    const args = { id: record.id, fresh: this.#freshIds(record), wallMs };
    try {
      const step = await this.#deps.store.call(storeModule, "activateDeployment", args);
      this.#deps.feed.committed(step?.record.state.activatedSeq ?? 0);
      return step;
    } catch (error) {
      await this.#deps.feed.refresh();
      throw error;
    }
  }

  #freshIds(record: DeploymentRecord): FreshIds {
    const { ids } = this.#deps;
    const functions = Object.fromEntries(
      record.state.functions.map(({ name }) => [
        name,
        { functionId: ids.id("fn"), revisionId: ids.id("rev") },
      ]),
    );
    return { appId: ids.id("app"), auditId: ids.id("aud"), functions };
  }

  async #awaitApplied(seq: number): Promise<DeploymentEvent> {
    const { peers, clock } = this.#deps;
    const { signal } = this.#stopping;
    const deadlineMs = this.#limits.appliedDeadlineMs;
    await peers.waitUntil(() => peers.behind(seq).length === 0, { clock, deadlineMs, signal });
    signal.throwIfAborted();
    return { kind: "applied", stragglers: peers.behind(seq) };
  }
}

/** Of an app's key, which is `account/app`. */
function accountOf(app: string): string {
  return app.slice(0, app.indexOf("/"));
}

/** True when the same step may succeed later; also when it is not known whether it did. */
function isPassing(error: unknown): boolean {
  const { retryable, code } = PlatformError.from(error);
  return retryable || code === "UNAVAILABLE";
}

function buildHeadOf(
  { accountId, app }: DeploymentRecord,
  { sourceDigest, config }: DeploymentRecord["state"]["functions"][number],
): BuildHead {
  const { entry = null, command = null, port = WEB_PORT } = config;
  const { runtime, handler, env, memoryMb, initTimeoutMs } = config;
  const program = { runtime, entry, command, port, handler };
  const { connect = {} } = config;
  const limits = { env, memoryMb, initTimeoutMs };
  const names = { connect: Object.keys(connect), secrets: Object.keys(config.secrets ?? {}) };
  const owner = { app: { accountId, name: app } };
  const layers = config.layers === undefined ? {} : { layers: config.layers };
  return { op: "build", sourceDigest, ...program, ...limits, ...names, ...owner, ...layers };
}

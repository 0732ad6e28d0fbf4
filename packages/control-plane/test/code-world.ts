/**
 * A small world around the real handlers of deployments, the real deployment worker and the real
 * code sweeper, over a real store in memory. Played here: the disk with the code, the agents with
 * their instances and their lagging configuration, clients, the clock, and crashes of control. The
 * world keeps its own books and fails as soon as code that somebody needs is not there.
 */
import {
  createIdSource,
  PlatformError,
  seededRandom,
  silentLog,
  type AccountId,
  type IdSource,
  type KeyId,
  type Random,
} from "@skerry/base";
import type { StoredCode } from "@skerry/code-store";
import type { BuildHead, BuildReply } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { openMemoryStore, type Store } from "@skerry/store";
import { HandClock } from "@skerry/testkit";
import type { ApiDeps } from "../src/api/api-deps.ts";
import type { Answer, OperationCall } from "@skerry/api-serving";
import { deploymentHandlers } from "../src/api/handle-deployments.ts";
import { Changes } from "../src/changes.ts";
import { CodeHolds } from "@skerry/code-store";
import { CodeSweeper } from "../src/code-sweeper.ts";
import { DeploymentWorker } from "../src/deployment-worker.ts";
import { CONTROL_LIMITS } from "../src/limits.ts";
import type { AgentArtefacts } from "@skerry/control-links";
import { storeModule, storeModuleUrl, type ControlStore } from "../src/store-module.ts";
import { probeModuleUrl, storeModule as probeModule } from "./probe-module.ts";
import { Turns } from "./turns.ts";

const GRACE_MS = 100_000;
const ABSENCE_MS = 10_000;
const SOURCES = 4;
const MEMORY_MB = [128, 256];
const APPS = ["shop", "blog"];
const FUNCTIONS = ["one", "two"];
const AGENTS = 2;

/** Takes one of the protections away. */
export interface Bugs {
  readonly agents?: (answers: readonly AgentArtefacts[]) => readonly AgentArtefacts[];
  readonly holds?: Pick<CodeHolds, "holding" | "unlessHeld">;
  readonly store?: (store: ControlStore) => ControlStore;
  readonly graceMs?: number;
}

interface PlayedAgent {
  readonly id: string;
  /** Artefact of each function as the agent last heard. */
  readonly fold: Map<string, string>;
  readonly instances: Set<{ readonly artefact: string }>;
  appliedSeq: number;
  /** When its link broke; it is back before it is no longer waited for. */
  awaySinceMs: number | undefined;
}

interface Books {
  readonly deployed: number;
  readonly started: number;
  readonly removed: number;
  readonly crashes: number;
}

export class CodeWorld {
  readonly #seed: number;
  readonly #bugs: Bugs;
  readonly #random: Random;
  readonly #turns: Turns;
  readonly #clock = new HandClock();
  readonly #ids: IdSource;
  readonly #store: Store;
  readonly #accountId: AccountId;
  readonly #disk = new Map<string, StoredCode>();
  readonly #agents: PlayedAgent[];
  #handlers!: ReturnType<typeof deploymentHandlers>;
  #sweeper!: CodeSweeper;
  #sweeping = false;
  #isPeace = false;
  #violation: string | undefined;
  readonly #books = { deployed: 0, started: 0, removed: 0, crashes: 0 };

  private constructor(seed: number, bugs: Bugs, store: Store) {
    this.#seed = seed;
    this.#bugs = bugs;
    this.#random = seededRandom(seed);
    this.#turns = new Turns(this.#random);
    this.#ids = createIdSource({ clock: this.#clock, random: this.#random });
    this.#store = store;
    this.#accountId = this.#ids.id("acct");
    this.#agents = Array.from({ length: AGENTS }, (_, i) => ({
      ...{ id: `agent${i}`, fold: new Map(), instances: new Set() },
      ...{ appliedSeq: 0, awaySinceMs: undefined },
    }));
  }

  /** Plays `turns` turns and then peace; throws at the first broken promise. */
  static async run(seed: number, turns: number, bugs: Bugs = {}): Promise<Books> {
    const modules = [
      { module: storeModule, url: storeModuleUrl },
      { module: probeModule, url: probeModuleUrl },
    ];
    const store = await openMemoryStore({ log: silentLog(), clock: new HandClock() }, { modules });
    try {
      const world = new CodeWorld(seed, bugs, store);
      world.#begin();
      for (let turn = 0; turn < turns; turn += 1) await world.#turn();
      await world.#peace();
      return world.#books;
    } finally {
      await store.close();
    }
  }

  #begin(): void {
    const { call } = this.#bugs.store?.(this.#calls) ?? this.#calls;
    const holds = this.#bugs.holds ?? new CodeHolds();
    const limits = {
      ...CONTROL_LIMITS,
      ...{ codeGraceMs: this.#bugs.graceMs ?? GRACE_MS, revisionsKept: this.#seed % 3 },
    };
    const agents = {
      build: (head: BuildHead) => this.#build(head),
      artefactsInUse: () => this.#artefactsInUse(),
    };
    const peers = { waitUntil: () => this.#turns.pause(), behind: () => [] };
    const feed = { committed: () => undefined, refresh: async () => undefined };
    const changes = new Changes();
    const deps = {
      ...{ store: { call }, codeStore: this.#codeStore, agents, peers, feed, changes, holds },
      ...{ ids: this.#ids, clock: this.#clock, random: this.#random, log: silentLog(), limits },
      urlsOf: () => [],
      logs: { add: () => undefined, flush: async () => undefined },
      metrics: { sizes: async () => ({ lines: 0, records: 0 }) },
    };
    const worker = new DeploymentWorker(deps as never, { limits });
    this.#handlers = deploymentHandlers({ ...deps, worker } as unknown as ApiDeps);
    this.#sweeper = new CodeSweeper(deps, { limits });
    this.#sweeping = false;
    this.#flow(() => worker.load());
  }

  get #calls(): ControlStore {
    const call = async (module: never, name: never, args: never): Promise<unknown> => {
      await this.#turns.pause();
      return this.#turns.during(this.#store.call(module, name, args));
    };
    return { call: call as Store["call"] };
  }

  async #turn(): Promise<void> {
    const act = this.#pick([
      ...[() => this.#deploy(), () => this.#startSweep(), () => this.#startSweep()],
      ...[() => this.#syncAgent(), () => this.#syncAgent(), () => this.#startInstance()],
      ...[() => this.#startInstance(), () => this.#endInstance(), () => this.#wait()],
      ...[() => this.#flapAgent(), () => this.#deleteFunction()],
    ]);
    if (this.#random.float() < 0.3) act();
    if (this.#random.float() < 0.002) await this.#crash();
    await this.#turns.next();
    this.#assertKept();
  }

  /** Everything ends well, and what nobody needs is gone after the grace. */
  async #peace(): Promise<void> {
    this.#isPeace = true;
    while (await this.#turns.next()) this.#assertKept();
    for (const agent of this.#agents) {
      agent.awaySinceMs = undefined;
      agent.instances.clear();
      await this.#sync(agent);
    }
    for (let round = 0; round < 3; round += 1) {
      this.#clock.advance(GRACE_MS);
      this.#startSweep();
      while (await this.#turns.next()) this.#assertKept();
    }
    const needed = await this.#needed();
    for (const name of this.#disk.keys()) {
      if (!needed.has(name)) this.#fail(`${name} is still there`);
    }
    this.#assertKept();
  }

  async #needed(): Promise<ReadonlySet<string>> {
    return new Set(await this.#store.call(probeModule, "namedByRevisions", null));
  }

  #assertKept(): void {
    if (this.#violation !== undefined) throw new Error(this.#violation);
  }

  #fail(what: string): void {
    this.#violation ??= what;
  }

  /** A flow of its own; what it may fail with is said by `passes`. */
  #flow(work: () => Promise<unknown>): void {
    void work().catch((error: unknown) => this.#fail(`a flow failed: ${String(error)}`));
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random.float() * from.length)] as T;
  }

  #wait(): void {
    const byMs = this.#random.float() < 0.2 ? GRACE_MS / 2 : GRACE_MS / 50;
    const backMs = this.#clock.monotonicMs() + byMs - ABSENCE_MS;
    for (const agent of this.#agents) {
      if ((agent.awaySinceMs ?? Infinity) <= backMs) agent.awaySinceMs = undefined;
    }
    this.#clock.advance(byMs);
  }

  async #crash(): Promise<void> {
    await this.#turns.crash();
    this.#books.crashes += 1;
    this.#begin();
  }

  #startSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#flow(async () => {
      await this.#sweeper.sweep();
      this.#sweeping = false;
    });
  }

  // Clients.

  #deploy(): void {
    this.#books.deployed += 1;
    const app = this.#pick(APPS);
    const name = this.#pick(FUNCTIONS);
    const sourceDigest = `src_${String(Math.floor(this.#random.float() * SOURCES)).repeat(64)}`;
    const config = functionConfig.parse({ memoryMb: this.#pick(MEMORY_MB) });
    const body = { functions: [{ name, sourceDigest, config }] };
    const ask = (digest = ""): OperationCall<never> => this.#callOf({ app, digest }, body);
    this.#flow(async () => {
      const beganMs = this.#clock.wallMs();
      const plan = valueOf(await this.#handlers.planDeployment(ask())) as Plan;
      if (plan.functions[0]?.needsUpload === true) {
        await this.#handlers.putPackage(ask(sourceDigest));
      }
      await this.#turns.pause();
      try {
        await this.#handlers.createDeployment(ask());
      } catch (error) {
        const isLate = this.#clock.wallMs() - beganMs >= GRACE_MS;
        if (PlatformError.from(error).reason !== "SOURCE_MISSING" || !isLate) throw error;
      }
    });
  }

  #callOf(params: { app: string; digest: string }, body: object): OperationCall<never> {
    const principal = { accountId: this.#accountId, keyId: "key_1" as KeyId };
    const stamp = (): object => ({
      ...{ id: this.#ids.id("aud"), requestId: this.#ids.requestId() },
      ...{ ...principal, atMs: this.#clock.wallMs(), claim: null },
    });
    const req = { headers: {} };
    return { principal, params, body, req, stamp } as never;
  }

  #deleteFunction(): void {
    const [app, name] = [this.#pick(APPS), this.#pick(FUNCTIONS)];
    const { stamp } = this.#callOf({ app, digest: "" }, {});
    this.#flow(async () => {
      const args = { stamp: stamp(), app, name, ifVersion: null };
      await this.#calls.call(storeModule, "deleteFunction", args).catch(passes("NOT_FOUND"));
    });
  }

  // The disk.

  readonly #codeStore = {
    has: async (name: string) => this.#disk.has(name),
    list: async () => [...this.#disk.values()],
    putArchive: async (digest: string) => {
      if (!this.#disk.has(digest)) await this.#turns.pause();
      this.#put(digest, "source", null);
      await this.#turns.pause();
      return { digest, bytes: 1, files: 1 };
    },
    remove: async (name: string) => {
      for (let slow = this.#random.float() * 8; slow > 0; slow -= 1) await this.#turns.pause();
      const removed = this.#disk.delete(name);
      if (removed) this.#books.removed += 1;
      await this.#checkRemoved(name);
      await this.#turns.pause();
      return removed;
    },
  };

  #put(name: string, kind: StoredCode["kind"], builtFrom: string | null): void {
    const storedAtMs = this.#clock.wallMs();
    this.#disk.set(name, { kind, name, builtFrom, bytes: 1, files: 1, storedAtMs });
  }

  async #checkRemoved(name: string): Promise<void> {
    if ((await this.#turns.during(this.#needed())).has(name)) {
      this.#fail(`${name} was removed and a kept revision names it`);
    }
    const uses = this.#agents.flatMap(({ instances }) => [...instances]);
    if (uses.some(({ artefact }) => artefact === name)) {
      this.#fail(`${name} was removed under an instance`);
    }
  }

  // Agents.

  async #build({ sourceDigest, memoryMb }: BuildHead): Promise<BuildReply> {
    await this.#turns.pause();
    const key = `art_${sourceDigest.slice(4, 66)}${memoryMb === 128 ? "aa" : "bb"}`;
    const reused = this.#disk.has(key);
    for (let slow = this.#random.float() * 8; slow > 0; slow -= 1) await this.#turns.pause();
    if (reused && !this.#disk.has(key)) this.#fail(`${key} went while a build reused it`);
    if (!this.#disk.has(sourceDigest)) this.#fail(`${sourceDigest} went under its build`);
    if (!reused) this.#put(key, "artefact", this.#random.float() < 0.2 ? null : sourceDigest);
    await this.#turns.pause();
    const failed = this.#random.float() < 0.2;
    return {
      ...{ ok: true, artefactKey: key, runtimeBuild: "node", reused },
      ...{ handlerKind: failed ? null : "event", initFailure: null },
    };
  }

  async #artefactsInUse(): Promise<readonly AgentArtefacts[]> {
    const answers = [];
    for (const { id, awaySinceMs, appliedSeq, instances } of this.#agents) {
      const isThere = awaySinceMs === undefined;
      const answersNow = isThere && (this.#isPeace || this.#random.float() > 0.1);
      answers.push({
        id,
        appliedSeq: isThere ? appliedSeq : undefined,
        artefacts: answersNow ? [...instances].map(({ artefact }) => artefact) : undefined,
      });
    }
    await this.#turns.pause();
    return this.#bugs.agents?.(answers) ?? answers;
  }

  #syncAgent(): void {
    const agent = this.#agents[this.#random.float() < 0.9 ? 0 : 1];
    if (agent === undefined || agent.awaySinceMs !== undefined) return;
    void this.#turns.during(this.#sync(agent));
  }

  async #sync(agent: PlayedAgent): Promise<void> {
    const args = { after: 0, limit: 1_000 };
    const { seq, entries } = await this.#store.call(storeModule, "readConfig", args);
    agent.fold.clear();
    for (const { key, value } of entries) {
      if (value?.kind === "function") agent.fold.set(key, value.latest.artefactKey);
    }
    agent.appliedSeq = seq;
  }

  #startInstance(): void {
    const agent = this.#pick(this.#agents);
    const artefact = this.#pick([...agent.fold.values(), undefined]);
    if (artefact === undefined) return;
    if (!this.#disk.has(artefact)) this.#fail(`${artefact} is not there for a start`);
    agent.instances.add({ artefact });
    this.#books.started += 1;
  }

  #endInstance(): void {
    const agent = this.#pick(this.#agents);
    const [oldest] = agent.instances;
    if (oldest !== undefined) agent.instances.delete(oldest);
  }

  #flapAgent(): void {
    const agent = this.#pick(this.#agents);
    agent.awaySinceMs = agent.awaySinceMs === undefined ? this.#clock.monotonicMs() : undefined;
  }
}

interface Plan {
  readonly functions: readonly { readonly needsUpload: boolean }[];
}

/** Handles errors of that code only. */
function passes(code: string): (error: unknown) => void {
  return (error) => {
    if (PlatformError.from(error).code !== code) throw error;
  };
}

function valueOf(answer: Answer): unknown {
  return answer.kind === "json" ? answer.value : undefined;
}

/**
 * Every instance of this node: starts them, holds the functions' limits, carries out what their
 * gateways ask and tells them how an instance ended. The count of a function includes starts under
 * way, so the limit holds however many gateways ask at once and also while control is away.
 */
import {
  assert,
  PlatformError,
  type FunctionId,
  type GatewayId,
  type InstanceId,
} from "@skerry/base";
import {
  LIMITS,
  type ColdReason,
  type InstanceExit,
  type InstanceGrant,
  type InstanceView,
  type RevisionEntry,
  type SpecialiseHead,
  type SpecialiseReply,
  type StartKind,
  type StartRefusal,
} from "@skerry/contracts";
import type { WarmKind } from "@skerry/instance-runtime";
import type { Sandbox, SandboxExit } from "@skerry/sandbox";
import { linkArtefact, LINKED_FILES_MAX, readArtefact, type Artefact } from "./artefact-files.ts";
import { Blanks } from "./blanks.ts";
import { POOL_POLICY, type PoolKey } from "./blank-pool.ts";
import { fail } from "./errors.ts";
import { initFailureOf, instanceExitOf } from "./init-failure.ts";
import { decideInstance, type InstanceEvent, type InstanceLife } from "./instance-life.ts";
import type { AgentDeps, AgentOptions, RevisionRef } from "./ports.ts";
import {
  startRuntimeProcess,
  type RuntimeProcess,
  type RuntimeProcessOptions,
} from "./runtime-process.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import { runtimeKindOf, type Warmth } from "./runtimes.ts";
import { readSpecialiseReply } from "./specialise-reply.ts";

export type StartCause = ColdReason | "provisioned";

export type StartOutcome =
  | { readonly ok: true; readonly grant: InstanceGrant }
  | { readonly ok: false; readonly refusal: StartRefusal };

interface Instance {
  readonly ref: RevisionRef;
  readonly process: RuntimeProcess;
  readonly grant: InstanceGrant;
  readonly startedWallMs: number;
  life: InstanceLife;
}

/** What loading the code came to; the link, free for a gateway, when it succeeded. */
type Loaded =
  | (SpecialiseReply & { readonly ok: true; readonly socket: Sandbox["link"] })
  | (SpecialiseReply & { readonly ok: false });

export interface InstancesListener {
  /** An instance that a gateway held has ended. */
  exited(gatewayId: GatewayId, instanceId: InstanceId, exit: InstanceExit): void;
  /** The number of instances of a function went down. */
  freed(functionId: FunctionId): void;
}

export class Instances {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #listener: InstancesListener;
  readonly #blanks: Blanks;
  readonly #live = new Map<InstanceId, Instance>();
  /** Claimed and not handed over yet. */
  readonly #starting = new Set<RuntimeProcess>();
  /** Starts under way and lives: each resolves once what it holds is handed over or gone. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #counts = new Map<FunctionId, number>();
  /** By id: what the pools' keys name. */
  readonly #pooled = new Map<string, RuntimeBuild>();
  readonly #artefacts = new Map<string, Promise<Artefact>>();
  /** Instances by the artefact they run from, starts under way included. */
  readonly #artefactUses = new Map<string, number>();
  #draining = false;
  #closed = false;

  constructor(deps: AgentDeps, options: AgentOptions, listener: InstancesListener) {
    this.#deps = deps;
    this.#options = options;
    this.#listener = listener;
    this.#blanks = new Blanks(
      {
        clock: deps.clock,
        log: deps.log,
        ids: deps.ids,
        start: (key) => this.#startBlank(key),
      },
      { ...POOL_POLICY, blanksPerPool: canUseBlanks(deps) ? options.blanks : 0 },
    );
  }

  /** Instances of the function, starts under way included. */
  countOf(functionId: FunctionId): number {
    return this.#counts.get(functionId) ?? 0;
  }

  get size(): number {
    return this.#live.size;
  }

  /** Instances, and starts that are not finished. */
  get underWay(): number {
    return this.#pending.size;
  }

  /** Makes a pool hot before anyone asks. A runtime that is missing is told when code needs it. */
  async warm(revision: Warmth): Promise<void> {
    const runtime = await this.#deps.runtimes.of(runtimeKindOf(revision.config)).catch(() => null);
    if (runtime !== null) this.#blanks.warm(this.#poolKey(runtime, revision));
  }

  /** Starts an instance of the revision and gives its link to the gateway. Never rejects. */
  async start(ref: RevisionRef, gatewayId: GatewayId, cause: StartCause): Promise<StartOutcome> {
    const refusal = this.#refusalOf(ref);
    if (refusal !== undefined) return { ok: false, refusal };
    this.#count(ref.fn.id, 1);
    addTo(this.#artefactUses, ref.revision.artefactKey, 1);
    return await this.#track(this.#startCounted(ref, gatewayId, cause));
  }

  /** Gives the count back unless the instance lives; then its end does. */
  async #startCounted(
    ref: RevisionRef,
    gatewayId: GatewayId,
    cause: StartCause,
  ): Promise<StartOutcome> {
    const { fn, revision } = ref;
    const askedMs = this.#deps.clock.monotonicMs();
    let process: RuntimeProcess | undefined;
    let isLive = false;
    try {
      const artefact = await this.#artefactOf(revision.artefactKey);
      const claimed = await this.#claim(revision, artefact);
      process = claimed.process;
      const placeUs = (this.#deps.clock.monotonicMs() - askedMs) * 1_000 - claimed.bootUs;
      this.#starting.add(process);
      if (this.#closed) throw fail("INSTANCE_START_FAILED", { why: "the agent stops" });
      process.collector.own({ f: fn.id, v: revision.id, i: process.id });
      const loaded = await this.#load(process, ref);
      if (!loaded.ok) {
        const initUs = (this.#deps.clock.monotonicMs() - askedMs) * 1_000;
        const { name, message } = loaded;
        return { ok: false, refusal: { kind: "init_failed", name, message, initUs } };
      }
      const grant: InstanceGrant = {
        instanceId: process.id,
        nodeId: this.#options.nodeId,
        functionId: fn.id,
        revisionId: revision.id,
        handlerKind: loaded.handlerKind,
        startKind: claimed.startKind,
        reason: cause,
        placeUs: Math.max(0, placeUs),
        bootUs: claimed.bootUs,
        codeUs: loaded.codeUs,
        initUs: loaded.initUs,
      };
      isLive = true;
      await this.#handOver({ ref, process, grant }, gatewayId, loaded.socket);
      return { ok: true, grant };
    } catch (error) {
      const { message } = PlatformError.from(error);
      this.#deps.log.warn("an instance did not start", { fn: fn.id, error: message });
      return { ok: false, refusal: { kind: "unavailable", why: message } };
    } finally {
      if (process !== undefined) this.#starting.delete(process);
      if (!isLive) await this.#giveBack(ref, process);
    }
  }

  /** What cannot be removed is told, and the function may use its limit again. */
  async #giveBack(ref: RevisionRef, process: RuntimeProcess | undefined): Promise<void> {
    await process?.destroy().catch((error: unknown) => {
      this.#deps.log.error("an instance was not removed", { error: String(error) });
    });
    addTo(this.#artefactUses, ref.revision.artefactKey, -1);
    this.#count(ref.fn.id, -1);
  }

  /**
   * Something a gateway or an operator asks of one instance; unknown ids are instances that just
   * ended.
   */
  ask(instanceId: InstanceId, event: InstanceEvent): boolean {
    const instance = this.#live.get(instanceId);
    if (instance === undefined) return false;
    const { life, effects } = decideInstance(instance.life, event);
    instance.life = life;
    for (const effect of effects) {
      if (effect === "rest") instance.process.sandbox.rest();
      else if (effect === "resume") instance.process.sandbox.resume();
      else if (effect === "kill") void instance.process.sandbox.kill();
    }
    return true;
  }

  /** Ends what a gateway held and nobody took over. */
  stopOfGateway(gatewayId: GatewayId): void {
    for (const [id, { life }] of this.#live) {
      const held = life.kind === "ready" || life.kind === "resting";
      if (held && life.gatewayId === gatewayId) this.ask(id, { kind: "stopAsked" });
    }
  }

  list(): readonly InstanceView[] {
    return [...this.#live.values()].map((instance) => this.#view(instance));
  }

  /** Artefacts from which instances run or are being started. */
  artefactsInUse(): readonly string[] {
    return [...this.#artefactUses.keys()];
  }

  /** Forgets what it read of artefacts that no function names now; they may go from the disk. */
  keepArtefacts(named: ReadonlySet<string>): void {
    for (const key of [...this.#artefacts.keys()]) {
      if (!named.has(key)) this.#artefacts.delete(key);
    }
  }

  /** Starts no more instances. */
  drain(): void {
    this.#draining = true;
  }

  /** Ends everything; resolves when nothing is left. */
  async close(): Promise<void> {
    this.#draining = true;
    this.#closed = true;
    await this.#blanks.close();
    while (this.#pending.size > 0) {
      for (const process of this.#starting) void process.sandbox.kill();
      for (const { process } of this.#live.values()) void process.sandbox.kill();
      await Promise.allSettled(this.#pending);
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work)).catch(() => undefined);
    return work;
  }

  /** Starts a process that belongs to no function: for builds. */
  async startForBuild(options: {
    readonly runtime: RuntimeBuild;
    readonly memoryMb: number;
    readonly codeDirectory: string;
    readonly build?: NonNullable<RuntimeProcessOptions["build"]>;
  }): Promise<RuntimeProcess> {
    return await this.#startProcess({ ...options, warmFor: "none" });
  }

  #refusalOf({ fn, revision }: RevisionRef): StartRefusal | undefined {
    if (this.#draining) return { kind: "unavailable", why: "the node is draining" };
    const { maxInstances } = revision.config;
    if (this.countOf(fn.id) < maxInstances) return undefined;
    return { kind: "limit", why: `all ${maxInstances} instances allowed are in use` };
  }

  async #claim(
    revision: RevisionEntry,
    artefact: Artefact,
  ): Promise<{ process: RuntimeProcess; startKind: StartKind; bootUs: number }> {
    const { memoryMb } = revision.config;
    const runtime = await this.#deps.runtimes.of(runtimeKindOf(revision.config));
    const linkable = artefact.files.length <= LINKED_FILES_MAX && canUseBlanks(this.#deps);
    const blank = linkable ? this.#blanks.take(this.#poolKey(runtime, revision)) : undefined;
    if (blank !== undefined) {
      try {
        linkArtefact(artefact, blank.codeDirectory);
      } catch (error) {
        await blank.destroy();
        throw error;
      }
      return { process: blank, startKind: "blank", bootUs: 0 };
    }
    const codeDirectory = artefact.directory;
    const options = { runtime, memoryMb, codeDirectory, warmFor: "none" } as const;
    const process = await this.#startProcess(options);
    return { process, startKind: "fresh", bootUs: process.bootUs };
  }

  #startBlank({ runtimeBuild, memoryMb, kind }: PoolKey): Promise<RuntimeProcess> {
    const runtime = this.#pooled.get(runtimeBuild);
    assert(runtime !== undefined, "a pool was made for a runtime that is here");
    return this.#startProcess({ runtime, memoryMb, warmFor: kind === "web" ? "none" : kind });
  }

  #startProcess(options: {
    readonly runtime: RuntimeBuild;
    readonly memoryMb: number;
    readonly warmFor: WarmKind;
    readonly codeDirectory?: string;
    readonly build?: NonNullable<RuntimeProcessOptions["build"]>;
  }): Promise<RuntimeProcess> {
    const { instancesDirectory } = this.#options;
    return startRuntimeProcess(this.#deps, {
      id: this.#deps.ids.id("inst"),
      instancesDirectory,
      ...options,
    });
  }

  /** Code that ends, or breaks its link, before the link is free has not come up either. */
  async #load(process: RuntimeProcess, { fn, revision }: RevisionRef): Promise<Loaded> {
    const { config } = revision;
    const head: SpecialiseHead = {
      op: "specialise",
      codeDirectory: process.codeDirectoryInside,
      handler: config.handler,
      names: { app: fn.app, fn: fn.name, revision: revision.id },
      instanceId: process.id,
      env: config.env,
      memoryMb: config.memoryMb,
      timeoutMs: config.timeoutMs,
      payloadBytesMax: LIMITS.payloadBytesMax,
      ...(config.connect === undefined ? {} : { connect: Object.keys(config.connect) }),
      ...(config.egress === "none" ? { noWeb: true } : {}),
    };
    try {
      const question = { head, timeoutMs: config.initTimeoutMs, bodyBytesMax: 0 };
      const reply = readSpecialiseReply((await process.ask(question)).head);
      return reply.ok ? { ...reply, socket: await process.releaseLink() } : reply;
    } catch (error) {
      return await initFailureOf(process, error, config.initTimeoutMs);
    }
  }

  async #handOver(
    started: Pick<Instance, "ref" | "process" | "grant">,
    gatewayId: GatewayId,
    socket: Sandbox["link"],
  ): Promise<void> {
    const { process, grant } = started;
    const instance: Instance = {
      ...started,
      startedWallMs: this.#deps.clock.wallMs(),
      life: decideInstance({ kind: "starting" }, { kind: "handedOver", gatewayId }).life,
    };
    this.#live.set(process.id, instance);
    void this.#track(process.sandbox.exited.then((exit) => this.#ended(instance, exit)));
    try {
      await this.#deps.handOff(gatewayId, grant, socket);
    } catch (error) {
      this.ask(process.id, { kind: "stopAsked" });
      throw error;
    }
  }

  async #ended(instance: Instance, sandboxExit: SandboxExit): Promise<void> {
    const { process, ref } = instance;
    const exit = await instanceExitOf(sandboxExit, process);
    const { life } = instance;
    if (life.kind === "ready" || life.kind === "resting") {
      this.#listener.exited(life.gatewayId, process.id, exit);
      process.collector.remark("error", `The instance ended: ${describeExit(exit)}.`);
    } else if (life.kind === "stopping" && life.untold !== undefined) {
      this.#listener.exited(life.untold, process.id, { ...exit, stopped: true });
    }
    instance.life = decideInstance(life, { kind: "exited" }).life;
    this.#live.delete(process.id);
    await this.#giveBack(ref, process);
  }

  #count(functionId: FunctionId, by: 1 | -1): void {
    addTo(this.#counts, functionId, by);
    if (by < 0) this.#listener.freed(functionId);
  }

  #artefactOf(key: string): Promise<Artefact> {
    const known = this.#artefacts.get(key);
    if (known !== undefined) return known;
    const reading = readArtefact(this.#deps.code.artefactDirectory(key));
    this.#artefacts.set(key, reading);
    reading.catch(() => this.#artefacts.delete(key));
    const oldest = this.#artefacts.keys().next().value;
    if (this.#artefacts.size > 1_000 && oldest !== undefined) this.#artefacts.delete(oldest);
    return reading;
  }

  #poolKey(runtime: RuntimeBuild, { config, handlerKind }: Warmth): PoolKey {
    this.#pooled.set(runtime.id, runtime);
    const { rung } = this.#deps.sandboxes.level;
    return { runtimeBuild: runtime.id, rung, memoryMb: config.memoryMb, kind: handlerKind };
  }

  #view(instance: Instance): InstanceView {
    const { ref, process, grant, life, startedWallMs } = instance;
    const usage = process.sandbox.usage();
    const held = life.kind === "ready" || life.kind === "resting";
    return {
      ...this.#options.placement,
      id: process.id,
      nodeId: this.#options.nodeId,
      app: ref.fn.app,
      fn: ref.fn.name,
      functionId: ref.fn.id,
      revisionId: ref.revision.id,
      gatewayId: held ? life.gatewayId : null,
      state: life.kind === "gone" ? "stopping" : life.kind,
      pid: process.sandbox.pid,
      uid: process.sandbox.uid,
      startKind: grant.startKind,
      reason: grant.reason,
      startedWallMs,
      memoryBytes: usage.memoryBytes,
      memoryMb: ref.revision.config.memoryMb,
      cpuUs: usage.cpuUs,
    };
  }
}

function addTo<K>(counts: Map<K, number>, key: K, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** In the `process` rung nothing is bound into a running sandbox. */
function canUseBlanks({ sandboxes }: Pick<AgentDeps, "sandboxes">): boolean {
  return sandboxes.level.rung !== "process";
}

function describeExit(exit: InstanceExit): string {
  if (exit.outOfMemory) return "it ran out of memory";
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

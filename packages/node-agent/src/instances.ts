/**
 * Every instance of this node: starts them, holds the functions' limits, carries out what their
 * gateways ask and tells them how an instance ended. The count of a function includes starts under
 * way, so the limit holds however many gateways ask at once and also while control is away.
 */
import {
  assert,
  PlatformError,
  Turns,
  type Cancel,
  type FunctionId,
  type GatewayId,
  type InstanceId,
} from "@skerry/base";
import {
  loadedGrant,
  type ColdReason,
  type InstanceExit,
  type InstanceGrant,
  type InstanceView,
  type RoleValue,
  type StartKind,
  type StartRefusal,
} from "@skerry/contracts";
import type { RevisionRef } from "@skerry/functions";
import type { WarmKind } from "@skerry/instance-runtime";
import type { SandboxExit } from "@skerry/sandbox";
import { linkArtefact, LINKED_FILES_MAX, readArtefact, type Artefact } from "./artefact-files.ts";
import { Blanks } from "./blanks.ts";
import { LogVolumes } from "./log-volumes.ts";
import { POOL_POLICY, type PoolKey } from "./blank-pool.ts";
import { syncConfigs, type LaidConfigs } from "./config-files.ts";
import { fail } from "./errors.ts";
import { HeldPlaces } from "./held-places.ts";
import { instanceExitOf } from "./init-failure.ts";
import { NO_SECRETS, openSecrets, secretMark, type OpenedSecrets } from "./instance-secrets.ts";
import { layersDirectory } from "./layers.ts";
import { decideInstance, type InstanceEvent, type InstanceLife } from "./instance-life.ts";
import { Loading } from "./loading.ts";
import type { AgentDeps, AgentOptions } from "./ports.ts";
import {
  startRuntimeProcess,
  type RuntimeProcess,
  type RuntimeProcessOptions,
} from "./runtime-process.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import { Moments, Rest } from "./rest.ts";
import { runtimeKindOf, type Warmth } from "./runtimes.ts";
import { specialiseHead } from "./specialise-head.ts";
import { BOOT_TURNS } from "./turn-limits.ts";

/** While something is behind: a gateway may have missed it, or a disk was full. */
const RENEW_AGAIN_MS = 1_000;
export type StartCause = ColdReason | "provisioned";

export type StartOutcome =
  | { readonly ok: true; readonly grant: InstanceGrant }
  | { readonly ok: false; readonly refusal: StartRefusal };

interface Instance {
  readonly ref: RevisionRef;
  readonly process: RuntimeProcess;
  readonly grant: InstanceGrant;
  /** Names the values of secrets that it was started with. */
  readonly secretMark: string;
  readonly configs: LaidConfigs;
  readonly startedWallMs: number;
  readonly rest: Rest;
  life: InstanceLife;
  /** An operator ended it. */
  isOrderedToStop: boolean;
  /** Resolves when nothing is left of it. */
  gone: Promise<void>;
}

interface Claimed {
  readonly process: RuntimeProcess;
  readonly startKind: StartKind;
  readonly bootUs: number;
}

export interface InstancesListener {
  /** An instance that a gateway held has ended. */
  exited(gatewayId: GatewayId, instanceId: InstanceId, exit: InstanceExit): void;
  /** These have values of secrets that are no longer in force: they are to be replaced. */
  outdated(gatewayId: GatewayId, instanceIds: readonly InstanceId[]): void;
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
  readonly #places: HeldPlaces;
  /** Starts that gateways wait for. */
  readonly #asked = new Set<{ readonly functionId: FunctionId; readonly gatewayId: GatewayId }>();
  readonly #logVolumes: LogVolumes;
  readonly #loading: Loading;
  readonly #boots: Turns;
  readonly #moments = new Moments();
  /** By id: what the pools' keys name. */
  readonly #pooled = new Map<string, RuntimeBuild>();
  /** Ids of all that anything was started in. */
  readonly #runtimesUsed = new Set<string>();
  readonly #artefacts = new Map<string, Promise<Artefact>>();
  #cancelRenewal: Cancel | undefined;
  #draining = false;
  #closed = false;

  constructor(deps: AgentDeps, options: AgentOptions, listener: InstancesListener) {
    this.#deps = deps;
    this.#options = options;
    this.#listener = listener;
    this.#places = new HeldPlaces({
      config: deps.config,
      gateways: options.gateways ?? 1,
      holdersOf: (functionId) => this.heldBy(functionId).keys(),
      outdated: () => this.#outdated(),
      freed: (functionId) => listener.freed(functionId),
    });
    this.#logVolumes = new LogVolumes(deps);
    this.#loading = new Loading(deps.clock);
    this.#boots = new Turns(deps.clock, BOOT_TURNS);
    this.#blanks = new Blanks(
      {
        clock: deps.clock,
        log: deps.log,
        ids: deps.ids,
        start: (key) => this.#startBlank(key),
        isStarting: () => this.#asked.size > 0,
      },
      { ...POOL_POLICY, blanksPerPool: canUseBlanks(deps) ? options.blanks : 0 },
    );
  }

  /** Instances of the function, starts under way included. */
  countOf(functionId: FunctionId): number {
    return this.#places.countOf(functionId);
  }

  /** Log lines dropped at limits. */
  get values(): readonly RoleValue[] {
    return this.#logVolumes.values;
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
    if ((revision.config.layers ?? []).length > 0) return;
    const runtime = await this.#runtimeOf(revision).catch(() => null);
    if (runtime !== null) this.#blanks.warm(this.#poolKey(runtime, revision));
  }

  /** Starts an instance of the revision and gives its link to the gateway. Never rejects. */
  async start(ref: RevisionRef, gatewayId: GatewayId, cause: StartCause): Promise<StartOutcome> {
    const refusal = this.#refusalOf(ref, gatewayId);
    if (refusal !== undefined) return { ok: false, refusal };
    this.#places.take(ref);
    const asked = { functionId: ref.fn.id, gatewayId };
    this.#asked.add(asked);
    const started = this.#startCounted(ref, gatewayId, cause);
    return await this.#track(started.finally(() => this.#asked.delete(asked)));
  }

  /**
   * How many instances of the function each gateway has, with those on their way to it and without
   * those that are to be replaced.
   */
  heldBy(functionId: FunctionId): ReadonlyMap<GatewayId, number> {
    const held = new Map<GatewayId, number>();
    const count = (by: GatewayId): void => void held.set(by, (held.get(by) ?? 0) + 1);
    for (const asked of this.#asked) if (asked.functionId === functionId) count(asked.gatewayId);
    for (const instance of this.#live.values()) {
      const { ref, life } = instance;
      if (ref.fn.id !== functionId || this.#isOutdated(instance)) continue;
      if (life.kind === "ready" || life.kind === "resting") count(life.gatewayId);
    }
    return held;
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
    let instance: Instance | undefined;
    let isUp = false;
    try {
      const mark = secretMark(this.#deps.config, ref);
      const secrets = mark === "" ? NO_SECRETS : await openSecrets(this.#deps, ref);
      const artefact = await this.#artefactOf(revision.artefactKey);
      const claimed = await this.#claim(ref, artefact);
      process = claimed.process;
      const placeUs = (this.#deps.clock.monotonicMs() - askedMs) * 1_000 - claimed.bootUs;
      this.#starting.add(process);
      if (this.#closed) throw fail("INSTANCE_START_FAILED", { why: "the agent stops" });
      const owner = { f: fn.id, v: revision.id, i: process.id };
      process.collector.own(owner, this.#logVolumes.gateOf(fn));
      process.collector.maskBy(secrets.mask);
      const configs = this.#layConfigs(process, ref);
      const grant = this.#grantOf(ref, claimed, { placeUs: Math.max(0, placeUs), reason: cause });
      const started = { ref, process, secretMark: mark, configs };
      const loaded = await this.#loading.load({
        ...{ process, grant },
        head: specialiseHead(process, ref, secrets),
        initTimeoutMs: revision.config.initTimeoutMs,
        handOver: async (given, socket) => {
          instance = this.#admit(started, given);
          if (given.loading !== true) this.#held(instance, gatewayId);
          await this.#deps.handOff(gatewayId, given, socket);
        },
      });
      if (!loaded.ok && instance?.isOrderedToStop === true) {
        const why = "an operator stopped the instance while its code loaded";
        return { ok: false, refusal: { kind: "unavailable", why, stopped: true } };
      }
      if (!loaded.ok) {
        const initUs = (this.#deps.clock.monotonicMs() - askedMs) * 1_000;
        const { name, message } = maskFailure(loaded, secrets);
        return { ok: false, refusal: { kind: "init_failed", name, message, initUs } };
      }
      isUp = true;
      if (instance?.life.kind === "starting") this.#held(instance, gatewayId);
      return { ok: true, grant: loadedGrant(grant, loaded) };
    } catch (error) {
      const { message } = PlatformError.from(error);
      this.#deps.log.warn("an instance did not start", { fn: fn.id, error: message });
      return { ok: false, refusal: { kind: "unavailable", why: message } };
    } finally {
      if (process !== undefined) this.#starting.delete(process);
      if (instance === undefined) await this.#giveBack(ref, process);
      else if (!isUp) await this.#endOf(instance);
    }
  }

  #grantOf(
    { fn, revision, version }: RevisionRef,
    { process, startKind, bootUs }: Claimed,
    start: Pick<InstanceGrant, "placeUs" | "reason">,
  ): InstanceGrant {
    return {
      instanceId: process.id,
      nodeId: this.#options.nodeId,
      agentId: this.#options.agentId,
      functionId: fn.id,
      revisionId: revision.id,
      ...(version === undefined ? {} : { version }),
      handlerKind: revision.handlerKind,
      ...{ startKind, bootUs, codeUs: 0, initUs: 0 },
      ...start,
    };
  }

  /** Ends an instance that nobody serves from. */
  async #endOf(instance: Instance): Promise<void> {
    this.ask(instance.process.id, { kind: "stopAsked" });
    await instance.gone;
  }

  /** What cannot be removed is told, and the function may use its limit again. */
  async #giveBack(ref: RevisionRef, process: RuntimeProcess | undefined): Promise<void> {
    await process?.destroy().catch((error: unknown) => {
      this.#deps.log.error("an instance was not removed", { error: String(error) });
    });
    this.#places.giveBack(ref);
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
    if (event.kind === "stopAsked" && event.by === "operator") instance.isOrderedToStop = true;
    for (const effect of effects) instance.rest.perform(effect);
    return true;
  }

  /** Ends what a gateway held and nobody took over. */
  stopOfGateway(gatewayId: GatewayId): void {
    for (const [id, { life }] of this.#live) {
      const held = life.kind === "ready" || life.kind === "resting";
      if (held && life.gatewayId === gatewayId) this.ask(id, { kind: "stopAsked" });
    }
  }

  /**
   * Brings what runs up to what the config log says: config objects in place, secrets by having
   * instances replaced. Told again until nothing is behind.
   */
  renew(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = undefined;
    const outdated: Instance[] = [];
    let isBehind = false;
    for (const instance of this.#live.values()) {
      if (!this.#syncConfigs(instance)) isBehind = true;
      if (this.#isOutdated(instance)) outdated.push(instance);
    }
    if (outdated.length > 0) void this.#tellOutdated(outdated);
    isBehind ||= outdated.length > 0;
    if (!isBehind || this.#closed) return;
    const again = (): void => this.renew();
    this.#cancelRenewal = this.#deps.clock.schedule(RENEW_AGAIN_MS, again, { background: true });
  }

  /** Values that cannot be opened replace nothing: what runs has some that worked. */
  async #tellOutdated(outdated: readonly Instance[]): Promise<void> {
    for (const [ref, instances] of Map.groupBy(outdated, (one) => one.ref)) {
      const opened = await openSecrets(this.#deps, ref).catch(() => undefined);
      if (opened === undefined) continue;
      for (const { life, process } of instances) {
        if (life.kind !== "ready" && life.kind !== "resting") continue;
        this.#listener.outdated(life.gatewayId, [process.id]);
      }
    }
  }

  #isOutdated({ ref, secretMark: mark }: Instance): boolean {
    return mark !== secretMark(this.#deps.config, ref);
  }

  /** Throws when the files cannot be laid: what starts without them would fail in odd ways. */
  #layConfigs(process: RuntimeProcess, { fn }: RevisionRef): LaidConfigs {
    const laid: LaidConfigs = new Map();
    const objects = this.#deps.config.configsOf(fn.accountId, fn.app);
    syncConfigs(process.configDirectory, objects, laid);
    return laid;
  }

  /** False when it has to be tried again. */
  #syncConfigs({ ref: { fn }, process, configs, life }: Instance): boolean {
    if (life.kind === "stopping" || life.kind === "gone") return true;
    try {
      const objects = this.#deps.config.configsOf(fn.accountId, fn.app);
      syncConfigs(process.configDirectory, objects, configs);
      return true;
    } catch (error) {
      const { message } = PlatformError.from(error);
      this.#deps.log.warn("config objects were not renewed", { app: fn.app, error: message });
      return false;
    }
  }

  /** What a gateway heard of an instance that was given to it `loading`. */
  loaded(instanceId: InstanceId, reply: unknown): void {
    this.#loading.heard(instanceId, reply);
  }

  list(): readonly InstanceView[] {
    return [...this.#live.values()].map((instance) => this.#view(instance));
  }

  /** Artefacts from which instances run or are being started. */
  artefactsInUse(): readonly string[] {
    return this.#places.artefacts();
  }

  /** Builds in which something may run: all that anything was started in. */
  runtimesUsed(): readonly string[] {
    return [...this.#runtimesUsed];
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
    this.#cancelRenewal?.();
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
    readonly layersDirectory?: string | undefined;
    readonly build?: NonNullable<RuntimeProcessOptions["build"]>;
  }): Promise<RuntimeProcess> {
    return await this.#startProcess({ ...options, warmFor: "none" });
  }

  #refusalOf(ref: RevisionRef, gatewayId: GatewayId): StartRefusal | undefined {
    if (this.#draining) return { kind: "unavailable", why: "the node is draining" };
    return this.#places.refusalOf(ref, gatewayId);
  }

  *#outdated(): Generator<RevisionRef> {
    for (const one of this.#live.values()) if (this.#isOutdated(one)) yield one.ref;
  }

  async #claim({ fn, revision }: RevisionRef, artefact: Artefact): Promise<Claimed> {
    const { memoryMb } = revision.config;
    const runtime = await this.#runtimeOf(revision);
    const { layers = [] } = revision.config;
    const linkable = artefact.files.length <= LINKED_FILES_MAX && canUseBlanks(this.#deps);
    // Layers are mounted and searched for libraries from the start: no blank has them.
    const mayUseBlank = linkable && layers.length === 0;
    const blank = mayUseBlank ? this.#blanks.take(this.#poolKey(runtime, revision)) : undefined;
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
    const process = await this.#boots.run(fn.id, async () => {
      if (this.#closed) throw fail("INSTANCE_START_FAILED", { why: "the agent stops" });
      return await this.#startProcess({
        ...{ runtime, memoryMb, codeDirectory, warmFor: "none" },
        layersDirectory: layersDirectory(this.#deps.code, layers),
      });
    });
    return { process, startKind: "fresh", bootUs: process.bootUs };
  }

  #runtimeOf({ config, runtimeBuild }: Warmth): Promise<RuntimeBuild> {
    const { runtimes } = this.#deps;
    const kind = runtimeKindOf(config);
    return runtimeBuild === undefined ? runtimes.of(kind) : runtimes.recorded(kind, runtimeBuild);
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
    readonly layersDirectory?: string | undefined;
    readonly build?: NonNullable<RuntimeProcessOptions["build"]>;
  }): Promise<RuntimeProcess> {
    const { instancesDirectory } = this.#options;
    this.#runtimesUsed.add(options.runtime.id);
    return startRuntimeProcess(this.#deps, {
      id: this.#deps.ids.id("inst"),
      instancesDirectory,
      ...options,
    });
  }

  /** From here on its end gives back what it holds. One that loads is nobody's until it has. */
  #admit(
    started: Pick<Instance, "ref" | "process" | "secretMark" | "configs">,
    grant: InstanceGrant,
  ): Instance {
    const { process } = started;
    const instance: Instance = {
      ...started,
      grant,
      startedWallMs: this.#deps.clock.wallMs(),
      rest: new Rest({ clock: this.#deps.clock, moments: this.#moments }, process),
      life: { kind: "starting" },
      isOrderedToStop: false,
      gone: Promise.resolve(),
    };
    this.#live.set(process.id, instance);
    instance.gone = this.#track(process.sandbox.exited.then((exit) => this.#ended(instance, exit)));
    return instance;
  }

  #held(instance: Instance, gatewayId: GatewayId): void {
    instance.life = decideInstance(instance.life, { kind: "handedOver", gatewayId }).life;
    // What changed while it was loaded has not met it.
    if (!this.#syncConfigs(instance) || this.#isOutdated(instance)) this.renew();
  }

  async #ended(instance: Instance, sandboxExit: SandboxExit): Promise<void> {
    const { process, ref, rest } = instance;
    rest.end();
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
      ...(ref.version === undefined ? {} : { version: ref.version }),
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

/** What code says when it fails may hold what it was given. */
function maskFailure(
  { name, message }: { readonly name: string; readonly message: string },
  { mask }: OpenedSecrets,
): { readonly name: string; readonly message: string } {
  return mask === undefined ? { name, message } : { name: mask(name), message: mask(message) };
}

/** In the `process` rung nothing is bound into a running sandbox. */
function canUseBlanks({ sandboxes }: Pick<AgentDeps, "sandboxes">): boolean {
  return sandboxes.level.rung !== "process";
}

function describeExit(exit: InstanceExit): string {
  if (exit.outOfMemory) return "it ran out of memory";
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

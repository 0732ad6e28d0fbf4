/**
 * The node agent: starts sandboxes, turns them into instances of revisions, gives their links to
 * gateways, limits, rests and ends them, and builds artefacts. It serves from the folded config log
 * alone; control may be away.
 */
import type { Cancel, FunctionId, GatewayId, RevisionId } from "@skerry/base";
import type {
  ArtefactsInUseHead,
  BuildHead,
  GatewayNote,
  ListInstancesHead,
  ListInstancesReply,
  ProbeHead,
  RoleValue,
  SandboxView,
  StartHead,
  StartReply,
  StopInstanceHead,
} from "@skerry/contracts";
import {
  countInstances,
  hasSchedules,
  kindOfInstance,
  missingProvisioned,
  OverlaidIds,
  type ProvisionFailures,
  provisionRetryMs,
  type RevisionRef,
  untilNextMinuteMs,
} from "@skerry/functions";
import { IGNORING_STREAM, type OpenedStream, type StreamHandler } from "@skerry/link";
import type { SandboxLevel } from "@skerry/sandbox";
import { Builder } from "./builder.ts";
import { openBuildLog, type BuildLogStream } from "./build-log.ts";
import type { BuildTool } from "./build-tool.ts";
import { Dependencies, type DependenciesDeps } from "./dependencies.ts";
import { RevisionFinder } from "./find-revision.ts";
import { GatewayLinks } from "./gateway-links.ts";
import { Instances } from "./instances.ts";
import type { AgentDeps, AgentOptions } from "./ports.ts";
import { NodeProbe } from "./node-probe.ts";

export interface Agent {
  /** Serves a stream that control opened. */
  acceptFromControl(opened: OpenedStream): StreamHandler;
  /** Builds of runtimes that something of this agent may run in. */
  runtimesUsed(): readonly string[];
  /** The config changed: provisioned instances are brought up to what it says. */
  configChanged(): void;
  /**
   * Starts no more instances, asks gateways to replace theirs elsewhere, and resolves when none is
   * left, nor a start or build under way, or the deadline has passed.
   */
  drain(deadlineMs: number): Promise<void>;
  /** For the page of metrics. */
  values(): readonly RoleValue[];
  /** Ends every instance; resolves when nothing of them is left. */
  close(): Promise<void>;
}

type ControlHead =
  | ArtefactsInUseHead
  | BuildHead
  | ListInstancesHead
  | ProbeHead
  | StopInstanceHead;

const DRAIN_POLL_MS = 50;
/** What the first function deployed is likely to be. */
const USUAL = { config: { runtime: "node26", memoryMb: 128 }, handlerKind: "event" } as const;

/** What builds need beyond what instances do. */
export interface BuildDeps extends Pick<
  DependenciesDeps,
  "buildsDirectory" | "dependenciesDirectory" | "disk" | "isOffline" | "networkOfBuild" | "npm"
> {
  readonly buildTool: BuildTool;
}

export async function startAgent(
  deps: AgentDeps & BuildDeps,
  options: AgentOptions,
): Promise<Agent> {
  const agent = new NodeAgent(deps, options);
  await agent.listen();
  return agent;
}

class NodeAgent implements Agent {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #instances: Instances;
  readonly #gateways: GatewayLinks;
  readonly #builder: Builder;
  readonly #probe: NodeProbe;
  readonly #finder: RevisionFinder;
  readonly #failures: ProvisionFailures = new Map();
  readonly #provisioning = new Map<string, number>();
  readonly #overlaidIds = new OverlaidIds();
  #revisions = new Set<RevisionId>();
  #closed = false;
  #cancelLook: Cancel = () => undefined;

  constructor(deps: AgentDeps & BuildDeps, options: AgentOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#finder = new RevisionFinder(deps.clock, deps.config);
    this.#instances = new Instances(deps, options, {
      exited: (gatewayId, instanceId, exit) => this.#gateways.exited(gatewayId, instanceId, exit),
      outdated: (gatewayId, ids) => this.#gateways.outdated(gatewayId, ids),
      freed: () => this.#provision(),
    });
    this.#gateways = new GatewayLinks({
      clock: deps.clock,
      log: deps.log,
      start: (head, gatewayId) => this.#start(head, gatewayId),
      note: (note, gatewayId) => this.#note(note, gatewayId),
      connected: () => this.#provision(),
      lost: (gatewayId) => this.#instances.stopOfGateway(gatewayId),
    });
    const dependencies = new Dependencies({
      ...deps,
      startRuntime: (request) => this.#instances.startForBuild(request),
    });
    this.#builder = new Builder({
      ...deps,
      tool: deps.buildTool,
      dependencies,
      startRuntime: (request) => this.#instances.startForBuild(request),
    });
    this.#probe = new NodeProbe({
      ...deps,
      startRuntime: (request) => this.#instances.startForBuild(request),
    });
  }

  async listen(): Promise<void> {
    await this.#gateways.listen(this.#options.socketPath);
    void this.#instances.warm(USUAL);
    this.configChanged();
  }

  acceptFromControl(opened: OpenedStream): StreamHandler {
    const head = JSON.parse(opened.head) as ControlHead;
    const answer = (reply: object, body?: Buffer): void => {
      opened.stream.reply(JSON.stringify(reply), body, true);
    };
    switch (head.op) {
      case "build":
        if (head.log === true) void this.#buildAloud(head, opened.stream);
        else void this.#builder.build(head).then(answer);
        break;
      case "instances":
        answer(this.#sandbox(), Buffer.from(JSON.stringify(this.#instances.list())));
        break;
      case "probe":
        void this.#probe.run().then((reply) => answer({}, Buffer.from(JSON.stringify(reply))));
        break;
      case "artefacts-in-use":
        answer({}, Buffer.from(JSON.stringify(this.#instances.artefactsInUse())));
        break;
      case "stop-instance":
        answer({
          found: this.#instances.ask(head.instanceId, { kind: "stopAsked", by: "operator" }),
        });
        break;
      default:
        opened.stream.cancel("unknown operation");
    }
    return IGNORING_STREAM;
  }

  async #buildAloud(head: BuildHead, stream: BuildLogStream): Promise<void> {
    const log = openBuildLog(stream);
    log.reply(await this.#builder.build(head, log.line));
  }

  configChanged(): void {
    this.#finder.changed();
    this.#warmForNew();
    this.#instances.renew();
    this.#provision();
    this.#followSchedules();
  }

  /** Looks again at every full minute while functions have schedules. */
  #followSchedules(wallMs = this.#deps.clock.wallMs()): void {
    this.#cancelLook();
    this.#cancelLook = () => undefined;
    if (this.#closed || !hasSchedules(this.#deps.config)) return;
    const { clock } = this.#deps;
    // Read before the look: a timer that runs a moment early then looks once more.
    const look = (): void => {
      const lookedMs = clock.wallMs();
      this.#provision();
      this.#followSchedules(lookedMs);
    };
    const waitMs = untilNextMinuteMs(wallMs);
    this.#cancelLook = clock.schedule(waitMs, look, { background: true });
  }

  /** A function that was just deployed is about to be called; one that nobody calls cools down. */
  #warmForNew(): void {
    const known = this.#revisions;
    const artefacts = new Set<string>();
    this.#revisions = new Set();
    const { config } = this.#deps;
    for (const { latest } of config.functions()) {
      this.#revisions.add(latest.id);
      if (!known.has(latest.id)) void this.#instances.warm(latest);
    }
    for (const { artefactKey } of config.revisions()) artefacts.add(artefactKey);
    this.#instances.keepArtefacts(artefacts);
  }

  runtimesUsed(): readonly string[] {
    return this.#instances.runtimesUsed();
  }

  values(): readonly RoleValue[] {
    return this.#instances.values;
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#instances.drain();
    this.#gateways.announceDraining();
    const endMs = this.#deps.clock.monotonicMs() + deadlineMs;
    while (this.#isBusy() && this.#deps.clock.monotonicMs() < endMs) {
      await new Promise<void>((resolve) => {
        this.#deps.clock.schedule(DRAIN_POLL_MS, resolve);
      });
    }
  }

  #isBusy(): boolean {
    return this.#instances.underWay > 0 || this.#builder.underWay > 0 || this.#probe.underWay > 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook();
    await this.#gateways.close();
    await this.#instances.close();
  }

  async #start(head: StartHead, gatewayId: GatewayId): Promise<StartReply> {
    const found = await this.#finder.find(head);
    if ("why" in found) return { ok: false, refusal: { kind: "unavailable", ...found } };
    const outcome = await this.#instances.start(found, gatewayId, head.reason);
    return outcome.ok ? { ok: true, instance: outcome.grant } : outcome;
  }

  #note(note: GatewayNote, gatewayId: GatewayId): void {
    const { instanceId } = note;
    switch (note.op) {
      case "owned":
        this.#instances.ask(instanceId, { kind: "handedOver", gatewayId });
        return;
      case "loaded":
        this.#instances.loaded(instanceId, note.reply);
        return;
      case "rest":
        this.#instances.ask(instanceId, { kind: "restAsked" });
        return;
      case "resume":
        this.#instances.ask(instanceId, { kind: "resumeAsked" });
        return;
      case "stop":
        this.#instances.ask(instanceId, { kind: "stopAsked" });
        return;
      default:
        this.#deps.log.warn("a gateway sent an unknown note", { gatewayId });
    }
  }

  #sandbox(): ListInstancesReply {
    return { sandbox: sandboxView(this.#deps.sandboxes.level) };
  }

  #provision(): void {
    if (this.#closed) return;
    const [gateway, ...others] = this.#gateways.gateways();
    if (gateway === undefined) return;
    const nowMs = this.#deps.clock.monotonicMs();
    const have = countInstances(this.#instances.list());
    const missing = missingProvisioned(
      { config: this.#deps.config, wallMs: this.#deps.clock.wallMs(), ids: this.#overlaidIds },
      (kind) => (have.get(kind) ?? 0) + (this.#provisioning.get(kind) ?? 0),
    );
    for (const ref of missing) {
      if ((this.#failures.get(ref.fn.id)?.retryAtMs ?? 0) > nowMs) continue;
      const to = others.length === 0 ? gateway : this.#leastServed(ref.fn.id, [gateway, ...others]);
      void this.#provisionOne(ref, to);
    }
  }

  /** Of several gateways each is to have some. */
  #leastServed(functionId: FunctionId, gateways: readonly GatewayId[]): GatewayId {
    const held = this.#instances.heldBy(functionId);
    const of = (id: GatewayId): number => held.get(id) ?? 0;
    return gateways.reduce((least, id) => (of(id) < of(least) ? id : least));
  }

  async #provisionOne(ref: RevisionRef, gatewayId: GatewayId): Promise<void> {
    const kind = kindOfRef(ref);
    this.#provisioning.set(kind, (this.#provisioning.get(kind) ?? 0) + 1);
    const outcome = await this.#instances.start(ref, gatewayId, "provisioned");
    const left = (this.#provisioning.get(kind) ?? 1) - 1;
    if (left === 0) this.#provisioning.delete(kind);
    else this.#provisioning.set(kind, left);
    if (outcome.ok) this.#failures.delete(ref.fn.id);
    else this.#retryProvisioning(ref.fn.id);
  }

  #retryProvisioning(functionId: FunctionId): void {
    const failures = (this.#failures.get(functionId)?.failures ?? 0) + 1;
    const waitMs = provisionRetryMs(failures);
    const retryAtMs = this.#deps.clock.monotonicMs() + waitMs;
    this.#failures.set(functionId, { failures, retryAtMs });
    this.#deps.clock.schedule(waitMs, () => this.#provision(), { background: true });
  }
}

/** The driver's level in the words of the API. */
export function sandboxView(level: SandboxLevel): SandboxView {
  return {
    rung: level.rung,
    label: level.label,
    enforcement: { ...level.limits, rest: level.rest },
    raise: level.raise.length === 0 ? null : level.raise.join("\n"),
  };
}

function kindOfRef({ revision, version }: RevisionRef): string {
  return kindOfInstance({ revisionId: revision.id, version });
}

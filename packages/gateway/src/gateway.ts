/**
 * A gateway: the HTTP front, one shell per function, the links to agents and control. It serves
 * from the folded config log, which lies on its own disk; control may be away. It owns its
 * instances' links and hands them on when it drains.
 */
import type { Socket } from "node:net";
import { createIdSource, type FunctionId } from "@skerry/base";
import { ConfigFollower } from "@skerry/config-follower";
import { LIMITS, type InstanceGrant, type RoleFigures, type RoleValue } from "@skerry/contracts";
import { DEFAULT_LIMITS, serveHttp, type HttpServer } from "@skerry/http";
import { readGrant } from "./agent-words.ts";
import { AgentLinks } from "./agents.ts";
import { BodyBudget } from "./body-budget.ts";
import { Front } from "./front.ts";
import { FunctionShell, type ShellDeps } from "./function-shell.ts";
import { handOverAll } from "./hand-over.ts";
import { KeyCheck } from "./keys.ts";
import { MeterTurn } from "./meter-turn.ts";
import type { AgentAddress, GatewayDeps, GatewayOptions } from "./ports.ts";
import { Reach } from "./reach.ts";

export interface GatewayStats {
  readonly port: number | undefined;
  readonly connections: number;
  readonly functions: number;
  /** Functions that something is kept for; those removed stay until their last request ended. */
  readonly shells: number;
  readonly instances: number;
  readonly starting: number;
  readonly waiting: number;
  readonly live: number;
  readonly agents: number;
  readonly configSeq: number;
  readonly controlConnected: boolean;
}

export interface Gateway {
  /** An instance's link, from an agent's start or provisioning, or from a gateway that drains. */
  onInstance(grant: InstanceGrant, socket: Socket, origin: "agent" | "gateway"): void;
  agentUp(agent: AgentAddress): void;
  agentDown(agentId: string): void;
  /**
   * Stops accepting, answers what is there, and hands every instance on as it becomes idle; of a
   * function that a connected client is expected to ask next, one stays for a while. Resolves when
   * nothing is left; at the deadline what is busy is cut off and what is idle still goes over.
   */
  drain(options: { readonly deadlineMs: number }): Promise<void>;
  /** Ends at once what is left, after a drain or without one. */
  close(): Promise<void>;
  stats(): GatewayStats;
}

const SPOOLED_NOTE_MS = 100;

/** Starts to serve; rejects when it cannot listen. The configuration may come later. */
export async function startGateway(deps: GatewayDeps, options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(deps, options);
  await gateway.listen();
  return gateway;
}

class RunningGateway implements Gateway {
  readonly #deps: GatewayDeps;
  readonly #options: GatewayOptions;
  readonly #shells = new Map<FunctionId, FunctionShell>();
  readonly #byName = new Map<string, FunctionShell>();
  readonly #agents: AgentLinks;
  readonly #turn: MeterTurn;
  readonly #shellDeps: ShellDeps;
  readonly #follower: ConfigFollower;
  readonly #front: Front;
  #http: HttpServer | undefined;
  #spooledNoted = false;

  constructor(deps: GatewayDeps, options: GatewayOptions) {
    const { clock, random, log } = deps;
    this.#deps = deps;
    this.#options = options;
    this.#turn = new MeterTurn(deps.meter, () => this.#noteSpooled());
    this.#agents = new AgentLinks({
      ...{ clock, random, log },
      gatewayId: options.gatewayId,
      build: options.build,
      listener: this.#agentListener(),
    });
    const ids = createIdSource({ clock, random });
    const bodies = new BodyBudget(options.waitingBodyBytesMax ?? LIMITS.waitingBodyBytesMax);
    const shellOf = (app: string, fn: string): FunctionShell | undefined =>
      this.#byName.get(`${app}/${fn}`);
    this.#shellDeps = {
      ...{ clock, log, agents: this.#agents, turn: this.#turn },
      reach: new Reach({
        ...{ clock, ids, bodies, log, calleeOf: shellOf },
        network: deps.network,
        connectTargets: options.connectTargets ?? ["*"],
      }),
      handOver: deps.handOver,
      onRemovedEmpty: (id) => void this.#shells.delete(id),
    };
    this.#follower = new ConfigFollower(
      { clock, random, log },
      {
        socketPath: options.controlSocketPath,
        snapshotPath: options.snapshotPath,
        hello: { role: "gateway", id: options.gatewayId, build: options.build },
        onChange: () => this.#applyConfig(),
        ...(deps.figures === undefined ? {} : { figures: this.#figuresWith(deps.figures) }),
      },
    );
    this.#front = new Front({
      ...{ clock, ids, bodies, shellOf },
      keys: new KeyCheck(this.#follower.fold),
      isReady: () => this.#follower.fold.seq > 0,
    });
    this.#applyConfig();
    for (const agent of options.agents) this.agentUp(agent);
  }

  async listen(): Promise<void> {
    const { clock, random, log } = this.#deps;
    const ids = createIdSource({ clock, random });
    const { configWaitMs = 0 } = this.#options;
    if (configWaitMs > 0) await this.#follower.untilCurrent(configWaitMs);
    this.#http = await serveHttp(
      {
        ...{ clock, log },
        requestId: () => ids.requestId(),
        onRequest: (req, res, target) => this.#front.handle(req, res, target),
      },
      {
        listen: this.#options.listen,
        ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits }),
      },
    );
  }

  onInstance(said: InstanceGrant, socket: Socket, origin: "agent" | "gateway"): void {
    const grant = readGrant(said);
    if (grant === undefined) {
      this.#deps.log.warn("an instance came with a grant that cannot be understood");
      socket.destroy();
      return;
    }
    const shell = this.#shells.get(grant.functionId);
    if (shell !== undefined) {
      shell.adopt(grant, socket, origin);
      return;
    }
    // The function was removed, or an agent is ahead of this gateway's config and will provision
    // again.
    const { instanceId, nodeId } = grant;
    socket.destroy();
    const ref = { agentId: undefined, nodeId };
    this.#agents.note(ref, { op: "stop", instanceId, why: "removed" });
  }

  agentUp(agent: AgentAddress): void {
    this.#agents.up(agent);
  }

  agentDown(agentId: string): void {
    this.#agents.down(agentId);
  }

  async drain(options: { readonly deadlineMs: number }): Promise<void> {
    const { clock } = this.#deps;
    const limits = { ...DEFAULT_LIMITS, ...this.#options.limits };
    await handOverAll(
      {
        clock,
        shells: () => this.#shells.values(),
        awaiting: () => this.#http?.awaiting() ?? [],
      },
      {
        answered: this.#http?.drain(options) ?? Promise.resolve(),
        endMs: clock.monotonicMs() + options.deadlineMs,
        keepAliveTimeoutMs: limits.keepAliveTimeoutMs,
      },
    );
    this.#turn.flush();
  }

  async close(): Promise<void> {
    await this.#http?.drain({ deadlineMs: 0 });
    for (const shell of this.#shells.values()) shell.close();
    this.#turn.flush();
    // The notes that stop what was left leave with this turn.
    await new Promise((resolve) => setImmediate(resolve));
    this.#agents.close();
    await this.#follower.close();
  }

  stats(): GatewayStats {
    const sum = { instances: 0, starting: 0, waiting: 0, live: 0 };
    for (const { counts } of this.#shells.values()) {
      sum.instances += counts.instances;
      sum.starting += counts.starting;
      sum.waiting += counts.waiting;
      sum.live += counts.live;
    }
    return {
      ...sum,
      port: this.#http?.port,
      connections: this.#http?.connections ?? 0,
      functions: this.#byName.size,
      shells: this.#shells.size,
      agents: this.#agents.connected,
      configSeq: this.#follower.fold.seq,
      controlConnected: this.#follower.connected,
    };
  }

  /** What the process tells of itself, and what is counted here. */
  #figuresWith(ofProcess: () => RoleFigures): () => RoleFigures {
    return () => {
      const figures = ofProcess();
      const { connections, live, waiting, starting, instances } = this.stats();
      const own: RoleValue[] = [
        { name: "gateway_connections", value: connections },
        { name: "gateway_requests_live", value: live },
        { name: "gateway_requests_waiting", value: waiting },
        { name: "gateway_starts", value: starting },
        { name: "gateway_instances", value: instances },
      ];
      for (const [label, value] of this.#front.refusals) {
        own.push({ name: "gateway_refusals_total", label, value });
      }
      return { ...figures, values: [...figures.values, ...own] };
    };
  }

  #agentListener(): ConstructorParameters<typeof AgentLinks>[0]["listener"] {
    const each = (tell: (shell: FunctionShell) => void): void => {
      for (const shell of this.#shells.values()) tell(shell);
    };
    return {
      connected: () => each((shell) => shell.startsPossible()),
      draining: (agent) => each((shell) => shell.agentDraining(agent)),
      lost: (agent) => each((shell) => shell.agentLost(agent)),
      exited: (instanceId, exit) => each((shell) => shell.exited(instanceId, exit)),
    };
  }

  /** Brings the shells in line with the folded config log. */
  #applyConfig(): void {
    const { fold } = this.#follower;
    this.#byName.clear();
    for (const entry of fold.functions()) {
      const shell = this.#shells.get(entry.id) ?? this.#addShell(entry.id, entry);
      shell.update(entry);
      if (fold.functionByName(entry.app, entry.name) === entry) {
        this.#byName.set(`${entry.app}/${entry.name}`, shell);
      }
    }
    for (const [id, shell] of this.#shells) {
      if (fold.functionById(id) !== undefined) continue;
      shell.remove();
    }
  }

  #addShell(id: FunctionId, entry: FunctionShell["entry"]): FunctionShell {
    const shell = new FunctionShell(this.#shellDeps, entry);
    this.#shells.set(id, shell);
    return shell;
  }

  /** Tells control, now and then, that there are new records. */
  #noteSpooled(): void {
    if (this.#spooledNoted) return;
    this.#spooledNoted = true;
    this.#deps.clock.schedule(
      SPOOLED_NOTE_MS,
      () => {
        this.#spooledNoted = false;
        this.#follower.note({ op: "spooled" });
      },
      { background: true },
    );
  }
}

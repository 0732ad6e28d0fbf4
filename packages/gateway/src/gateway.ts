/**
 * A gateway: the HTTP front, one shell per function, the links to agents and control. It serves
 * from the folded config log, which lies on its own disk; control may be away. It owns its
 * instances' links and hands them on when it drains.
 */
import { type AgentAddress, AgentLinks, readGrant } from "@skerry/instance-links";
import type { Socket } from "node:net";
import {
  createIdSource,
  type IdSource,
  type AccountId,
  type Cancel,
  type FunctionId,
  type Log,
} from "@skerry/base";
import { ConfigFollower } from "@skerry/config-follower";
import {
  LATEST,
  LIMITS,
  type FunctionEntry,
  type InstanceGrant,
  type RoleFigures,
  type RoleValue,
} from "@skerry/contracts";
import { AccountBook, untilNextMinuteMs } from "@skerry/functions";
import { DEFAULT_LIMITS } from "@skerry/http";
import { KeyCheck, NonceJournal, Nonces, noParts, refusalHeaders } from "@skerry/requests";
import { ActionDoor } from "./actions/action-door.ts";
import { BodyBudget, InterimRecords, MeterTurn, OpenConnections } from "@skerry/live-invocations";
import { Front } from "./front.ts";
import { functionFigures } from "./function-figures.ts";
import type { CallDeps } from "./function-call.ts";
import type { FunctionShell } from "./function-shell.ts";
import { handOverAll } from "./hand-over.ts";
import { Ledger } from "./ledger/ledger.ts";
import type { GatewayDeps, GatewayOptions } from "./ports.ts";
import { QualifiedFunction, type QualifiedDeps } from "./qualified-function.ts";
import { createResponseCache } from "@skerry/response-cache";
import { createGuard, Listeners, StageDoor, type ConnectOut } from "@skerry/stages";
import { Dialler, type DialDeps } from "@skerry/reach";
import { Reach } from "./reach.ts";
import { RequestBodies } from "./request-bodies.ts";
import { StageFunctions } from "./stage-functions.ts";

export interface GatewayStats {
  readonly port: number | undefined;
  /** Undefined without TLS. */
  readonly tlsPort: number | undefined;
  readonly connections: number;
  readonly functions: number;
  /** Functions that something is kept for; those removed stay until their last request ended. */
  readonly shells: number;
  readonly instances: number;
  readonly starting: number;
  readonly waiting: number;
  readonly live: number;
  /** Connections that have left HTTP; each is a live request, too. */
  readonly switched: number;
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
   * nothing is left. WebSockets are ended after a moment, with a code that asks their clients to
   * connect again. At the deadline what is busy is cut off and what is idle still goes over.
   */
  drain(options: { readonly deadlineMs: number }): Promise<void>;
  /** Ends at once what is left, after a drain or without one. */
  close(): Promise<void>;
  stats(): GatewayStats;
}

interface StageParts {
  readonly ids: IdSource;
  readonly keys: KeyCheck;
  readonly requestBodies: RequestBodies;
}

const SPOOLED_NOTE_MS = 100;

/** Starts to serve; rejects when it cannot listen. The configuration may come later. */
export async function startGateway(deps: GatewayDeps, options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(deps, options);
  await gateway.listen();
  return gateway;
}

function journalOf(log: Log, options: GatewayOptions): NonceJournal | undefined {
  const { usedNonces: directory, gatewayId: writer } = options;
  return directory === undefined ? undefined : new NonceJournal(log, { directory, writer });
}

class RunningGateway implements Gateway {
  readonly #deps: GatewayDeps;
  readonly #options: GatewayOptions;
  readonly #functions = new Map<FunctionId, QualifiedFunction>();
  readonly #byName = new Map<string, QualifiedFunction>();
  readonly #accounts: AccountBook;
  readonly #agents: AgentLinks;
  readonly #turn: MeterTurn;
  readonly #functionDeps: QualifiedDeps;
  readonly #follower: ConfigFollower;
  readonly #front: Front;
  readonly #stages: StageDoor;
  readonly #inApps = new Map<string, QualifiedFunction>();
  readonly #ledger: Ledger;
  /** Of tickets' nonces; undefined for a gateway that shares them with nobody. */
  readonly #journal: NonceJournal | undefined;
  readonly #open: OpenConnections;
  readonly #interims: InterimRecords;
  readonly #listeners: Listeners;
  #spooledNoted = false;
  #cancelLook: Cancel = () => undefined;

  constructor(deps: GatewayDeps, options: GatewayOptions) {
    const { clock, random, log } = deps;
    this.#deps = deps;
    this.#options = options;
    this.#open = new OpenConnections(clock);
    this.#interims = new InterimRecords(clock, deps.meter);
    this.#journal = journalOf(log, options);
    this.#listeners = new Listeners(log, options);
    this.#turn = new MeterTurn(deps.meter, () => this.#noteSpooled());
    this.#agents = new AgentLinks({
      ...{ clock, random, log, configSeq: () => this.#follower.fold.seq },
      ...{ gatewayId: options.gatewayId, build: options.build },
      listener: this.#agentListener(),
    });
    const ids = createIdSource({ clock, random });
    const bodies = new BodyBudget(options.waitingBodyBytesMax ?? LIMITS.waitingBodyBytesMax);
    const called = noParts(random);
    const functionOf = (app: string, fn: string): QualifiedFunction | undefined =>
      this.#byName.get(`${app}/${fn}`);
    this.#accounts = new AccountBook(options.gateways ?? 1);
    this.#functionDeps = {
      ...{ clock, log, agents: this.#agents, turn: this.#turn, accounts: this.#accounts },
      reach: this.#createReach({ ids, bodies, calleeOf: functionOf, calledParts: called }),
      handOver: deps.handOver,
      ...{ open: this.#open, interims: this.#interims },
      fold: () => this.#follower.fold,
      onGone: (id) => void this.#functions.delete(id),
    };
    this.#ledger = new Ledger({
      ...{ clock, random, ids, log, bodies, gateways: options.gateways ?? 1 },
      ...{ acceptWaitMs: options.acceptWaitMs, gatheredBytesMax: options.gatheredBytesMax },
      open: (head, request, handler) => this.#follower.open(head, request, handler),
      flush: () => this.#follower.flush(),
      calleeOf: (id, qualifier = LATEST) => this.#functions.get(id)?.shellFor(qualifier, called),
      tallyFor: (id, qualifier) => this.#functions.get(id)?.tallyFor(qualifier),
    });
    this.#follower = new ConfigFollower(
      { clock, random, log },
      {
        socketPath: options.controlSocketPath,
        snapshotPath: options.snapshotPath,
        hello: { role: "gateway", id: options.gatewayId, build: options.build },
        onChange: () => this.#applyConfig(),
        accept: (opened) => this.#ledger.client.take(opened),
        onLinked: () => this.#ledger.client.linked(),
        onLost: () => this.#ledger.client.lost(),
        ...(deps.figures === undefined ? {} : { figures: this.#figuresWith(deps.figures) }),
      },
    );
    const keys = new KeyCheck(this.#follower.fold);
    const actions = new ActionDoor({
      ...{ clock, bodies, keys, openKey: deps.openServerKey },
      shellOf: (app, fn) => functionOf(app, fn)?.latest,
      ...{ nonces: new Nonces(() => clock.monotonicMs()), journal: this.#journal },
      actionOf: (app, name) => this.#follower.fold.actionByName(app, name),
      serverKeyOf: (id) => this.#follower.fold.serverKeyById(id),
    });
    const requestBodies = new RequestBodies({ clock, bodies });
    this.#stages = this.#createStages({ ids, keys, requestBodies });
    this.#front = new Front({
      ...{ clock, random, ids, functionOf, requestBodies, stages: this.#stages },
      ...{ keyed: this.#ledger.callDoor, later: this.#ledger.door },
      many: this.#ledger.eventsDoor,
      ...{ keys, actions },
      isReady: () => this.#follower.fold.seq > 0,
    });
    this.#applyConfig();
    for (const agent of options.agents) this.agentUp(agent);
    this.#followSchedules();
  }

  #createReach(parts: Pick<CallDeps, "ids" | "bodies" | "calleeOf" | "calledParts">): Reach {
    return new Reach({
      ...{ log: this.#deps.log, ...this.#dialDeps, ...parts, interims: this.#interims },
      publish: (piece, bytes, waitMs) => this.#ledger.client.publish(piece, bytes, waitMs),
      callOnce: (call) => this.#ledger.callDoor.handlersCall(call),
    });
  }

  get #dialDeps(): DialDeps {
    const { clock, network } = this.#deps;
    const { connectTargets = ["*"], connectMetadata = [], ownPorts = [] } = this.#options;
    return { clock, network, connectTargets, connectMetadata, ownPorts };
  }

  #createStages({ ids, keys, requestBodies }: StageParts): StageDoor {
    const { clock, random, log } = this.#deps;
    const { fold } = this.#follower;
    const dialler = new Dialler(this.#dialDeps);
    const connectOut: ConnectOut = async (target) => await dialler.dialNamed(target);
    const functions = new StageFunctions({
      ...{ clock, random, requestBodies, keyed: this.#ledger.callDoor },
      functionIn: (appId, name) => this.#inApps.get(`${appId}/${name}`),
      isReady: () => fold.seq > 0,
    });
    const { gateways = 1, trustedProxies = [], limits } = this.#options;
    const { keepAliveTimeoutMs } = { ...DEFAULT_LIMITS, ...limits };
    return new StageDoor({
      ...{ clock, random, ids, functions, trustedProxies, stages: fold.stages },
      keepAliveTimeoutMs,
      guard: createGuard({
        ...{ clock, log, ids, keys, functions, gateways },
        connect: connectOut,
      }),
      cache: createResponseCache({ clock, random, log, store: this.#deps.cacheStore }),
      ...{ gatewayId: this.#options.gatewayId, accessSpool: this.#deps.accessSpool },
      ...{ connectOut, sourceDirectory: this.#deps.sourceDirectory },
      isReady: () => fold.seq > 0,
    });
  }

  async listen(): Promise<void> {
    const { clock, random, log } = this.#deps;
    const ids = createIdSource({ clock, random });
    const { configWaitMs = 0 } = this.#options;
    if (configWaitMs > 0) await this.#follower.untilCurrent(configWaitMs);
    await this.#listeners.listen({
      ...{ clock, log },
      requestId: () => ids.requestId(),
      errorHeaders: refusalHeaders,
      onKnown: (req, res, covered) => this.#stages.takeKnown(req, res, covered),
      onRequest: (req, res, target) => this.#front.handle({ req, res, target }),
      onUpgrade: (req, res, upgrade) =>
        this.#front.handle({ req, res, target: upgrade.target, upgrade }),
    });
  }

  onInstance(said: InstanceGrant, socket: Socket, origin: "agent" | "gateway"): void {
    const grant = readGrant(said);
    if (grant === undefined) {
      this.#deps.log.warn("an instance came with a grant that cannot be understood");
      socket.destroy();
      return;
    }
    const shell = this.#shellFor(grant);
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

  #shellFor(grant: InstanceGrant): FunctionShell | undefined {
    return this.#functions.get(grant.functionId)?.shellOf(grant);
  }

  *#shells(): Iterable<FunctionShell> {
    for (const fn of this.#functions.values()) yield* fn.shells();
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
    this.#open.endAll(options.deadlineMs);
    const answered = Promise.all([
      this.#listeners.drain(options),
      this.#ledger.client.drain(options),
    ]);
    await handOverAll(
      {
        clock,
        shells: () => this.#shells(),
        awaiting: () => this.#listeners.awaiting(),
      },
      {
        answered,
        endMs: clock.monotonicMs() + options.deadlineMs,
        keepAliveTimeoutMs: limits.keepAliveTimeoutMs,
      },
    );
    this.#turn.flush();
  }

  async close(): Promise<void> {
    this.#cancelLook();
    this.#ledger.client.close();
    this.#stages.close();
    await this.#deps.cacheStore.close();
    await this.#listeners.drain({ deadlineMs: 0 });
    await Promise.all([...this.#shells()].map((shell) => shell.close()));
    this.#interims.close();
    this.#turn.flush();
    // The notes that stop what was left leave with this turn.
    await new Promise((resolve) => setImmediate(resolve));
    this.#agents.close();
    await this.#follower.close();
    this.#journal?.close();
  }

  stats(): GatewayStats {
    const sum = { shells: 0, instances: 0, starting: 0, waiting: 0, live: 0 };
    for (const { counts } of this.#shells()) {
      sum.shells += 1;
      sum.instances += counts.instances;
      sum.starting += counts.starting;
      sum.waiting += counts.waiting;
      sum.live += counts.live;
    }
    return {
      ...sum,
      switched: this.#open.size,
      port: this.#listeners.port,
      tlsPort: this.#listeners.tlsPort,
      connections: this.#listeners.connections,
      functions: this.#byName.size,
      agents: this.#agents.connected,
      configSeq: this.#follower.fold.seq,
      controlConnected: this.#follower.connected,
    };
  }

  /** What the process tells of itself, and what is counted here. */
  #figuresWith(ofProcess: () => RoleFigures): () => RoleFigures {
    return () => {
      const figures = ofProcess();
      const { connections, switched, live, waiting, starting, instances } = this.stats();
      const own: RoleValue[] = [
        { name: "gateway_connections", value: connections },
        { name: "gateway_connections_switched", value: switched },
        { name: "gateway_requests_live", value: live },
        { name: "gateway_requests_waiting", value: waiting },
        { name: "gateway_starts", value: starting },
        { name: "gateway_attempts_held", value: this.#ledger.client.held },
        { name: "gateway_instances", value: instances },
      ];
      for (const [label, value] of this.#front.refusals) {
        own.push({ name: "gateway_refusals_total", label, value });
      }
      own.push(...this.#stages.values());
      const functions = functionFigures(this.#functions.values());
      const routes = this.#stages.routeFigures();
      return { ...figures, values: [...figures.values, ...own], functions, routes };
    };
  }

  #agentListener(): ConstructorParameters<typeof AgentLinks>[0]["listener"] {
    const each = (tell: (shell: FunctionShell) => void): void => {
      for (const shell of this.#shells()) tell(shell);
    };
    return {
      connected: () => each((shell) => shell.startsPossible()),
      draining: (agent) => each((shell) => shell.agentDraining(agent)),
      lost: (agent) => each((shell) => shell.agentLost(agent)),
      exited: (instanceId, exit) => each((shell) => shell.exited(instanceId, exit)),
      outdated: (instanceIds) => each((shell) => shell.retire(instanceIds)),
    };
  }

  /**
   * Looks at every full minute what schedules say. The time is read before the look: a timer that
   * runs a moment early then looks once more, however much later the next reading is.
   */
  #followSchedules(wallMs = this.#deps.clock.wallMs()): void {
    const { clock } = this.#deps;
    this.#cancelLook = clock.schedule(
      untilNextMinuteMs(wallMs),
      () => {
        const lookedMs = clock.wallMs();
        for (const shell of this.#shells()) shell.minutePassed();
        this.#followSchedules(lookedMs);
      },
      { background: true },
    );
  }

  /** Brings the shells in line with the folded config log. */
  #applyConfig(): void {
    const { fold } = this.#follower;
    this.#accounts.update((id: AccountId) => fold.quotasOf(id));
    this.#ledger.limits.update((id) => fold.quotasOf(id));
    this.#listeners.update([...fold.stages.domains()]);
    this.#byName.clear();
    this.#inApps.clear();
    this.#stages.update();
    for (const entry of fold.functions()) {
      const fn = this.#functions.get(entry.id) ?? this.#addFunction(entry);
      fn.update(entry);
      this.#inApps.set(`${entry.appId}/${entry.name}`, fn);
      if (fold.functionByName(entry.app, entry.name) === entry) {
        this.#byName.set(`${entry.app}/${entry.name}`, fn);
      }
    }
    for (const [id, fn] of this.#functions) {
      if (fold.functionById(id) === undefined) fn.remove();
    }
  }

  #addFunction(entry: FunctionEntry): QualifiedFunction {
    const fn = new QualifiedFunction(this.#functionDeps, entry);
    this.#functions.set(entry.id, fn);
    return fn;
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

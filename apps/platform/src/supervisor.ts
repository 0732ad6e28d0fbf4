/**
 * The supervisor: owns the listening sockets and the role processes, passes instances' links from
 * agents to gateways, and replaces a role without losing a request. It holds no state worth saving
 * and does nothing per request.
 */
import { createServer, type Server, type Socket } from "node:net";
import { chmodSync, rmSync } from "node:fs";
import {
  createIdSource,
  PlatformError,
  systemRandom,
  type Cancel,
  type Clock,
  type IdSource,
  type Log,
} from "@skerry/base";
import type { InstanceGrant, PlatformConfig } from "@skerry/contracts";
import { stopReading } from "@skerry/link/socket-pipe";
import { AgentSweeps } from "./agent-sweeps.ts";
import type { ChildEffect } from "./child-life.ts";
import { fail } from "./errors.ts";
import { HealthWatch } from "./health-watch.ts";
import type { Layout } from "./layout.ts";
import { Launch } from "./launch.ts";
import { bindPorts, type BoundPort, type BoundPorts } from "./listeners.ts";
import { isRoleName, type AgentAddress, type RoleName, type ToSupervisor } from "./messages.ts";
import { RoleProcess, TLS_TICKETS_ENV, type RoleListener } from "./role-process.ts";
import { TlsTickets } from "./tls-tickets.ts";

export interface SupervisorOptions {
  readonly config: PlatformConfig;
  readonly layout: Layout;
  readonly log: Log;
  readonly clock: Clock;
  /** The program that runs with `--as-role`. */
  readonly main: string;
}

/** How a process is started; without anything, to serve at once. */
interface LaunchOptions {
  /** How often it, or what it replaces, has failed in a row. */
  readonly failures?: number;
  /** The process whose place it is to take. */
  readonly successorOf?: RoleProcess;
}

/** A process that ended and is to be replaced after a pause. */
interface Relaunch {
  readonly role: RoleName;
  readonly failures: number;
  readonly cancel: Cancel;
}

/** Why an agent is not replaced. */
const SWEEP_HANGS = "the one that is there does not finish ending what another left";

/** Answer to an order that was carried out. */
export const DONE = "ok";

export class Supervisor implements RoleListener {
  readonly #options: SupervisorOptions;
  readonly #clock: Clock;
  readonly #ids: IdSource;
  readonly #processes = new Set<RoleProcess>();
  /** Those that do not serve yet. */
  readonly #launches = new Map<RoleProcess, Launch>();
  /**
   * By the process whose place each is to take. Nobody misses one that ends; it takes the place at
   * once when the other ends by itself.
   */
  readonly #successors = new Map<RoleProcess, Launch>();
  /** An ended role without a successor is always among them, or launched already. */
  readonly #relaunches = new Set<Relaunch>();
  readonly #sweeps: AgentSweeps;
  readonly #health: HealthWatch;
  readonly #restarts = new Map<RoleName, Promise<void>>();
  readonly #ports: BoundPorts;
  readonly #tlsTickets: TlsTickets;
  #admin: Server | undefined;
  #stopping = false;

  /** Binds the ports; throws PORT_IN_USE before anything was started. */
  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#ids = createIdSource({ clock: this.#clock, random: systemRandom() });
    this.#sweeps = new AgentSweeps(this.#clock, () => this.#of("agent"));
    this.#ports = bindPorts(options.config);
    this.#tlsTickets = new TlsTickets(this.#clock, (key) => {
      for (const gateway of this.#of("gateway")) gateway.send({ op: "tls-tickets", key });
    });
    this.#health = new HealthWatch(
      { clock: this.#clock, log: options.log, processes: () => this.#processes },
      options.config.roleSilenceMs,
    );
  }

  get apiPort(): number {
    return this.#ports.api.port;
  }

  get gatewayPort(): number {
    return this.#ports.gateway.port;
  }

  /** Undefined without one. */
  get gatewayTlsPort(): number | undefined {
    return this.#ports.gatewayTls?.port;
  }

  /** What the ready roles said about themselves. */
  factsOf(role: RoleName): Readonly<Record<string, string>> {
    return this.#of(role)[0]?.facts ?? {};
  }

  /** Somebody asked for the end. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Starts every role and resolves when all are ready. Throws ROLE_FAILED. */
  async start(): Promise<void> {
    const gateways = Array.from({ length: this.#options.config.gateways }, () =>
      this.#launch("gateway"),
    );
    const all = [this.#launch("control"), this.#launch("agent"), ...gateways];
    await Promise.all(all.map(({ ready }) => ready));
    if (!this.#stopping) await this.#listenForAdmin();
  }

  /**
   * Replaces the processes of a role, one after the other, without a failed request. Orders for one
   * role queue up.
   */
  restart(role: RoleName): Promise<void> {
    const before = this.#restarts.get(role) ?? Promise.resolve();
    const restarted = before.catch(() => undefined).then(() => this.#restart(role));
    this.#restarts.set(role, restarted);
    return restarted;
  }

  async #restart(role: RoleName): Promise<void> {
    const olds = this.#of(role);
    if (olds.length === 0) await this.#untilUp(role);
    for (const old of olds) {
      await this.#replace(old);
      if (role === "agent") this.#tellAgents();
    }
  }

  async #replace(old: RoleProcess): Promise<void> {
    const { role } = old;
    // One that is just starting is as new as any that would take its place.
    if (old.life === "starting") return this.#untilUp(role);
    // From here to the launch nothing may come between.
    while (role === "agent" && this.#sweeps.isRunning) {
      if (this.#sweeps.hangs) throw this.#roleFailed(role, SWEEP_HANGS);
      await this.#sweeps.untilOverOrHanging();
    }
    if (this.#stopping) throw this.#roleFailed(role, "the platform is stopping");
    if (!this.#processes.has(old)) return this.#untilUp(role);
    const next = this.#launch(role, { successorOf: old });
    await (role === "control" ? this.#takeTurns(old, next) : this.#takeOver(old, next));
  }

  /** The next one serves before the old one leaves; if it cannot, the old one stays. */
  async #takeOver(old: RoleProcess, next: Launch): Promise<void> {
    try {
      await next.ready;
    } catch (error) {
      await next.process.exited;
      throw error;
    }
    this.#successors.delete(old);
    if (this.#processes.has(old)) await old.drain(this.#options.config.drainDeadlineMs);
  }

  /**
   * Two controls cannot have the store open: the next one is loaded beside the old one and begins
   * after it.
   */
  async #takeTurns(old: RoleProcess, next: Launch): Promise<void> {
    await next.loaded;
    if (this.#processes.has(old)) await old.drain(this.#options.config.drainDeadlineMs);
    this.#successors.delete(old);
    next.begin();
    await next.ready;
  }

  /** Resolves when those of the role that are about to serve do. Throws ROLE_FAILED. */
  async #untilUp(role: RoleName): Promise<void> {
    for (const due of this.#relaunches) if (due.role === role) void this.#relaunch(due);
    const starting = [...this.#launches.values()].filter(({ process }) => process.role === role);
    await Promise.all(starting.map(({ ready }) => ready));
  }

  /** Drains front to back and ends everything. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#admin?.close();
    this.#health.close();
    this.#tlsTickets.close();
    for (const { process } of this.#successors.values()) process.child.kill("SIGKILL");
    for (const role of ["gateway", "agent", "control"] as const) {
      await Promise.all(this.#of(role).map((process) => process.drain(deadlineMs)));
    }
    this.killAll();
    await Promise.all([...this.#processes].map((process) => process.exited));
    this.#ports.api.close();
    this.#ports.gateway.close();
    this.#ports.gatewayTls?.close();
  }

  /**
   * Lets go of every role: each leaves at once, as without a supervisor, and the agent ends what it
   * has started.
   */
  letGo(): void {
    for (const { child } of this.#processes) if (child.connected) child.disconnect();
  }

  /** Ends every role at once, without a grace; what the agent has started may stay. */
  killAll(): void {
    for (const { child } of this.#processes) child.kill("SIGKILL");
  }

  message(from: RoleProcess, message: ToSupervisor, socket: Socket | undefined): void {
    switch (message.op) {
      case "loaded":
        this.#launches.get(from)?.sawLoaded();
        return;
      case "working":
        this.#launches.get(from)?.sawWorking();
        return;
      case "here":
        this.#health.answered(from);
        return;
      case "ready":
        from.facts = message.facts;
        from.apply({ kind: "ready" });
        this.#launches.get(from)?.sawReady();
        this.#launches.delete(from);
        this.#tellAgents();
        this.#sweeps.swept(from);
        return;
      case "failed":
        // Its end, which comes now, takes it away.
        this.#launches.get(from)?.fail(sentencesOf(message));
        return;
      case "instance":
        this.#passOn(this.#gateway(message.to), {
          grant: message.grant,
          handedOver: false,
          socket,
        });
        return;
      case "hand-over": {
        const next = this.#of("gateway").find(
          (gateway) => gateway !== from && gateway.life === "up",
        );
        this.#passOn(next, { grant: message.grant, handedOver: true, socket });
        return;
      }
      case "swept":
        this.#sweeps.swept(from);
    }
  }

  ended(process: RoleProcess, effects: readonly ChildEffect[]): void {
    this.#processes.delete(process);
    const why = `it ended (${process.child.signalCode ?? process.child.exitCode ?? "not started"})`;
    this.#launches.get(process)?.fail(why);
    this.#launches.delete(process);
    if (process.role === "agent") {
      this.#tellAgents();
      this.#sweeps.ended(process);
    }
    if (!this.#stopping) this.#fillPlaceOf(process, effects, why);
  }

  /** Whatever ended and however: none of its role ends up without a process of its own. */
  #fillPlaceOf(process: RoleProcess, effects: readonly ChildEffect[], why: string): void {
    const { role } = process;
    const [old] = [...this.#successors].find(([, next]) => next.process === process) ?? [];
    if (old !== undefined) {
      this.#successors.delete(old);
    } else if (effects.length > 0 && this.#successors.delete(process)) {
      this.#options.log.warn("a role ended and its successor takes its place", {
        ended: role,
        why,
      });
    } else {
      for (const effect of effects) this.#relaunchLater(role, effect, why);
    }
    const isDue = [...this.#relaunches].some((due) => due.role === role);
    if (this.#of(role).length > 0 || isDue) return;
    this.#relaunchLater(role, { afterMs: 0, failures: 0 }, why);
  }

  #relaunchLater(role: RoleName, effect: Omit<ChildEffect, "kind">, why: string): void {
    this.#options.log.warn("a role ended and is started again", { ended: role, why });
    const { afterMs, failures } = effect;
    const cancel = this.#clock.schedule(afterMs, () => void this.#relaunch(due));
    const due: Relaunch = { role, failures, cancel };
    this.#relaunches.add(due);
  }

  async #relaunch(due: Relaunch): Promise<void> {
    const { role, failures, cancel } = due;
    cancel();
    while (role === "agent" && this.#sweeps.isRunning) await this.#sweeps.untilOver();
    if (!this.#relaunches.delete(due) || this.#stopping) return;
    await this.#launch(role, { failures }).ready.catch((error: unknown) => {
      this.#options.log.error("a role did not start", { failed: role, error: String(error) });
    });
  }

  #of(role: RoleName): readonly RoleProcess[] {
    return [...this.#processes].filter((process) => process.role === role);
  }

  #gateway(id: string): RoleProcess | undefined {
    return this.#of("gateway").find((gateway) => gateway.id === id);
  }

  /** Without a receiver the link is closed, by which the instance ends itself. */
  #passOn(
    to: RoleProcess | undefined,
    link: {
      readonly grant: InstanceGrant;
      readonly handedOver: boolean;
      readonly socket: Socket | undefined;
    },
  ): void {
    const { grant, handedOver, socket } = link;
    if (socket !== undefined) stopReading(socket);
    if (to === undefined) socket?.destroy();
    else to.send({ op: "instance", grant, handedOver }, socket);
  }

  #tellAgents(): void {
    const agents: AgentAddress[] = this.#of("agent")
      .filter((agent) => agent.life === "up" || agent.life === "draining")
      .flatMap((agent) => {
        const { socketPath, nodeId } = agent.facts;
        if (socketPath === undefined || nodeId === undefined) return [];
        return [{ id: agent.id, nodeId, socketPath }];
      });
    for (const gateway of this.#of("gateway")) gateway.send({ op: "agents", agents });
  }

  #launch(role: RoleName, { failures = 0, successorOf }: LaunchOptions = {}): Launch {
    const { config, main } = this.#options;
    const alone = this.#of(role).length === 0;
    const process = new RoleProcess(
      {
        role,
        id: role === "gateway" ? this.#ids.id("gw") : this.#ids.requestId(),
        main,
        env: {
          ...this.#roleEnv(config),
          SKERRY_ROLE_ALONE: String(alone),
          SKERRY_ROLE_STANDBY: String(role === "control" && successorOf !== undefined),
          ...(role === "control" && successorOf === undefined ? this.#gatewaysEnv() : {}),
          ...(role === "gateway" ? { [TLS_TICKETS_ENV]: this.#tlsTickets.key } : {}),
        },
        listenFd: role === "agent" ? undefined : this.#portOf(role).fd,
        tlsFd: role === "gateway" ? this.#ports.gatewayTls?.fd : undefined,
        failures,
      },
      this,
    );
    const failed = (why: string): Error => this.#roleFailed(role, why);
    const launch = new Launch({ clock: this.#clock, failed }, process);
    this.#processes.add(process);
    this.#launches.set(process, launch);
    if (successorOf !== undefined) this.#successors.set(successorOf, launch);
    if (role === "agent" && alone) this.#sweeps.startedAlone(process);
    return launch;
  }

  /** For one that begins at once: what holds something begins beside it, or is gone. */
  #gatewaysEnv(): Readonly<Record<string, string>> {
    const ids = this.#of("gateway").map(({ id }) => id);
    return { SKERRY_ROLE_GATEWAYS: ids.join(",") };
  }

  #portOf(role: "control" | "gateway"): BoundPort {
    return role === "control" ? this.#ports.api : this.#ports.gateway;
  }

  /** Roles get the whole configuration as one value, so that all run with the same. */
  #roleEnv(config: PlatformConfig): Readonly<Record<string, string>> {
    const { apiPort, gatewayPort, gatewayTlsPort } = this;
    const inForce = { ...config, apiPort, gatewayPort, gatewayTlsPort };
    return {
      SKERRY_ROLE_CONFIG: JSON.stringify(inForce),
      NODE_ENV: "production",
      // Stripped and compiled sources are kept, so that a role starts in a fraction of the time;
      // where the caller says where, several homes share them.
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? this.#options.layout.compileCache,
    };
  }

  #roleFailed(role: RoleName, why: string): Error {
    return fail("ROLE_FAILED", { role, why, logFile: this.#options.layout.logFile });
  }

  /**
   * `npm start -- restart ROLE` and tests ask here; only the platform's own user may. The answer is
   * DONE or an error as it goes over wires.
   */
  async #listenForAdmin(): Promise<void> {
    const path = this.#options.layout.supervisorSocket;
    rmSync(path, { force: true });
    // The asking side ends its half with the question; the answer comes after the work.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.setEncoding("utf8");
      socket.on("error", () => undefined);
      socket.once("data", (line: string) => {
        void this.#obey(line.trim()).then((answer) => socket.end(`${answer}\n`));
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    this.#admin = server;
  }

  async #obey(line: string): Promise<string> {
    const [verb, role] = line.split(" ");
    try {
      if (verb !== "restart" || !isRoleName(role)) throw fail("ORDER_UNKNOWN", { order: line });
      await this.restart(role);
      return DONE;
    } catch (error) {
      return JSON.stringify(PlatformError.from(error).toWire());
    }
  }
}

/** The sentence they become part of ends with a full stop of its own. */
function sentencesOf({
  message,
  hint,
}: {
  readonly message: string;
  readonly hint: string;
}): string {
  return `${message} ${hint}`.trim().replace(/\.$/, "");
}

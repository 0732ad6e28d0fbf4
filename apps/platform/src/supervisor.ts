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
  systemClock,
  systemRandom,
  type IdSource,
  type Log,
} from "@skerry/base";
import type { InstanceGrant, PlatformConfig } from "@skerry/contracts";
import { stopReading } from "@skerry/link";
import { AgentSweeps } from "./agent-sweeps.ts";
import type { ChildEffect } from "./child-life.ts";
import { fail } from "./errors.ts";
import type { Layout } from "./layout.ts";
import { bindPort, type BoundPort } from "./listeners.ts";
import { isRoleName, type AgentAddress, type RoleName, type ToSupervisor } from "./messages.ts";
import { RoleProcess, type RoleListener } from "./role-process.ts";

export interface SupervisorOptions {
  readonly config: PlatformConfig;
  readonly layout: Layout;
  readonly log: Log;
  /** The program that runs with `--as-role`. */
  readonly main: string;
}

/**
 * A process that was started; both promises reject with ROLE_FAILED when it does not come that far.
 */
interface Launch {
  readonly process: RoleProcess;
  /** Its program is in memory; only awaited of one on standby. */
  readonly loaded: Promise<void>;
  readonly ready: Promise<void>;
}

interface LaunchWaiter {
  loaded(): void;
  ready(): void;
  failed(error: Error): void;
}

const FIRST = { standby: false, successor: false };
const READY_DEADLINE_MS = 30_000;
/** Answer to an order that was carried out. */
export const DONE = "ok";

export class Supervisor implements RoleListener {
  readonly #options: SupervisorOptions;
  readonly #ids: IdSource = createIdSource({ clock: systemClock(), random: systemRandom() });
  readonly #processes = new Set<RoleProcess>();
  readonly #waiting = new Map<RoleProcess, LaunchWaiter>();
  /** Successors that do not serve yet: nobody misses one that ends. */
  readonly #successors = new Set<RoleProcess>();
  readonly #sweeps = new AgentSweeps(() => this.#of("agent"));
  readonly #restarts = new Map<RoleName, Promise<void>>();
  readonly #ports: { readonly api: BoundPort; readonly gateway: BoundPort };
  #admin: Server | undefined;
  #stopping = false;

  /** Binds the ports; throws PORT_IN_USE before anything was started. */
  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { host, apiPort, gatewayPort } = options.config;
    const api = bindPort({ what: "control API", host, port: apiPort, flag: "--api-port" });
    try {
      const gateway = bindPort({
        what: "gateway",
        host,
        port: gatewayPort,
        flag: "--gateway-port",
      });
      this.#ports = { api, gateway };
    } catch (error) {
      api.close();
      throw error;
    }
  }

  get apiPort(): number {
    return this.#ports.api.port;
  }

  get gatewayPort(): number {
    return this.#ports.gateway.port;
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
      this.#launch("gateway", 0),
    );
    const all = [this.#launch("control", 0), this.#launch("agent", 0), ...gateways];
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
    const { drainDeadlineMs } = this.#options.config;
    for (const old of this.#of(role)) {
      if (role === "agent") await this.#sweeps.untilOver();
      if (role === "control") {
        await this.#replaceControl(old);
        continue;
      }
      await this.#replaceBeside(old, drainDeadlineMs);
      if (role === "agent") this.#tellAgents();
    }
  }

  /** The next one serves before the old one leaves; if it cannot, the old one stays. */
  async #replaceBeside(old: RoleProcess, drainDeadlineMs: number): Promise<void> {
    const next = this.#launch(old.role, 0, { standby: false, successor: true });
    try {
      await next.ready;
    } catch (error) {
      await next.process.exited;
      throw error;
    }
    this.#successors.delete(next.process);
    // An old one that ended by itself meanwhile has been replaced for that.
    const leaves = this.#processes.has(old) ? old : next.process;
    await leaves.drain(drainDeadlineMs);
  }

  /**
   * Two controls cannot have the store open: the next one is loaded beside the old one and begins
   * after it.
   */
  async #replaceControl(old: RoleProcess): Promise<void> {
    const next = this.#launch("control", 0, { standby: true, successor: true });
    await next.loaded;
    if (!this.#processes.has(old)) {
      // It ended by itself meanwhile and has been replaced for that.
      next.process.child.kill("SIGKILL");
      await next.process.exited;
      return;
    }
    await old.drain(this.#options.config.drainDeadlineMs);
    this.#successors.delete(next.process);
    next.process.send({ op: "begin" });
    await next.ready;
  }

  /** Drains front to back and ends everything. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#admin?.close();
    for (const { child } of this.#successors) child.kill("SIGKILL");
    for (const role of ["gateway", "agent", "control"] as const) {
      await Promise.all(this.#of(role).map((process) => process.drain(deadlineMs)));
    }
    this.killAll();
    await Promise.all([...this.#processes].map((process) => process.exited));
    this.#ports.api.close();
    this.#ports.gateway.close();
  }

  /** Ends every role at once, without a grace. */
  killAll(): void {
    for (const { child } of this.#processes) child.kill("SIGKILL");
  }

  message(from: RoleProcess, message: ToSupervisor, socket: Socket | undefined): void {
    switch (message.op) {
      case "loaded":
        this.#waiting.get(from)?.loaded();
        return;
      case "ready":
        from.facts = message.facts;
        from.apply({ kind: "ready" });
        this.#waiting.get(from)?.ready();
        this.#waiting.delete(from);
        this.#tellAgents();
        this.#sweeps.look();
        return;
      case "failed":
        this.#waiting.get(from)?.failed(this.#roleFailed(from.role, sentencesOf(message)));
        this.#waiting.delete(from);
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
    this.#waiting.get(process)?.failed(this.#roleFailed(process.role, why));
    this.#waiting.delete(process);
    if (process.role === "agent") {
      this.#tellAgents();
      this.#sweeps.ended(process);
    }
    if (this.#successors.delete(process) || this.#stopping) return;
    for (const effect of effects) {
      this.#options.log.warn("a role ended and is started again", { role: process.role, why });
      setTimeout(() => {
        if (this.#stopping) return;
        this.#launch(process.role, effect.failures).ready.catch((error: unknown) => {
          this.#options.log.error("a role did not start", {
            role: process.role,
            error: String(error),
          });
        });
      }, effect.afterMs);
    }
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

  #launch(
    role: RoleName,
    failures: number,
    options: { readonly standby: boolean; readonly successor: boolean } = FIRST,
  ): Launch {
    const { config, main } = this.#options;
    const alone = this.#of(role).length === 0;
    if (role === "agent") this.#sweeps.started(alone);
    const process = new RoleProcess(
      {
        role,
        id: role === "gateway" ? this.#ids.id("gw") : this.#ids.requestId(),
        main,
        env: {
          ...this.#roleEnv(config),
          SKERRY_ROLE_ALONE: String(alone),
          SKERRY_ROLE_STANDBY: String(options.standby),
        },
        listenFd: role === "agent" ? undefined : this.#portOf(role).fd,
        failures,
      },
      this,
    );
    this.#processes.add(process);
    if (options.successor) this.#successors.add(process);
    return { process, ...this.#await(process) };
  }

  #await(process: RoleProcess): Pick<Launch, "loaded" | "ready"> {
    const loaded = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<void>();
    const failed = (error: Error): void => {
      clearTimeout(late);
      loaded.reject(error);
      ready.reject(error);
    };
    const late = setTimeout(() => {
      process.child.kill("SIGKILL");
      failed(this.#roleFailed(process.role, `not ready after ${READY_DEADLINE_MS} ms`));
    }, READY_DEADLINE_MS);
    this.#waiting.set(process, {
      failed,
      loaded: loaded.resolve,
      ready: () => {
        clearTimeout(late);
        ready.resolve();
      },
    });
    // Whoever waits for one of them need not wait for the other.
    loaded.promise.catch(() => undefined);
    ready.promise.catch(() => undefined);
    return { loaded: loaded.promise, ready: ready.promise };
  }

  #portOf(role: "control" | "gateway"): BoundPort {
    return role === "control" ? this.#ports.api : this.#ports.gateway;
  }

  /** Roles get the whole configuration as one value, so that all run with the same. */
  #roleEnv(config: PlatformConfig): Readonly<Record<string, string>> {
    const inForce = { ...config, apiPort: this.apiPort, gatewayPort: this.gatewayPort };
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

/**
 * One child process with a role: its IPC channel, the listening socket it inherits, and its life.
 */
import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { decideChild, type ChildEffect, type ChildEvent, type ChildLife } from "./child-life.ts";
import type { RoleName, ToRole, ToSupervisor } from "./messages.ts";

export interface RoleProcessOptions {
  readonly role: RoleName;
  /** Id of this process: `gw_…` for gateways, free text for others. */
  readonly id: string;
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  /** Listening socket that the role inherits as descriptor 4. */
  readonly listenFd: number | undefined;
  /** One for TLS, as descriptor 5. */
  readonly tlsFd?: number | undefined;
  readonly failures: number;
}

export interface RoleListener {
  message(from: RoleProcess, message: ToSupervisor, socket: Socket | undefined): void;
  ended(process: RoleProcess, effects: readonly ChildEffect[]): void;
}

/**
 * A gateway makes much short-lived garbage: a larger young generation collects it more cheaply, and
 * buffers that bodies are read into do not bring a full collection with every few megabytes
 * (docs/adr/0038). What is made for one request is never long-lived, whatever V8 has seen of it:
 * where it takes one such object for old at birth, all that this points to outlives its request.
 */
export const NODE_FLAGS: Readonly<Record<RoleName, readonly string[]>> = {
  gateway: [
    "--max-semi-space-size=32",
    "--heap-growing-percent=400",
    "--no-allocation-site-pretenuring",
  ],
  control: [],
  agent: [],
};

/** Descriptor under which a role finds its listening socket. */
export const LISTEN_FD = 4;
/** The one for TLS, where there is one. */
export const TLS_FD = 5;
/** Where a gateway finds the first key of its session tickets, in base64. */
export const TLS_TICKETS_ENV = "SKERRY_TLS_TICKETS";

export class RoleProcess {
  readonly role: RoleName;
  readonly id: string;
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  facts: Readonly<Record<string, string>> = {};
  #life: ChildLife;
  /** Descriptors that wait for their turn to be sent. */
  readonly #leaving = new Set<Socket>();

  constructor(options: RoleProcessOptions, listener: RoleListener) {
    this.role = options.role;
    this.id = options.id;
    this.#life = { kind: "starting", failures: options.failures };
    const args = [...NODE_FLAGS[options.role], options.main, "--as-role", options.role, options.id];
    const fds = [options.listenFd ?? "ignore", options.tlsFd ?? "ignore"] as const;
    this.child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "inherit", "ipc", ...fds],
      env: { ...process.env, ...options.env },
    });
    this.child.on("message", (message, handle) => {
      listener.message(this, message as ToSupervisor, handle as Socket | undefined);
    });
    this.exited = new Promise((resolve) => {
      this.child.once("error", () => resolve());
      this.child.once("exit", () => resolve());
    });
    void this.exited.then(() => {
      for (const socket of this.#leaving) socket.destroy();
      this.#leaving.clear();
      listener.ended(this, this.apply({ kind: "exited" }));
    });
  }

  get life(): ChildLife["kind"] {
    return this.#life.kind;
  }

  apply(event: ChildEvent): readonly ChildEffect[] {
    const { life, effects } = decideChild(this.#life, event, performance.now());
    this.#life = life;
    return effects;
  }

  /**
   * Sends a message, with a descriptor that is given away. A process that is gone, or goes before
   * it has read them, loses both.
   */
  send(message: ToRole, socket?: Socket): void {
    if (socket === undefined) {
      if (this.child.connected) this.child.send(message, () => undefined);
      return;
    }
    const letGo = (): void => {
      this.#leaving.delete(socket);
      socket.destroy();
    };
    if (!this.child.connected) return letGo();
    this.#leaving.add(socket);
    // Node would close ours when the other side says that it has it, and never if that side ends
    // before, or has others to take first. What is written is the kernel's to pass on.
    this.child.send(message, socket, { keepOpen: true }, letGo);
  }

  /** Asks the process to finish and leave; kills it when it has not after the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    this.apply({ kind: "drainAsked" });
    this.send({ op: "drain", deadlineMs });
    const timer = setTimeout(() => this.child.kill("SIGKILL"), deadlineMs + 5_000);
    await this.exited;
    clearTimeout(timer);
  }
}

/**
 * Connections to what users name. A name is resolved once, every address it leads to is judged, and
 * the connection goes to an address that was judged: a name that answers differently the next time
 * gains nothing. One address that is not public refuses what must be, and so does one that leads to
 * the platform's own ports or, unless the operator says so, to a guarded address.
 */
import { isIP, type Socket } from "node:net";
import { PlatformError, type Clock } from "@skerry/base";
import { failReach, isTargetIn, type NetworkTarget } from "@skerry/contracts";
import type { Network } from "./network.ts";

export interface DialDeps {
  readonly clock: Clock;
  readonly network: Network;
  /** Patterns over what users may name. */
  readonly connectTargets: readonly string[];
  /** Patterns over guarded addresses that such a name may lead to all the same. */
  readonly connectMetadata: readonly string[];
  /** Ports at which the platform listens: at an address of this machine never a target. */
  readonly ownPorts: readonly number[];
}

interface DialOptions {
  /** To public addresses only. */
  readonly isWeb: boolean;
  /** True once nobody wants the connection any more. */
  isOver(): boolean;
}

interface Dialled {
  readonly socket: Socket;
  readonly address: string;
}

const DIAL_TIMEOUT_MS = 10_000;
const ADDRESSES_TRIED_MAX = 3;

export class Dialler {
  readonly #deps: DialDeps;

  constructor(deps: DialDeps) {
    this.#deps = deps;
  }

  /** Throws unless the operator lets users name the target. */
  assertNameable(target: NetworkTarget): void {
    if (isTargetIn(this.#deps.connectTargets, target)) return;
    throw failReach("CONNECT_TARGET_FORBIDDEN", { target: textOf(target) });
  }

  /** Connects to what a user named, as functions do by `connect`. Rejects with why it does not. */
  async dialNamed(target: NetworkTarget): Promise<Socket> {
    this.assertNameable(target);
    const dialled = await this.dial(target, { isWeb: false, isOver: () => false });
    if (dialled !== undefined) return dialled.socket;
    throw failReach("TUNNEL_UNREACHABLE", { target: textOf(target), why: "it was given up" });
  }

  /** Undefined when it is over; rejects with why there is no connection. */
  async dial(target: NetworkTarget, { isWeb, isOver }: DialOptions): Promise<Dialled | undefined> {
    const endMs = this.#deps.clock.monotonicMs() + DIAL_TIMEOUT_MS;
    const addresses = await this.#addressesOf(target, isWeb);
    let failure: unknown;
    for (const address of addresses.slice(0, ADDRESSES_TRIED_MAX)) {
      if (isOver()) return undefined;
      try {
        const socket = await this.#connect(address, target.port, endMs);
        if (isOver()) return void socket.destroy();
        this.#assertElsewhere(socket, target);
        return { socket, address };
      } catch (error) {
        if (PlatformError.is(error)) throw error;
        failure = error;
      }
    }
    const { code: why = "it did not answer" } = failure as NodeJS.ErrnoException;
    throw failReach("TUNNEL_UNREACHABLE", { target: textOf(target), why }, failure);
  }

  /** The one resolution of a connection; all of what it gives is judged. */
  async #addressesOf(target: NetworkTarget, isWeb: boolean): Promise<readonly string[]> {
    const { network } = this.#deps;
    const { host } = target;
    const resolve = isWeb ? network.resolvePublic : network.resolveLocal;
    const addresses =
      isIP(host) === 0 ? await resolve(host).catch((): readonly string[] => []) : [host];
    if (addresses.length === 0) {
      throw failReach("TUNNEL_NAME_UNRESOLVED", { target: textOf(target) });
    }
    if (isWeb && !addresses.every((address) => network.isPublic(address))) {
      throw failReach("EGRESS_ADDRESS_FORBIDDEN", { target: textOf(target) });
    }
    if (!isWeb) for (const address of addresses) this.#assertMayConnect(address, target);
    return addresses;
  }

  /** What no configuration of a user opens, whatever `connectTargets` lists. */
  #assertMayConnect(address: string, target: NetworkTarget): void {
    const { connectMetadata, network, ownPorts } = this.#deps;
    const { port } = target;
    if (ownPorts.includes(port) && network.isOwn(address)) {
      throw failReach("CONNECT_TARGET_OWN", { target: textOf(target) });
    }
    if (!network.isGuarded(address) || isTargetIn(connectMetadata, { host: address, port })) return;
    throw failReach("CONNECT_TARGET_GUARDED", { target: textOf(target) });
  }

  /** Of an address that only the kernel's routes know as this machine's, both ends are the same. */
  #assertElsewhere(socket: Socket, target: NetworkTarget): void {
    const { localAddress, remoteAddress, remotePort } = socket;
    const isPlatform = this.#deps.ownPorts.includes(remotePort ?? 0);
    if (!isPlatform || localAddress !== remoteAddress) return;
    socket.destroy();
    throw failReach("CONNECT_TARGET_OWN", { target: textOf(target) });
  }

  #connect(address: string, port: number, endMs: number): Promise<Socket> {
    const { clock, network } = this.#deps;
    return new Promise((resolve, reject) => {
      const socket = network.dial(address, port);
      const waitMs = Math.max(0, endMs - clock.monotonicMs());
      const cancel = clock.schedule(waitMs, () => socket.destroy(), { background: true });
      const onClose = (): void => reject(new TypeError("not connected in time"));
      socket.once("error", reject);
      socket.once("close", onClose);
      socket.once("connect", () => {
        cancel();
        socket.off("error", reject);
        socket.off("close", onClose);
        resolve(socket);
      });
    });
  }
}

export function textOf({ host, port }: NetworkTarget): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

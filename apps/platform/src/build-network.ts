/**
 * The network of the build step: package managers reach public addresses, and the hosts that the
 * operator names, such as a mirror of his own; he can also switch off the one or both. Link-local
 * and metadata addresses are never reached, whatever name leads there, nor are the platform's own
 * ports. Each build has its share of the connections. Everything is logged.
 */
import { isIP, type Socket } from "node:net";
import { PlatformError, type Clock, type Log } from "@skerry/base";
import {
  failReach,
  isTargetIn,
  parseTarget,
  type NetworkTarget,
  type ReachHead,
} from "@skerry/contracts";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import type { DependenciesDeps } from "@skerry/node-agent";
import { isOddAddress, Tunnel, type Network } from "@skerry/reach";

export interface BuildNetworkDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly network: Pick<
    Network,
    "dial" | "isGuarded" | "isOwn" | "isPublic" | "resolveLocal" | "resolvePublic"
  >;
  /** Patterns of what builds may reach besides public addresses. */
  readonly hosts: readonly string[];
  /** Whether public addresses are reached, only `hosts`, or nothing. */
  readonly egress: "public" | "hosts" | "none";
  /** Ports at which the platform listens: at an address of this machine never a target. */
  readonly ownPorts: readonly number[];
}

const DIAL_TIMEOUT_MS = 15_000;
/** Refusals that end when the operator names the host. */
const NAMEABLE: ReadonlySet<string> = new Set(["BUILD_EGRESS_OFF", "TARGET_NOT_PUBLIC"]);
/** Connections of one build at once; npm opens some fifteen. As many builds run as have room. */
const OPEN_PER_BUILD_MAX = 64;

/** A network for each build. */
export function createBuildNetwork(deps: BuildNetworkDeps): DependenciesDeps["networkOfBuild"] {
  return (refused) => {
    let open = 0;
    return (opened) => {
      const target = targetOf(opened);
      if (open >= OPEN_PER_BUILD_MAX) {
        throw failReach("TUNNELS_EXHAUSTED", { why: `the build has ${OPEN_PER_BUILD_MAX} open` });
      }
      open += 1;
      return begin(deps, opened, { target, refused, ended: () => (open -= 1) });
    };
  };
}

function targetOf(opened: OpenedStream): NetworkTarget {
  const head = JSON.parse(opened.head) as ReachHead;
  const target = head.op === "web" ? parseTarget(head.a) : undefined;
  if (target === undefined || isOddAddress(target.host)) {
    throw failReach("EGRESS_TARGET_INVALID", { target: opened.head });
  }
  if (isOddPort(target)) throw failReach("EGRESS_PORT_FORBIDDEN", { target: textOf(target) });
  return target;
}

/** As for functions: HTTP, HTTPS and what programs of users listen on. */
export function isOddPort({ port }: NetworkTarget): boolean {
  return port !== 80 && port !== 443 && port < 1_024;
}

function textOf({ host, port }: NetworkTarget): string {
  return `${host}:${port}`;
}

interface Connecting {
  readonly target: NetworkTarget;
  readonly refused: (why: PlatformError) => void;
  readonly ended: () => void;
}

function begin(
  deps: BuildNetworkDeps,
  opened: OpenedStream,
  { target, refused, ended }: Connecting,
): StreamHandler {
  const words = { target: textOf(target) };
  const tunnel = new Tunnel(opened.stream, ended);
  tunnel.onBody(opened.body, opened.end);
  connectTo(deps, target)
    .then((socket) => {
      if (tunnel.isOver) return void socket.destroy();
      deps.log.info("a build connected", words);
      opened.stream.reply('{"ok":true}');
      tunnel.join(socket);
    })
    .catch((error: unknown) => {
      const refusal = PlatformError.from(error);
      deps.log.info("a build was refused a connection", { ...words, error: refusal.reason });
      if (NAMEABLE.has(refusal.reason)) refused(refusal);
      opened.stream.reply(JSON.stringify({ e: refusal.toWire() }), undefined, true);
      tunnel.fail("refused");
    });
  return tunnel;
}

/** Resolves once; goes to an address that was judged. Rejects with why it does not. */
export async function connectTo(deps: BuildNetworkDeps, target: NetworkTarget): Promise<Socket> {
  const { network, hosts, egress } = deps;
  const { host, port } = target;
  const isNamed = isTargetIn(hosts, target);
  if (egress === "none" || (egress === "hosts" && !isNamed)) {
    throw failReach("BUILD_EGRESS_OFF", { target: textOf(target) });
  }
  const resolve = isNamed ? network.resolveLocal : network.resolvePublic;
  const addresses = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host];
  const [address] = addresses;
  if (address === undefined) throw failReach("TUNNEL_NAME_UNRESOLVED", { target: host });
  if (addresses.some((one) => network.isGuarded(one))) {
    throw failReach("EGRESS_ADDRESS_FORBIDDEN", { target: host });
  }
  if (!isNamed && !addresses.every((one) => network.isPublic(one))) {
    throw failReach("TARGET_NOT_PUBLIC", { target: host });
  }
  const isPlatform = deps.ownPorts.includes(port);
  const own = failReach("CONNECT_TARGET_OWN", { target: textOf(target) });
  if (isPlatform && addresses.some((one) => network.isOwn(one))) throw own;
  const socket = await dial(deps, address, port);
  // Of an address that only the kernel's routes know as this machine's, both ends are the same.
  if (isPlatform && socket.localAddress === socket.remoteAddress) {
    socket.destroy();
    throw own;
  }
  return socket;
}

function dial(
  { clock, network }: BuildNetworkDeps,
  address: string,
  port: number,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = network.dial(address, port);
    const cancel = clock.schedule(DIAL_TIMEOUT_MS, () => socket.destroy(), { background: true });
    const failed = (cause?: unknown): void => {
      cancel();
      reject(
        failReach("TUNNEL_UNREACHABLE", { target: address, why: "it does not answer" }, cause),
      );
    };
    socket.once("error", failed);
    socket.once("close", failed);
    socket.once("connect", () => {
      cancel();
      socket.off("error", failed);
      socket.off("close", failed);
      resolve(socket);
    });
  });
}

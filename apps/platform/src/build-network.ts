/**
 * The network of the build step: package managers reach public addresses, and the hosts that the
 * operator names, such as a mirror of his own. Everything is logged; nothing else can be reached.
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
import { Tunnel, type Network } from "@skerry/gateway";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import type { BuildNetwork } from "@skerry/node-agent";

export interface BuildNetworkDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly network: Network;
  /** Patterns of what builds may reach besides public addresses. */
  readonly hosts: readonly string[];
}

const DIAL_TIMEOUT_MS = 15_000;

export function createBuildNetwork(deps: BuildNetworkDeps): BuildNetwork {
  return (opened) => {
    const head = JSON.parse(opened.head) as ReachHead;
    const target = head.op === "web" ? parseTarget(head.a) : undefined;
    if (target === undefined || isOddPort(target))
      throw failReach("EGRESS_TARGET_INVALID", { target: opened.head });
    return open(deps, opened, target);
  };
}

/** As for functions: HTTP, HTTPS and what programs of users listen on. */
function isOddPort({ port }: NetworkTarget): boolean {
  return port !== 80 && port !== 443 && port < 1_024;
}

function open(deps: BuildNetworkDeps, opened: OpenedStream, target: NetworkTarget): StreamHandler {
  const words = { target: `${target.host}:${target.port}` };
  const tunnel = new Tunnel(opened.stream, () => undefined);
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
      opened.stream.reply(JSON.stringify({ e: refusal.toWire() }), undefined, true);
      tunnel.fail("refused");
    });
  return tunnel;
}

/** Resolves once; goes to an address that was judged. */
async function connectTo(deps: BuildNetworkDeps, target: NetworkTarget): Promise<Socket> {
  const { network, hosts } = deps;
  const { host, port } = target;
  const isNamed = isTargetIn(hosts, target);
  const resolve = isNamed ? network.resolveLocal : network.resolvePublic;
  const addresses = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host];
  const [address] = addresses;
  if (address === undefined) throw failReach("TUNNEL_NAME_UNRESOLVED", { target: host });
  if (!isNamed && !addresses.every((one) => network.isPublic(one))) {
    throw failReach("EGRESS_ADDRESS_FORBIDDEN", { target: host });
  }
  return await dial(deps, address, port);
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

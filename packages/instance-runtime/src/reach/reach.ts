/**
 * What code in the sandbox reaches the network by: the web proxy, there from the start, and the
 * ports of `connect`, there before the code is loaded.
 */
import type { Socket } from "node:net";
import type { Link } from "@skerry/link";
import type { SpecialiseHead } from "@skerry/contracts";
import type { Surroundings } from "../ports.ts";
import { openConnectPorts, type PortDeps } from "./connect-ports.ts";
import { GatewayLine } from "./gateway-line.ts";
import { clearProxyEnv, proxyAtFirstUse, setProxyEnv, type ProxyHost } from "./proxy-settings.ts";
import { watchSocketOwners } from "./socket-owners.ts";
import { openWebProxy } from "./web-proxy.ts";

export interface ReachDeps extends Surroundings {
  readonly link: () => Link;
  readonly idNow: () => string | undefined;
  readonly host: ProxyHost;
}

export interface Reach {
  readonly line: GatewayLine;
  /** Before the code of a revision is loaded: what it may reach is in the environment then. */
  prepare(head: Pick<SpecialiseHead, "connect" | "noWeb">): Promise<void>;
}

/** Listens, and points the environment and Node's own clients at the proxy. */
export async function openReach(deps: ReachDeps): Promise<Reach> {
  const { host, clock, link, log, openStream } = deps;
  const line = new GatewayLine({ clock, link });
  const owners = watchSocketOwners(deps.idNow);
  const ports: PortDeps = { line, openStream, log, ownerOf: (socket: Socket) => owners(socket) };
  setProxyEnv(host.env, await openWebProxy(ports));
  proxyAtFirstUse(host);
  return {
    line,
    async prepare({ connect = [], noWeb }) {
      if (noWeb === true) clearProxyEnv(host.env);
      if (connect.length > 0) Object.assign(host.env, await openConnectPorts(ports, connect));
    },
  };
}

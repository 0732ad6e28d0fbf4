/**
 * The listening sockets belong to the supervisor and outlive every role: a connection that arrives
 * while a role is being replaced waits in the socket's backlog, so none is refused.
 */
import { BoundSocket } from "node:net";
import type { PlatformConfig } from "@skerry/contracts";
import { fail } from "./errors.ts";

export interface BoundPort {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

export interface BoundPorts {
  readonly api: BoundPort;
  readonly gateway: BoundPort;
  /** Undefined where the configuration names none. */
  readonly gatewayTls: BoundPort | undefined;
}

/** Binds all, or throws PORT_IN_USE and binds none. */
export function bindPorts(config: PlatformConfig): BoundPorts {
  const { host, apiPort, gatewayPort, gatewayTlsPort } = config;
  const bound: BoundPort[] = [];
  const bind = (what: string, port: number, flag: string): BoundPort => {
    const one = bindPort({ what, host, port, flag });
    bound.push(one);
    return one;
  };
  try {
    const api = bind("control API", apiPort, "--api-port");
    const gateway = bind("gateway", gatewayPort, "--gateway-port");
    if (gatewayTlsPort === undefined) return { api, gateway, gatewayTls: undefined };
    const gatewayTls = bind("gateway for TLS", gatewayTlsPort, "--gateway-tls-port");
    return { api, gateway, gatewayTls };
  } catch (error) {
    for (const one of bound) one.close();
    throw error;
  }
}

/** Binds without listening. Throws PORT_IN_USE. */
function bindPort(wanted: {
  readonly what: string;
  readonly host: string;
  readonly port: number;
  readonly flag: string;
}): BoundPort {
  const { what, host, port, flag } = wanted;
  try {
    const socket = new BoundSocket({ host, port });
    const bound = socket.address();
    const boundPort =
      typeof bound === "object" && bound !== null && "port" in bound ? bound.port : port;
    return { fd: socket.fd(), port: Number(boundPort), close: () => socket.close() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw fail("PORT_IN_USE", { what, host, port, why, flag }, error);
  }
}

/**
 * The listening sockets belong to the supervisor and outlive every role: a connection that arrives
 * while a role is being replaced waits in the socket's backlog, so none is refused.
 */
import { BoundSocket } from "node:net";
import { fail } from "./errors.ts";

export interface BoundPort {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

/** Binds without listening. Throws PORT_IN_USE. */
export function bindPort(wanted: {
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

/**
 * A loopback port for each target of the function's `connect`. What is sent there goes to the
 * target by the gateway; the code finds the port in NAME_HOST and NAME_PORT.
 */
import { createServer, type Socket } from "node:net";
import type { Surroundings } from "../ports.ts";
import { openTunnel, type TunnelDeps } from "./local-tunnel.ts";
import { listenOnLoopback, LOOPBACK } from "./loopback.ts";

export interface PortDeps extends TunnelDeps {
  readonly log: Surroundings["log"];
  /** The request whose code made a connection, where it is known. */
  readonly ownerOf: (socket: Socket) => string | undefined;
}

/** Listens for every name and returns the environment that tells where. */
export async function openConnectPorts(
  deps: PortDeps,
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const env: Record<string, string> = {};
  for (const name of names) {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      forward(deps, name, socket);
    });
    const prefix = name.toUpperCase();
    env[`${prefix}_HOST`] = LOOPBACK;
    env[`${prefix}_PORT`] = String(await listenOnLoopback(server));
  }
  return env;
}

function forward(deps: PortDeps, name: string, socket: Socket): void {
  const r = deps.ownerOf(socket);
  // What is wrong with it is its close's to tell.
  socket.on("error", () => undefined);
  socket.setNoDelay(true);
  void openTunnel(deps, socket, {
    head: { op: "connect", n: name, ...(r === undefined ? {} : { r }) },
    first: undefined,
    onOpen: () => undefined,
    onRefused: (error) => {
      deps.log("warn", `No connection to ${name}: ${error.message} ${error.hint}`, r);
      socket.resetAndDestroy();
    },
  });
}

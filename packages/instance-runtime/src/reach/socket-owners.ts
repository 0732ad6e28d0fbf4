/**
 * Which request made a connection. Node announces every client socket in the async context that
 * made it; the port it got is looked up when the connection arrives at a loopback port of the
 * runtime. Sockets of other programs in the sandbox have no known owner.
 */
import { channel } from "node:diagnostics_channel";
import type { Socket } from "node:net";

interface Made {
  readonly socket: Socket;
  readonly id: string;
}

/** Begins to watch. `idNow` is asked in the context that makes a socket. */
export function watchSocketOwners(
  idNow: () => string | undefined,
): (arrived: Socket) => string | undefined {
  const made = new Set<Made>();
  channel("net.client.socket").subscribe((message) => {
    const id = idNow();
    if (id === undefined) return;
    const { socket } = message as { readonly socket: Socket };
    const one: Made = { socket, id };
    made.add(one);
    socket.once("close", () => made.delete(one));
  });
  return ({ remotePort }) => {
    for (const one of made) {
      if (one.socket.localPort !== remotePort) continue;
      made.delete(one);
      return one.id;
    }
    return undefined;
  };
}

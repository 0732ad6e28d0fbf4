/**
 * Servers on the sandbox's own loopback. They keep no process alive.
 *
 * `listen` would load Node's cluster and DNS modules, a megabyte in every idle instance; the
 * step below it that both avoids has kept its old name for those who build on it.
 */
import type { AddressInfo, Server } from "node:net";

export const LOOPBACK = "127.0.0.1";

/** Address, port, IPv4, and connections that wait to be accepted. */
const LISTEN = [LOOPBACK, 0, 4, 511] as const;

interface Listening {
  _listen2?: (...where: typeof LISTEN) => void;
}

/** Resolves to the port. */
export function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      server.unref();
      resolve((server.address() as AddressInfo).port);
    });
    const low: Listening = server as Listening;
    if (low._listen2 === undefined) server.listen({ host: LOOPBACK, port: 0 });
    else low._listen2(...LISTEN);
  });
}

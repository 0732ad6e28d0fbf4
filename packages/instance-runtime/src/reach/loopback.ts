/** Servers on the sandbox's own loopback. They keep no process alive. */
import type { AddressInfo, Server } from "node:net";

export const LOOPBACK = "127.0.0.1";

/** Resolves to the port. */
export function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.unref();
    server.listen({ host: LOOPBACK, port: 0 }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

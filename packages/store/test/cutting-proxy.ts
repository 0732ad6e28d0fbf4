/**
 * A proxy in front of PostgreSQL's socket that can lose the connection at a COMMIT, before or after
 * it happened.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOCKET = ".s.PGSQL.5432";

/**
 * `lost`: the server never sees the COMMIT. `unheard`: it commits, but its answer does not arrive.
 */
export type Cut = "lost" | "unheard";

export interface CuttingProxy {
  readonly url: string;
  /** Cuts the next connection that commits; once. */
  cutNextCommit(cut: Cut): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(socketDirectory: string): Promise<CuttingProxy> {
  const directory = mkdtempSync(join(tmpdir(), "skerry-cut-"));
  let armed: Cut | undefined;
  const sockets = new Set<Socket>();
  const serve = (client: Socket): void => {
    const upstream = connect(join(socketDirectory, SOCKET));
    const drop = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", () => {
        sockets.delete(socket);
        drop();
      });
      socket.on("error", drop);
    }
    let isMute = false;
    upstream.on("data", (chunk) => (isMute ? drop() : client.write(chunk)));
    client.on("data", (chunk) => {
      const cut = chunk.includes("COMMIT\0") ? armed : undefined;
      if (cut !== undefined) armed = undefined;
      if (cut === "lost") return drop();
      isMute = cut === "unheard";
      upstream.write(chunk);
    });
  };
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(join(directory, SOCKET), resolve));
  return {
    url: `postgres://skerry@localhost/postgres?host=${encodeURIComponent(directory)}`,
    cutNextCommit(cut) {
      armed = cut;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

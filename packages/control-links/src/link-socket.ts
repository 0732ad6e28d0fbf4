/**
 * The unix socket that gateways and agents connect to. Only this user can open it: it is bound
 * under another name in the run directory, given mode 0600 and then renamed, so that there is never
 * a moment at which the path exists with wider rights, nor one at which a restarting control leaves
 * no path at all.
 */
import { chmod, lstat, mkdir, rename, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { fail } from "./errors.ts";

export interface LinkSocket {
  /** Stops accepting and removes the path, unless a successor has taken it. Open links go on. */
  close(): Promise<void>;
}

/** Listens on `path`, replacing what an earlier run left there. Rejects with SOCKET_FAILED. */
export async function listenLinks(
  path: string,
  onSocket: (socket: Socket) => void,
): Promise<LinkSocket> {
  const server = createServer((socket) => onSocket(socket));
  const fresh = `${path}.new`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(fresh, { force: true });
    await listen(server, fresh);
    await chmod(fresh, 0o600);
    await rename(fresh, path);
    const { ino } = await lstat(path);
    return { close: () => closeSocket(server, path, ino) };
  } catch (error) {
    server.close();
    const errno = (error as { code?: string }).code ?? "unknown";
    throw fail("SOCKET_FAILED", { path, errno }, error);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function closeSocket(server: Server, path: string, ino: number): Promise<void> {
  server.close();
  const found = await lstat(path).catch(() => undefined);
  if (found?.ino === ino) await rm(path, { force: true });
}

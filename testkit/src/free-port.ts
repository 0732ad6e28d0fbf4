import { createServer } from "node:net";
import { systemRandom } from "@skerry/base";

/** Below what kernels give to those who ask for any port, so that nobody gets it by chance. */
const FIRST = 20_000;
const COUNT = 12_000;
const ATTEMPTS_MAX = 50;

/** A loopback port that nobody listens on at the moment, for programs that must be told one. */
export async function freePort(): Promise<number> {
  const random = systemRandom();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = FIRST + Math.floor(random.float() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new TypeError("no port is free");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

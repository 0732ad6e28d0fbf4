/**
 * A real Redis for suites, on a loopback port of its own, without a file and without a password.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "./free-port.ts";

const READY_LINE = "Ready to accept connections";
const READY_WITHIN_MS = 120_000;

/** A running server. `stop` removes everything; call it in the suite's `after`. */
export interface RedisServer {
  readonly port: number;
  stop(): Promise<void>;
}

function findRedis(): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((directory) => join(directory, "redis-server"))
    .find((path) => existsSync(path));
}

/**
 * False where Redis is absent on a developer's machine; in CI its absence fails the test instead.
 */
export function hasRedis(): boolean {
  return findRedis() !== undefined || process.env["CI"] !== undefined;
}

/** Starts a server. Throws, with what to install, when Redis is absent. */
export async function startRedis(): Promise<RedisServer> {
  const program = findRedis();
  if (program === undefined) throw new TypeError("Redis is absent: apt-get install redis-server");
  const port = await freePort();
  const home = mkdtempSync(join(tmpdir(), "skerry-redis-"));
  const settings = { bind: "127.0.0.1", port: String(port), save: "", appendonly: "no", dir: home };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(program, flags, { cwd: home, stdio: ["ignore", "pipe", "ignore"] });
  const onProcessExit = (): void => void child.kill("SIGKILL");
  process.once("exit", onProcessExit);
  await new Promise<void>((resolve, reject) => {
    let text = "";
    const fail = (): void => reject(new TypeError(`Redis was not ready:\n${text}`));
    const timer = setTimeout(fail, READY_WITHIN_MS);
    child.once("exit", fail);
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text = (text + part).slice(-8_192);
      if (!text.includes(READY_LINE)) return;
      clearTimeout(timer);
      child.off("exit", fail);
      child.stdout.removeAllListeners("data").resume();
      resolve();
    });
  });
  return {
    port,
    async stop() {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await exited;
      process.off("exit", onProcessExit);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/**
 * What else runs functions on one machine, with the same handler: functions-framework (Node, no
 * isolation) and workerd (V8 isolates in one process). They are no dependencies of Skerry:
 * `--peers` installs them with exact versions into a cache folder, once, by the npm on the PATH.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { callHttp, freePort, until } from "@skerry/testkit";

/** See bench/DEPS.md for why these. */
const PACKAGES = {
  "@google-cloud/functions-framework": "5.0.5",
  workerd: "1.20261117.1",
} as const;

const INSTALL_TIMEOUT_MS = 300_000;

export interface PeerProgram {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Installs what is missing and starts each on a port of its own: all of them or none. */
export async function startPeers(): Promise<readonly PeerProgram[]> {
  const cache = await installed();
  return await startAll([() => startFunctionsFramework(cache), () => startWorkerd(cache)]);
}

type Stoppable = Pick<PeerProgram, "stop">;

/** One after another; what runs already is stopped when one does not start. */
export async function startAll<P extends Stoppable>(
  starts: readonly (() => Promise<P>)[],
): Promise<readonly P[]> {
  const running: P[] = [];
  try {
    for (const start of starts) running.push(await start());
    return running;
  } catch (error) {
    await Promise.all(running.map((one) => one.stop()));
    throw error;
  }
}

async function installed(): Promise<string> {
  const versions = Object.values(PACKAGES).join("_");
  const root = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const cache = join(root, "skerry-bench", versions);
  if (existsSync(join(cache, "node_modules", "workerd"))) return cache;
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, "package.json"), JSON.stringify({ private: true }));
  const names = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...names];
  await promisify(execFile)("npm", args, { cwd: cache, timeout: INSTALL_TIMEOUT_MS });
  return cache;
}

async function startFunctionsFramework(cache: string): Promise<PeerProgram> {
  const port = await freePort();
  const main = join(cache, "node_modules/@google-cloud/functions-framework/build/src/main.js");
  const source = `exports.handler = (request, response) => {
    response.json({ ok: true, you: request.body });
  };`;
  return startProgram({
    name: "functions-framework",
    files: { "index.js": source },
    port,
    command: [process.execPath, main, "--target=handler", `--port=${port}`],
    env: { NODE_ENV: "production" },
  });
}

async function startWorkerd(cache: string): Promise<PeerProgram> {
  const port = await freePort();
  const platform = `${process.platform}-${process.arch === "x64" ? "64" : process.arch}`;
  const binary = join(cache, `node_modules/@cloudflare/workerd-${platform}/bin/workerd`);
  return startProgram({
    name: "workerd",
    files: {
      "worker.js": `export default {
        async fetch(request) { return Response.json({ ok: true, you: await request.json() }); },
      };`,
      "config.capnp": workerdConfig(port),
    },
    port,
    command: [binary, "serve", "config.capnp"],
    env: {},
  });
}

function workerdConfig(port: number): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
);
`;
}

interface Program {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly port: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function startProgram(program: Program): Promise<PeerProgram> {
  const { name, files, port, command, env } = program;
  const cwd = mkdtempSync(join(tmpdir(), "bench-peer-"));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text);
  const [path = "", ...args] = command;
  const child = spawn(path, args, { cwd, env: { ...process.env, ...env }, stdio: "ignore" });
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(cwd, { recursive: true, force: true });
  };
  try {
    await until(`${name} answers`, () => answers(port));
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, url: `http://127.0.0.1:${port}/`, pid: child.pid ?? 0, stop };
}

async function answers(port: number): Promise<boolean> {
  const headers = { "content-type": "application/json" };
  try {
    const { status } = await callHttp({ port, method: "POST", path: "/", headers, body: "{}" });
    return status === 200;
  } catch {
    return false;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

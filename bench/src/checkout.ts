/**
 * The platform of a checkout, which may be an older one: its own code runs, its own command line
 * deploys. Nothing of it is asked for but what every release has: lines of the banner, the CLI, and
 * instances over the API.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { until, type SourceFiles } from "@skerry/testkit";

/** What stands in a checkout. */
export interface Commit {
  readonly id: string;
  readonly date: string;
  readonly version: string;
  /** Files differ from the commit. */
  readonly changed: boolean;
}

export interface CheckoutFunction {
  readonly fn: string;
  readonly files: SourceFiles;
  /** As in `skerry.yaml`. */
  readonly config: Readonly<Record<string, string | number>>;
}

/** Disposed of when all of its processes have ended. */
export interface Checkout extends AsyncDisposable {
  readonly commit: Commit;
  readonly gatewayUrl: string;
  readonly apiUrl: string;
  readonly key: string;
  /** Of its supervisor; all of its processes descend from that. */
  readonly pid: number;
  /** Resolves when the checkout's own `skerry deploy` has ended well. */
  deploy(functions: readonly CheckoutFunction[]): Promise<void>;
}

export const APP = "bench";

const execute = promisify(execFile);
const WITHIN_MS = 120_000;
const OUTPUT_CHARS_MAX = 64_000;

/** Starts the platform of `folder`, in which packages are installed, on a home of its own. */
export async function openCheckout(folder: string): Promise<Checkout> {
  const commit = await readCommit(folder);
  const home = mkdtempSync(join(tmpdir(), "bench-checkout-"));
  // Sandboxes have users of their own.
  chmodSync(home, 0o755);
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    SKERRY_HOME: home,
    NODE_COMPILE_CACHE: join(folder, "node_modules", ".cache", "compile"),
  };
  // What an installation does for a faster start, in checkouts that do it.
  if (existsSync(join(folder, COMPILE)))
    await execute(process.execPath, [COMPILE], { cwd: folder, env });
  const flags = ["--example", "false", "--api-port", "0", "--gateway-port", "0"];
  const child = spawn(process.execPath, [join(folder, MAIN), ...flags], {
    ...{ cwd: home, env, detached: true },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = async (): Promise<void> => {
    if (!hasEnded(child)) child.kill("SIGTERM");
    await until("the checkout's platform ended", () => hasEnded(child), { deadlineMs: WITHIN_MS });
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const addresses = await untilReady(child);
    const reached = { ...env, SKERRY_API: addresses.apiUrl, SKERRY_GATEWAY: addresses.gatewayUrl };
    return {
      ...{ commit, ...addresses, pid: child.pid ?? 0 },
      key: readFileSync(join(home, "admin.key"), "utf8").trim(),
      deploy: (functions) => deploy({ folder, env: reached }, functions),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const MAIN = "apps/platform/src/main.ts";
const COMPILE = "apps/platform/src/compile.ts";
const CLI = "packages/cli/bin/skerry.mjs";

async function untilReady(child: ChildProcess): Promise<{ apiUrl: string; gatewayUrl: string }> {
  // Roles leave with their supervisor, so that a bench that exits, by a signal too, leaves nothing.
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => void process.off("exit", end));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX);
    });
  }
  const isReady = (): boolean => output.includes("Skerry is ready");
  const options = { deadlineMs: WITHIN_MS, giveUp: () => hasEnded(child) };
  await until("the checkout's platform is ready", isReady, options).catch((cause: unknown) => {
    throw new Error(`the checkout's platform did not start:\n${output}`, { cause });
  });
  const addressOf = (what: string): string =>
    new RegExp(`${what} +(http://127\\.0\\.0\\.1:\\d+)`).exec(output)?.[1] ?? "";
  return { apiUrl: addressOf("API"), gatewayUrl: addressOf("Gateway") };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function deploy(
  { folder, env }: { readonly folder: string; readonly env: NodeJS.ProcessEnv },
  functions: readonly CheckoutFunction[],
): Promise<void> {
  const source = mkdtempSync(join(tmpdir(), "bench-source-"));
  try {
    const stated: Record<string, object> = {};
    for (const { fn, files, config } of functions) {
      stated[fn] = { dir: fn, ...config };
      for (const [path, text] of Object.entries(files)) {
        const file = join(source, fn, path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
    }
    // JSON is YAML, too.
    const manifest = JSON.stringify({ app: APP, functions: stated });
    writeFileSync(join(source, "skerry.yaml"), manifest);
    const args = [join(folder, CLI), "deploy", source, "--json"];
    await execute(process.execPath, args, { env, timeout: WITHIN_MS });
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
}

async function readCommit(folder: string): Promise<Commit> {
  const git = async (...args: readonly string[]): Promise<string> =>
    (await execute("git", ["-C", folder, ...args])).stdout.trim();
  const manifest = readFileSync(join(folder, "package.json"), "utf8");
  return {
    id: await git("rev-parse", "HEAD"),
    date: await git("log", "-1", "--format=%cI"),
    version: (JSON.parse(manifest) as { readonly version: string }).version,
    changed: (await git("status", "--porcelain")) !== "",
  };
}

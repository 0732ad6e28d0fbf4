/**
 * Runs the command line with pipes. Most of what tests ask needs no process: the same commands run
 * here, on a host like the one of `main.ts`. What is about the process itself starts one.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { FAKE_KEY } from "@skerry/testkit/clients";
import { createFetch } from "../src/node-fetch.ts";
import { runOnTerminal } from "./terminal.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const BIN = fileURLToPath(new URL("../bin/skerry.mjs", import.meta.url));

/** The discard port, where no platform is. */
const NOBODY = "http://127.0.0.1:9";

/** Compiled once for all the processes of a test file, or of the run where that says where. */
const CACHES = mkdtempSync(join(tmpdir(), "skerry-cli-cache-"));
const COMPILED = process.env["NODE_COMPILE_CACHE"] ?? CACHES;
process.once("exit", () => rmSync(CACHES, { recursive: true, force: true }));

export interface CliOptions {
  /** Of the fake platform; API and gateway are one. */
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  /** Through bin/skerry.mjs instead of main.ts. */
  readonly throughBin?: boolean;
}

export interface CliResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A started command line and its end. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** The same without what was written, for tests that close the pipes. */
  readonly exited: Promise<Pick<CliResult, "exitCode" | "signal">>;
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const { url = NOBODY, env, stdin = "", cwd, throughBin = false } = options;
  const child = spawn(process.execPath, [throughBin ? BIN : MAIN, ...args], {
    cwd,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      SKERRY_API: url,
      SKERRY_GATEWAY: url,
      SKERRY_KEY: FAKE_KEY,
      ...(throughBin ? { XDG_CACHE_HOME: CACHES } : { NODE_COMPILE_CACHE: COMPILED }),
      ...env,
    },
  });
  // A command that does not read its input closes it; that is its right.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const exited = new Promise<Pick<CliResult, "exitCode" | "signal">>((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), exited]).then(
    ([stdout, stderr, end]): CliResult => ({ ...end, stdout, stderr }),
  );
  return { child, ended, exited };
}

/** As a user would, as a process of its own. */
export function runProcess(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}

/** In this process; everything but argv, streams and signals is as `runProcess` has it. */
export async function runCli(
  args: readonly string[],
  { url = NOBODY, env = {}, stdin = "", cwd = process.cwd() }: CliOptions = {},
): Promise<CliResult> {
  const options = { url, env, stdin, cwd, isTerminal: false, fetch: createFetch() };
  const { exitCode, stdout, stderr } = await runOnTerminal(args, options);
  return { exitCode, signal: null, stdout, stderr };
}

/**
 * The program that a function brought along: started beside the runtime in the same sandbox, it is
 * the function's code, and the instance ends with it. What it prints is raw output of the instance.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { createServer, connect } from "node:net";
import { constants, networkInterfaces } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Clock } from "@skerry/base";
import { WEB_PORT } from "@skerry/contracts";
import { fail } from "../errors.ts";

export interface ProgramOptions {
  readonly command: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Program {
  /** Resolves when it has ended, with how. Never rejects. */
  readonly ended: Promise<ProgramEnd>;
  /** True once it was asked to end. */
  readonly isStopping: boolean;
  /** Asks it to end, by SIGTERM; resolves when it has. */
  stop(): Promise<void>;
}

export interface ProgramEnd {
  readonly how: string;
  /** As a shell would tell it. */
  readonly code: number;
}

/**
 * Starts it where it finds this runtime's Node, the commands of its packages, and Python's
 * packages, as the platform's build step laid them down.
 */
export function startProgram({ command, directory, env }: ProgramOptions): Program {
  const [program = "", ...rest] = command;
  const commands = [dirname(process.execPath), join(directory, "node_modules", ".bin")];
  const path = [...commands, env["PATH"] ?? ""].join(delimiter);
  const child = spawn(program, rest, {
    cwd: directory,
    env: { PYTHONPATH: join(directory, "python_packages"), ...env, PATH: path },
    stdio: ["ignore", "inherit", "inherit"],
    // A group of its own: a shell and what it started end together.
    detached: true,
  });
  process.once("exit", () => signalGroup(child.pid, "SIGKILL"));
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once("error", (error) => {
      const why = whyNotStarted(error, join(directory, program));
      resolve({ how: `it cannot be started: ${why}`, code: NOT_STARTED_CODE });
    });
    child.once("exit", (code, signal) => {
      const number = signal === null ? code : SIGNALLED_CODE + constants.signals[signal];
      resolve({ how: signal ?? `exit code ${code}`, code: number ?? 1 });
    });
  });
  let isStopping = false;
  return {
    ended,
    get isStopping() {
      return isStopping;
    },
    async stop() {
      isStopping = true;
      signalGroup(child.pid, "SIGTERM");
      await ended;
    },
  };
}

/** The kernel says of a file that is there that it is not when it means its interpreter. */
function whyNotStarted({ code, message }: NodeJS.ErrnoException, path: string): string {
  if (code !== "ENOENT" || !existsSync(path)) return message;
  const [line] = beginningOf(path)?.split("\n") ?? [];
  if (line === undefined) return message;
  if (!line.startsWith("#!")) return `${message}: its dynamic loader is not on this machine`;
  if (line.endsWith("\r")) return "its lines end in CR LF; save it with LF alone";
  return `its first line names a program that is not there: ${line}`;
}

/** Undefined for what may be run and not be read. */
function beginningOf(path: string): string | undefined {
  const bytes = Buffer.alloc(LINE_BYTES_MAX);
  try {
    const file = openSync(path, "r");
    try {
      return bytes.toString("latin1", 0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function signalGroup(pid: number | undefined, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

const NOT_STARTED_CODE = 127;
const LINE_BYTES_MAX = 256;
const SIGNALLED_CODE = 128;

const HOST = "127.0.0.1";
const LOOK_MS_MIN = 2;
const LOOK_MS_MAX = 50;

/** SCF's bootstrap file listens on its port, whatever it is told. */
const FIXED_PORT_PROGRAM = "./scf_bootstrap";

/**
 * The port that is asked for. Where sandboxes share the machine's network it is any free one
 * instead when another program has it, and always when none was asked for, because others may be
 * about to take the usual one, too.
 */
export async function choosePort(wanted: number, command: readonly string[]): Promise<number> {
  const isUsual = wanted === WEB_PORT && command[0] !== FIXED_PORT_PROGRAM;
  const first = isUsual && sharesNetwork() ? 0 : wanted;
  return (await bindOnce(first)) ?? (await bindOnce(0)) ?? wanted;
}

/** A sandbox's own network has nothing but its loopback. */
function sharesNetwork(): boolean {
  return Object.keys(networkInterfaces()).some((name) => name !== "lo");
}

function bindOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: HOST }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}

interface Looked {
  readonly clock: Clock;
  readonly program: Program;
  /** True once nobody waits any more. */
  readonly isOver?: () => boolean;
}

/**
 * Resolves when something listens, or nobody waits; rejects with PROGRAM_ENDED when the program
 * ends before.
 */
export async function untilListening(
  { clock, program, isOver = () => false }: Looked,
  port: number,
): Promise<void> {
  let how: string | undefined;
  void program.ended.then((end) => (how = end.how));
  for (let pauseMs = LOOK_MS_MIN; !isOver() && !(await isListening(port));) {
    if (how !== undefined) throw fail("PROGRAM_ENDED", { how });
    await new Promise<void>((resolve) => void clock.schedule(pauseMs, resolve));
    pauseMs = Math.min(pauseMs * 2, LOOK_MS_MAX);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    socket.once("connect", () => {
      // Where ports are given out by chance, one that nobody has may be connected to itself.
      resolve(socket.localPort !== port);
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
  });
}

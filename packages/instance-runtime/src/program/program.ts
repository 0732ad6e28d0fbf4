/**
 * The program that a function brought along: started beside the runtime in the same sandbox, it is
 * the function's code, and the instance ends with it. What it prints is raw output of the instance.
 */
import { spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Clock } from "@skerry/base";
import { fail } from "../errors.ts";

export interface ProgramOptions {
  readonly command: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Program {
  /** Resolves when it has ended, with how. Never rejects. */
  readonly ended: Promise<ProgramEnd>;
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
  process.once("exit", () => endGroup(child.pid));
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once("error", ({ message }) => {
      resolve({ how: `it cannot be started: ${message}`, code: NOT_STARTED_CODE });
    });
    child.once("exit", (code, signal) => {
      const number = signal === null ? code : SIGNALLED_CODE + constants.signals[signal];
      resolve({ how: signal ?? `exit code ${code}`, code: number ?? 1 });
    });
  });
  return { ended };
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

const NOT_STARTED_CODE = 127;
const SIGNALLED_CODE = 128;

const HOST = "127.0.0.1";
const LOOK_MS_MIN = 2;
const LOOK_MS_MAX = 50;

/**
 * The port that is asked for, or any free one when another program of the machine has it, which
 * happens only where sandboxes share the machine's network.
 */
export async function choosePort(wanted: number): Promise<number> {
  return (await bindOnce(wanted)) ?? (await bindOnce(0)) ?? wanted;
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

/** Resolves when something listens; rejects with PROGRAM_ENDED when the program ends before. */
export async function untilListening(
  { clock, program }: { readonly clock: Clock; readonly program: Program },
  port: number,
): Promise<void> {
  let how: string | undefined;
  void program.ended.then((end) => (how = end.how));
  for (let pauseMs = LOOK_MS_MIN; !(await isListening(port));) {
    if (how !== undefined) throw fail("PROGRAM_ENDED", { how });
    await new Promise<void>((resolve) => void clock.schedule(pauseMs, resolve));
    pauseMs = Math.min(pauseMs * 2, LOOK_MS_MAX);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

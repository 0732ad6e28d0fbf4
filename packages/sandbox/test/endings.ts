/** The ways a sandbox comes to its end, each as a program and what the platform does about it. */
import { NODE_INSIDE } from "./bed.ts";
import type { Sandbox, SandboxExit } from "../src/index.ts";

export interface Ending {
  readonly name: string;
  readonly command: readonly string[];
  /** What follows once the program said that it runs; the exit is awaited by the caller. */
  readonly end: (sandbox: Sandbox) => void;
  readonly expected: (exit: SandboxExit) => boolean;
}

const HELLO = "const link = new (require('net').Socket)({ fd: 3 }); link.write('x');";
/** Says hello only if it is still there then. */
const IGNORE_SIGTERM = "process.on('SIGTERM', () => {}); process.kill(process.pid, 'SIGTERM');";
const IDLE = "setInterval(() => {}, 1000);";
/** `before` runs ahead of the hello, `script` after it. */
const node = (script: string, before = ""): readonly string[] => [
  NODE_INSIDE,
  "-e",
  before + HELLO + script,
];
const spawnSleepers = (count: number): string =>
  `for (let i = 0; i < ${count}; i += 1) require('child_process')` +
  ".spawn(process.env.ATTACK + '/sleeper', { detached: true, stdio: 'ignore' }).unref();";

const kill = (sandbox: Sandbox): void => void sandbox.kill();
const wait = (): void => undefined;
const killed = (exit: SandboxExit): boolean =>
  exit.reason === "killed" && exit.signal === "SIGKILL";

export const ENDINGS: readonly Ending[] = [
  {
    name: "out of memory",
    command: node("const eaten = []; for (;;) eaten.push(Buffer.alloc(4 << 20, 1));"),
    end: wait,
    expected: ({ reason, oomKilled }) => reason === "memory" && oomKilled,
  },
  {
    name: "spin",
    command: node("for (;;);"),
    end: kill,
    expected: killed,
  },
  { name: "hang", command: node(IDLE), end: kill, expected: killed },
  { name: "deaf to SIGTERM", command: node(IDLE, IGNORE_SIGTERM), end: kill, expected: killed },
  {
    name: "endless output that nobody reads",
    command: node("const text = 'x'.repeat(65536); for (;;) require('fs').writeSync(1, text);"),
    end: kill,
    expected: killed,
  },
  {
    name: "crash",
    command: node("process.abort();"),
    end: wait,
    expected: ({ signal, reason }) => signal === "SIGABRT" && reason === "exited",
  },
  {
    name: "daemons of its own sessions outlive the command",
    command: node(`${spawnSleepers(3)} process.exit(5);`),
    end: wait,
    expected: ({ code, reason }) => code === 5 && reason === "exited",
  },
  {
    name: "daemons beside a hanging command",
    command: node(`${spawnSleepers(3)}${IDLE}`),
    end: kill,
    expected: killed,
  },
  {
    name: "stopped by itself",
    command: node("process.kill(process.pid, 'SIGSTOP');"),
    end: kill,
    expected: killed,
  },
  {
    name: "resting",
    command: node("for (;;);"),
    end: (sandbox) => {
      sandbox.rest();
      void sandbox.kill();
    },
    expected: killed,
  },
];

/** Only where the kernel limits processes: elsewhere it would be the machine's bomb. */
export const FORK_BOMB: Ending = {
  name: "fork bomb",
  command: node(`require('child_process').spawn(process.env.ATTACK + '/bomb');${IDLE}`),
  end: kill,
  expected: killed,
};

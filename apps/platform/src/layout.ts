/**
 * What lies where under the platform's home. Directories that sandboxes mount are open to other
 * uids (0755), because an instance has a uid of its own; everything with secrets or state is closed
 * (0700).
 */
import { chmodSync, existsSync, mkdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, sep } from "node:path";
import { fail } from "./errors.ts";

export interface Layout {
  readonly home: string;
  readonly run: string;
  readonly state: string;
  readonly code: string;
  readonly runtimes: string;
  readonly tools: string;
  readonly instances: string;
  readonly builds: string;
  readonly dependencies: string;
  readonly sandboxes: string;
  readonly meterSpool: string;
  readonly logSpool: string;
  readonly snapshots: string;
  readonly compileCache: string;
  readonly logFile: string;
  readonly adminKeyFile: string;
  readonly nodeFile: string;
  /** Master keys of secrets. */
  readonly secretsKeyFile: string;
  readonly configFile: string;
  readonly controlSocket: string;
  readonly supervisorSocket: string;
  readonly lockFile: string;
  /** What gateways tell one another of requests that count once. */
  readonly usedNonces: string;
  /** What gateways leave to the next ones of purges that their Redis did not take. */
  readonly heldPurges: string;
}

/** `sun_path` without its NUL. unix(7) of Linux, unix(4) of macOS. */
const SOCKET_PATH_BYTES_MAX = process.platform === "linux" ? 107 : 103;
/** An agent's socket carries the agent's id, a UUID. */
const LONGEST_SOCKET = `/run/agent-${"0".repeat(36)}.sock`;

/** `/var/lib/skerry` for root, `~/.skerry` for everyone else. */
export function defaultHome(): string {
  return process.getuid?.() === 0 ? "/var/lib/skerry" : join(homedir(), ".skerry");
}

export function layoutOf(home: string): Layout {
  const at = (...parts: string[]): string => join(home, ...parts);
  return {
    home,
    run: at("run"),
    state: at("state"),
    code: at("code"),
    runtimes: at("runtimes"),
    tools: at("tools"),
    instances: at("instances"),
    builds: at("builds"),
    dependencies: at("dependencies"),
    sandboxes: at("sandboxes"),
    meterSpool: at("spool", "meter"),
    logSpool: at("spool", "logs"),
    snapshots: at("snapshots"),
    compileCache: at("compile-cache"),
    logFile: at("log", "platform.jsonl"),
    adminKeyFile: at("admin.key"),
    nodeFile: at("node.json"),
    secretsKeyFile: at("secrets.key"),
    configFile: at("config.json"),
    controlSocket: at("run", "control.sock"),
    supervisorSocket: at("run", "supervisor.sock"),
    lockFile: at("run", "supervisor.json"),
    usedNonces: at("snapshots", "used-nonces"),
    heldPurges: at("snapshots", "held-purges"),
  };
}

/** Programs of users are shown the machine's own: with these, whoever may read them. */
const SEEN_INSIDE = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** Makes what is missing. Throws HOME_UNUSABLE. */
export function prepareHome(layout: Layout): void {
  const open = [
    layout.home,
    layout.code,
    layout.runtimes,
    layout.tools,
    layout.instances,
    layout.builds,
    layout.dependencies,
    layout.sandboxes,
  ];
  const closed = [
    layout.run,
    layout.state,
    layout.meterSpool,
    layout.logSpool,
    layout.snapshots,
    join(layout.home, "log"),
    join(layout.home, "spool"),
  ];
  const bytesMax = SOCKET_PATH_BYTES_MAX - Buffer.byteLength(LONGEST_SOCKET);
  if (Buffer.byteLength(layout.home) > bytesMax) {
    const why = `its path is longer than the ${bytesMax} bytes that sockets below it leave`;
    throw fail("HOME_UNUSABLE", { home: layout.home, why });
  }
  const seen = SEEN_INSIDE.find((directory) => isBelow(layout.home, directory));
  if (seen !== undefined) {
    const why = `sandboxes of programs are shown all of ${seen}, and it would lie there`;
    throw fail("HOME_UNUSABLE", { home: layout.home, why });
  }
  try {
    for (const directory of open) makeDirectory(directory, 0o755);
    for (const directory of closed) makeDirectory(directory, 0o700);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw fail("HOME_UNUSABLE", { home: layout.home, why }, error);
  }
}

/** By where the two really lie, whatever links lead there. */
function isBelow(path: string, directory: string): boolean {
  let existing = path;
  while (!existsSync(existing)) existing = dirname(existing);
  const real = join(realpathSync(existing), path.slice(existing.length));
  const root = existsSync(directory) ? realpathSync(directory) : directory;
  return real === root || real.startsWith(`${root}${sep}`);
}

function makeDirectory(directory: string, mode: number): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, mode);
}

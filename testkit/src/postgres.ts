/**
 * A real PostgreSQL for tests: a cluster of its own in a temporary directory, on a unix socket
 * only, owned by a user that is not root (initdb refuses root), with fsync on. Its text sorts by
 * ICU English, so that a test notices SQL that relies on the order of bytes without saying so.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const DEBIAN_ROOT = "/usr/lib/postgresql";
const READY_LINE = "database system is ready to accept connections";
const READY_WITHIN_MS = 120_000;

/** A running cluster. `stop` removes everything; call it in the suite's `after`. */
export interface PostgresServer {
  /** For `pg`: a superuser without a password, on the unix socket. */
  readonly url: string;
  /** The directory of the socket `.s.PGSQL.5432`, for proxies. */
  readonly socketDirectory: string;
  /** Ends every server process at once without a checkpoint, as a crash does. */
  crash(): Promise<void>;
  /**
   * Starts the server again on the same files, with further settings if wanted; it must not be
   * running.
   */
  start(settings?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The directory with `initdb` and `postgres`: PATH first, then Debian's newest; undefined when
 * absent.
 */
export function findPostgres(): string | undefined {
  const onPath = (process.env["PATH"] ?? "").split(delimiter);
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT) : [];
  const debian = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_ROOT, version, "bin"));
  return [...onPath, ...debian].find(
    (bin) => bin !== "" && existsSync(join(bin, "initdb")) && existsSync(join(bin, "postgres")),
  );
}

/**
 * False where PostgreSQL is absent on a developer's machine; in CI its absence fails the test
 * instead.
 */
export function hasPostgres(): boolean {
  return findPostgres() !== undefined || process.env["CI"] !== undefined;
}

/** Creates and starts a cluster. Throws, with what to install, when PostgreSQL is absent. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = findPostgres();
  if (bin === undefined) throw new TypeError("PostgreSQL is absent: apt-get install postgresql");
  const owner = ownerOfCluster();
  const home = mkdtempSync(join(tmpdir(), "skerry-pg-"));
  if (owner !== undefined) chownSync(home, owner.uid, owner.gid);
  const cluster = join(home, "cluster");
  const shared = process.env["SKERRY_TEST_SHARED"];
  if (shared === undefined) initialise({ bin, home, cluster, owner });
  else execFileSync("cp", ["-Rp", pristineIn(shared, { bin, owner }), cluster], { ...owner });
  const server = createServer({ bin, home, cluster, owner });
  await server.start();
  return server;
}

function initialise({ bin, home, cluster, owner }: Place): void {
  const locale = ["--locale=C", "--locale-provider=icu", "--icu-locale=en", "--encoding=UTF8"];
  const args = ["-D", cluster, "-U", "skerry", "-A", "trust", "--no-sync", ...locale];
  execFileSync(join(bin, "initdb"), args, { ...owner, cwd: home, stdio: "pipe" });
}

/**
 * A cluster that nobody ever starts, made by the first who asks in a test run's own directory:
 * copying it takes a fraction of making one.
 */
function pristineIn(shared: string, place: Pick<Place, "bin" | "owner">): string {
  const pristine = join(shared, "cluster");
  if (existsSync(pristine)) return pristine;
  const home = mkdtempSync(join(shared, "cluster-"));
  if (place.owner !== undefined) chownSync(home, place.owner.uid, place.owner.gid);
  const cluster = join(home, "cluster");
  initialise({ ...place, home, cluster });
  try {
    renameSync(cluster, pristine);
  } catch (error) {
    // Another file of the run was first.
    if (!existsSync(pristine)) throw error;
  }
  return pristine;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface Place {
  readonly bin: string;
  readonly home: string;
  readonly cluster: string;
  /** Undefined: the user who runs the test. */
  readonly owner: Owner | undefined;
}

function createServer(place: Place): PostgresServer {
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null) return;
    const exited = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill(signal);
    await exited;
  };
  const onProcessExit = (): void => void child?.kill("SIGQUIT");
  process.once("exit", onProcessExit);
  return {
    url: `postgres://skerry@localhost/postgres?host=${encodeURIComponent(place.home)}`,
    socketDirectory: place.home,
    crash: () => end("SIGQUIT"),
    async start(settings = {}) {
      child = launch(place, settings);
      await untilReady(child);
    },
    async stop() {
      await end("SIGINT");
      process.off("exit", onProcessExit);
      rmSync(place.home, { recursive: true, force: true });
    },
  };
}

function launch(place: Place, settings: Readonly<Record<string, string>>): ChildProcess {
  const all = {
    listen_addresses: "",
    unix_socket_directories: place.home,
    lc_messages: "C",
    fsync: "on",
    shared_buffers: "32MB",
    max_connections: "60",
    max_pred_locks_per_transaction: "256",
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return spawn(join(place.bin, "postgres"), ["-D", place.cluster, ...flags], {
    ...place.owner,
    cwd: place.home,
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** The server says in its log when it takes connections, also after replaying its log. */
function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => fail("was not ready in time"), READY_WITHIN_MS);
    const fail = (problem: string): void => {
      clearTimeout(timer);
      reject(new TypeError(`PostgreSQL ${problem}:\n${text}`));
    };
    const onExit = (): void => fail("ended");
    child.once("exit", onExit);
    child.stderr?.setEncoding("utf8");
    child.stderr?.on("data", (chunk: string) => {
      text = (text + chunk).slice(-8192);
      if (!text.includes(READY_LINE)) return;
      clearTimeout(timer);
      child.off("exit", onExit);
      child.stderr?.removeAllListeners("data").resume();
      resolve();
    });
  });
}

/** As root: Debian's `postgres` user, else `nobody`. As anybody else: that user. */
function ownerOfCluster(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const row =
    users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  return { uid: Number(row?.[2] ?? 65_534), gid: Number(row?.[3] ?? 65_534) };
}

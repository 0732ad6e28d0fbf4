/**
 * A whole platform of real processes for cross-process suites: started on a home of its own,
 * restarted and killed by role, stopped as a person would stop it. `stop` asserts that nothing of
 * the home is left on the machine: no process, control group, mount or bound socket. Waits have
 * deadlines; no step relies on time passing.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deploymentMark, type DeploymentResource } from "@skerry/api-schema";
import { flagOf, type FunctionConfigInput } from "@skerry/contracts";
import { PlatformError } from "@skerry/base";
import { createClient, type Client } from "@skerry/sdk";
import { packFolder } from "@skerry/sdk/pack";
import { fetchOnce } from "./fetch-once.ts";
import { shareLaidDown, takeLaidDown } from "./laid-down.ts";
import { findLeftovers, killLeftovers, NOTHING_LEFT } from "./leftovers.ts";
import { until } from "./until.ts";

export type RoleName = "control" | "gateway" | "agent";
/** Paths relative to the function's folder, and their text. */
export type SourceFiles = Readonly<Record<string, string>>;

export interface PlatformOptions {
  /** Flags of the platform by their configuration keys; `home` and ports are the harness's own. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** An existing directory; made, and removed at the end, when absent. */
  readonly home?: string;
  /** Another composition root than the platform's own. */
  readonly main?: URL;
  /** Runs the platform as this user; only root can ask for it. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

export interface Deployment {
  readonly app: string;
  readonly fn: string;
  readonly files: SourceFiles;
  readonly config?: FunctionConfigInput;
}

const MAIN = fileURLToPath(new URL("../../apps/platform/src/main.ts", import.meta.url));
const READY_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 120_000;
const RESTART_WITHIN_MS = 180_000;
const GONE_WITHIN_MS = 60_000;
const ROLES: readonly RoleName[] = ["control", "gateway", "agent"];

/** As `startPlatform`. */
export async function start(options: PlatformOptions): Promise<Platform> {
  const home = options.home ?? makeHome(options);
  const platform = new Platform(home, options);
  try {
    await platform.start();
    // A home that somebody else made may be on another disk, or an earlier release's.
    if (options.home === undefined && options.user === undefined) shareLaidDown(home);
  } catch (error) {
    await platform.abandon();
    throw error;
  }
  return platform;
}

/** Little, so that a test meets what a user meets; a compile cache only saves time. */
function inherited(): NodeJS.ProcessEnv {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) };
}

function makeHome({ user }: PlatformOptions): string {
  const home = mkdtempSync(join(tmpdir(), "skerry-platform-"));
  // Sandboxes have uids of their own and must be able to enter it.
  chmodSync(home, 0o755);
  if (user === undefined) takeLaidDown(home);
  else chownSync(home, user.uid, user.gid);
  return home;
}

export class Platform {
  readonly home: string;
  readonly #options: PlatformOptions;
  #child: ChildProcess | undefined;
  #output = "";
  #ports = { api: 0, gateway: 0 };

  constructor(home: string, options: PlatformOptions) {
    this.home = home;
    this.#options = options;
  }

  get apiPort(): number {
    return this.#ports.api;
  }

  get gatewayPort(): number {
    return this.#ports.gateway;
  }

  /** With `gatewayTlsPort: 0` among the settings. */
  get gatewayTlsPort(): number {
    const match = /https:\/\/127\.0\.0\.1:(\d+)/.exec(this.#output);
    assert.ok(match !== null, `no address of TLS in:\n${this.#output}`);
    return Number(match[1]);
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.apiPort}`;
  }

  get gatewayUrl(): string {
    return `http://127.0.0.1:${this.gatewayPort}`;
  }

  /** The admin key, as the CLI of this machine would find it. */
  get key(): string {
    return readFileSync(join(this.home, "admin.key"), "utf8").trim();
  }

  /** A client with the admin key. */
  get client(): Client {
    const { apiUrl, gatewayUrl, key } = this;
    return createClient({ apiUrl, gatewayUrl, key, fetch: fetchOnce });
  }

  /** Everything that the platform printed so far, both streams. */
  get output(): string {
    return this.#output;
  }

  /** The last lines of the platform's own log, for messages of failed tests. */
  logTail(lines = 15): string {
    return readText(join(this.home, "log", "platform.jsonl"))
      .split("\n")
      .slice(-lines)
      .join("\n");
  }

  /** Environment with which the CLI reaches this platform. */
  get cliEnvironment(): Readonly<Record<string, string>> {
    return { SKERRY_HOME: this.home, SKERRY_API: this.apiUrl, SKERRY_GATEWAY: this.gatewayUrl };
  }

  /** Starts the supervisor; the ports stay what they were at the first start. */
  async start(): Promise<void> {
    assert.equal(this.#child, undefined, "the platform runs already");
    const { settings = {}, user, main } = this.#options;
    const flags = Object.entries({
      example: "false",
      apiPort: this.#ports.api,
      gatewayPort: this.#ports.gateway,
      ...settings,
    }).flatMap(([key, value]) => [flagOf(key), String(value)]);
    this.#output = "";
    const program = main === undefined ? MAIN : fileURLToPath(main);
    const child = spawn(process.execPath, [program, ...flags], {
      ...user,
      cwd: this.home,
      // Ctrl-C at the test run must not reach it before the test ends it.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...inherited(), HOME: this.home, SKERRY_HOME: this.home },
    });
    this.#child = child;
    // Roles leave with their supervisor, so a test run that crashes leaves nothing either.
    const onExit = (): void => void child.kill("SIGKILL");
    process.once("exit", onExit);
    child.once("exit", () => void process.off("exit", onExit));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-64_000);
      });
    }
    await until(
      "the platform is ready",
      () => {
        if (hasEnded(child)) throw new TypeError(`the platform ended:\n${this.#output}`);
        return this.#output.includes("Skerry is ready");
      },
      { deadlineMs: READY_WITHIN_MS, giveUp: () => hasEnded(child) },
    );
    this.#ports = { api: this.#portIn("API"), gateway: this.#portIn("Gateway") };
  }

  #portIn(what: string): number {
    const match = new RegExp(`${what} +http://127\\.0\\.0\\.1:(\\d+)`).exec(this.#output);
    assert.ok(match !== null, `no address of ${what} in:\n${this.#output}`);
    return Number(match[1]);
  }

  /** Process id of the supervisor. */
  get supervisorPid(): number {
    const pid = this.#child?.pid;
    assert.ok(pid !== undefined, "the platform does not run");
    return pid;
  }

  /** Process ids of the roles that run now, read from the kernel. */
  pids(role?: RoleName): readonly number[] {
    const wanted = role === undefined ? ROLES : [role];
    return childrenOf(this.supervisorPid).filter((pid) => {
      const words = readText(`/proc/${pid}/cmdline`).split("\0");
      const mark = words.indexOf("--as-role");
      return mark > 0 && wanted.some((one) => one === words[mark + 1]);
    });
  }

  /**
   * Asks the supervisor to replace a role, as `npm start -- restart ROLE` does; rejects with the
   * supervisor's error.
   */
  async restart(role: RoleName): Promise<void> {
    const socket = connect(join(this.home, "run", "supervisor.sock"));
    socket.setEncoding("utf8").setTimeout(RESTART_WITHIN_MS, () => socket.destroy());
    socket.end(`restart ${role}\n`);
    let answer = "";
    for await (const part of socket) answer += String(part);
    if (answer.startsWith("{")) throw PlatformError.fromWire(JSON.parse(answer));
    assert.equal(
      answer.trim(),
      "ok",
      `restart ${role}; the platform's log ends:\n${this.logTail()}`,
    );
  }

  /** Sends a signal, by default SIGKILL, and waits until the killed processes are gone. */
  async kill(
    target: RoleName | "supervisor" | "all",
    signal: NodeJS.Signals = "SIGKILL",
  ): Promise<void> {
    const supervisor = target === "supervisor" || target === "all" ? [this.supervisorPid] : [];
    const roles = target === "supervisor" ? [] : this.pids(target === "all" ? undefined : target);
    const pids = [...supervisor, ...roles];
    for (const pid of pids) process.kill(pid, signal);
    if (signal !== "SIGKILL") return;
    await until(`${target} gone`, () => pids.every((pid) => isGone(pid)));
    if (supervisor.length > 0) this.#child = undefined;
  }

  /**
   * Resolves when every role runs, follows the config log to its end, and the node can start
   * instances.
   */
  async untilWhole(): Promise<void> {
    await until(
      "all roles serve",
      async () => {
        if (ROLES.some((role) => this.pids(role).length === 0)) return false;
        const signal = AbortSignal.timeout(20_000);
        const { consumers, configSeq, nodes } = await this.client.getPlatform({ signal });
        const upToDate = consumers.filter(({ appliedSeq }) => appliedSeq >= configSeq);
        const roles = new Set(upToDate.map(({ role }) => role));
        return roles.has("gateway") && roles.has("agent") && nodes.some((node) => node.connected);
      },
      { deadlineMs: READY_WITHIN_MS },
    );
  }

  /**
   * Deploys one function from made-up files and resolves when it is active; rejects with the
   * deployment's error.
   */
  async deploy(wanted: Deployment): Promise<DeploymentResource> {
    const folder = mkdtempSync(join(tmpdir(), "skerry-source-"));
    try {
      for (const [path, text] of Object.entries(wanted.files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      return await this.deployFolder({ ...wanted, folder });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async deployFolder(
    wanted: Pick<Deployment, "app" | "fn" | "config"> & { readonly folder: string },
  ): Promise<DeploymentResource> {
    const { app, fn, config = {}, folder } = wanted;
    return await this.deployFolders(app, [{ fn, config, folder }]);
  }

  /** Several functions of an app in one deployment; equal folders travel once. */
  async deployFolders(
    app: string,
    wanted: readonly {
      readonly fn: string;
      readonly folder: string;
      readonly config: FunctionConfigInput;
    }[],
  ): Promise<DeploymentResource> {
    const { client } = this;
    const sources = new Map<string, Awaited<ReturnType<typeof packFolder>>>();
    for (const { folder } of wanted) {
      if (!sources.has(folder)) sources.set(folder, await packFolder(folder));
    }
    const digestOf = (folder: string): string => sources.get(folder)?.digest ?? "";
    const functions = wanted.map(({ fn, folder, config }) => ({
      ...{ name: fn, sourceDigest: digestOf(folder), config },
    }));
    const body = { functions };
    const plan = await client.planDeployment({ params: { app }, body });
    const missing = new Set(
      plan.functions.flatMap(({ needsUpload, name }) => (needsUpload ? name : [])),
    );
    for (const [folder, source] of sources) {
      if (!wanted.some((one) => one.folder === folder && missing.has(one.fn))) continue;
      await client.putPackage({
        params: { app, digest: source.digest },
        archive: () => source.archive(),
      });
    }
    let deployment = await client.createDeployment({ params: { app }, body });
    while (deployment.state !== "succeeded" && deployment.state !== "failed") {
      const params = { app, deployment: deployment.id };
      const query = { waitMs: 10_000, state: deploymentMark(deployment) };
      deployment = await client.getDeployment({ params, query });
    }
    assert.equal(deployment.state, "succeeded", JSON.stringify(deployment.error));
    return deployment;
  }

  /**
   * Stops as Ctrl-C does, asserts that nothing is left, and removes a home that the harness made.
   */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined) {
      if (!hasEnded(child)) process.kill(this.supervisorPid, "SIGTERM");
      await until("the platform stopped", () => hasEnded(child), { deadlineMs: STOP_WITHIN_MS });
      this.#child = undefined;
      assert.equal(child.exitCode, 0, `exit code of the platform:\n${this.#output}`);
      assert.deepEqual(readdirSync(join(this.home, "run")), [], "files left in run/");
    }
    await this.assertNothingLeft();
    this.#removeHome();
  }

  /** Nothing of the home is on the machine; the kernel gets a moment to end what was killed. */
  async assertNothingLeft(): Promise<void> {
    let left = NOTHING_LEFT;
    const isClean = (): boolean => {
      left = findLeftovers(this.home);
      return Object.values(left).flat().length === 0;
    };
    await until("nothing left", isClean, { deadlineMs: GONE_WITHIN_MS }).catch(() => undefined);
    assert.deepEqual(left, NOTHING_LEFT);
  }

  /** Ends everything at once, for teardown after a failure. Says nothing about leftovers. */
  async abandon(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && !hasEnded(child)) await this.kill("all").catch(() => undefined);
    killLeftovers(this.home);
    this.#removeHome();
  }

  /**
   * Stops and checks, unless the test failed and left a broken platform: then it only cleans up.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  #removeHome(): void {
    if (this.#options.home === undefined) rmSync(this.home, { recursive: true, force: true });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const stat = readText(`/proc/${pid}/stat`);
      const [state, parentPid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(parentPid) === parent && state !== "Z";
    })
    .map(Number);
}

function isGone(pid: number): boolean {
  return !existsSync(`/proc/${pid}`) || /\) [ZX] /.test(readText(`/proc/${pid}/stat`));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

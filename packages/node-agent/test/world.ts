/**
 * A node with real sandboxes in a temporary home: driver, runtime, code store, builder and, when
 * asked for, instances whose links the test holds as a gateway would.
 */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  createIdSource,
  createLog,
  systemClock,
  systemRandom,
  type AccountId,
  type AppId,
  type FunctionId,
  type GatewayId,
  type InstanceId,
  type NodeId,
  type PlatformError,
} from "@skerry/base";
import { openCodeStore, sourceDigest, type CodeStore } from "@skerry/code-store";
import {
  LOCAL_PLACEMENT,
  quotasOf,
  type ConfigObjectEntry,
  type SecretEntry,
  WEB_PORT,
  type BuildHead,
  type BuildReply,
  type FunctionConfigInput,
  type FunctionEntry,
  type InstanceExit,
  type InstanceGrant,
  type ReplyHead,
  type RequestHead,
  type SetQuotas,
  type SpooledLogLine,
} from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import type { RevisionRef } from "@skerry/functions";
import { bufferText, IGNORING_STREAM, Link, socketPipe } from "@skerry/link";
import { MasterKeys } from "@skerry/secrets";
import { openSandboxDriver, type SandboxDriver, type SandboxRung } from "@skerry/sandbox";
import { shareLaidDown, takeLaidDown } from "@skerry/testkit";
import {
  BUILD_TREE_LIMITS,
  BuildDisk,
  freeSpaceOf,
  type BuildDiskOptions,
  type FreeSpace,
} from "../src/build-disk.ts";
import type { BuildReport } from "../src/build-reports.ts";
import { prepareBuildTool } from "../src/build-tool.ts";
import { Builder } from "../src/builder.ts";
import { Dependencies, type BuildNetwork } from "../src/dependencies.ts";
import { Instances, type InstancesListener } from "../src/instances.ts";
import { findNpmTool } from "../src/npm-tool.ts";
import type { AgentDeps, AgentOptions, HandOff } from "../src/ports.ts";
import { prepareRuntimes, type Runtimes } from "../src/runtimes.ts";
import { toolVersion } from "../src/tool-versions.ts";
import { isProgram, zipOf, type SourceFiles } from "./zip.ts";

const clock = systemClock();
const random = systemRandom();

export const GATEWAY = "gw_test" as GatewayId;

/** A rung that can be had here, or why not. */
export async function rungOrSkip(rung: SandboxRung): Promise<{ readonly skip?: string }> {
  const home = mkdtempSync(join(tmpdir(), "skerry-probe-"));
  chmodSync(home, 0o755);
  try {
    const log = createLog(() => undefined);
    const driver = await openSandboxDriver({ clock, log }, { home, rung });
    await driver.close();
    return {};
  } catch (error) {
    // Where the suite must be whole, a missing rung fails instead of being left out.
    return process.env["CI"] === undefined ? { skip: String(error) } : {};
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** A held link, as a gateway has it. */
export interface Held {
  readonly grant: InstanceGrant;
  readonly gatewayId: GatewayId;
  readonly socket: Socket;
  readonly link: Link;
}

/** What differs from a node of any other test. */
export interface NodeOptions {
  readonly disk?: Partial<BuildDiskOptions>;
}

export class Node {
  readonly ids = createIdSource({ clock, random });
  readonly lines: SpooledLogLine[] = [];
  readonly told: string[] = [];
  readonly exits: { readonly instanceId: InstanceId; readonly exit: InstanceExit }[] = [];
  readonly freed: FunctionId[] = [];
  readonly outdated: InstanceId[] = [];
  /** Secrets and config objects that the config log has, for every app. */
  secrets: readonly SecretEntry[] = [];
  configs: readonly ConfigObjectEntry[] = [];
  readonly secretKeys: MasterKeys;
  /** What an operator has set for every account. */
  quotas: SetQuotas = {};
  readonly held: Held[] = [];
  handOff: HandOff = async (gatewayId, grant, socket) => {
    const held = { gatewayId, grant, socket, link: linkOn(socket) };
    this.held.push(held);
    if (grant.loading === true) this.#askLoaded(held);
  };
  /** Who takes what builds ask of the network; nobody unless a test says. */
  network: BuildNetwork = () => {
    throw new TypeError("no network in this test");
  };
  /** Tells a build that is under way of a refusal. */
  refused: (why: PlatformError) => void = () => undefined;
  isOffline = false;
  toolVersion = toolVersion;
  /** What the disk is said to have free; a test may let it run low. */
  freeSpace = (): Promise<FreeSpace> => freeSpaceOf(this.home);
  readonly home: string;
  readonly sandboxes: SandboxDriver;
  readonly runtimes: Runtimes;
  readonly code: CodeStore;
  readonly builder: Builder;
  readonly #instances: Instances[] = [];
  readonly #builds: Instances;

  private constructor(
    home: string,
    parts: Pick<Node, "sandboxes" | "runtimes" | "code"> & {
      readonly tool: Awaited<ReturnType<typeof prepareBuildTool>>;
    },
    options: NodeOptions,
  ) {
    this.home = home;
    this.sandboxes = parts.sandboxes;
    this.runtimes = parts.runtimes;
    this.code = parts.code;
    const path = join(home, "secrets.key");
    this.secretKeys = new MasterKeys({ clock, random }, { path, command: "" });
    this.#builds = this.instances({ blanks: 0 });
    const dependencies = new Dependencies({
      ...this.#deps(),
      npm: findNpmTool(join(home, "tools")),
      networkOfBuild: (refused) => {
        this.refused = refused;
        return (opened) => this.network(opened);
      },
      isOffline: () => this.isOffline,
      toolVersion: (command) => this.toolVersion(command),
      disk: new BuildDisk(
        { clock, freeSpace: () => this.freeSpace() },
        { ...BUILD_TREE_LIMITS, freeBytesMin: 1, ...options.disk },
      ),
      buildsDirectory: join(home, "builds"),
      dependenciesDirectory: join(home, "dependencies"),
      startRuntime: (request) => this.#builds.startForBuild(request),
    });
    this.builder = new Builder({
      dependencies,
      ...this.#deps(),
      tool: parts.tool,
      buildsDirectory: join(home, "builds"),
      startRuntime: (request) => this.#builds.startForBuild(request),
    });
  }

  static async open(rung: SandboxRung, options: NodeOptions = {}): Promise<Node> {
    const home = mkdtempSync(join(tmpdir(), "skerry-node-"));
    chmodSync(home, 0o755);
    for (const name of ["builds", "dependencies", "instances", "sandboxes", "runtimes", "tools"]) {
      mkdirSync(join(home, name), { mode: 0o755 });
      chmodSync(join(home, name), 0o755);
    }
    takeLaidDown(home);
    const log = createLog(() => undefined);
    const [sandboxes, runtimes, tool, code] = await Promise.all([
      openSandboxDriver({ clock, log }, { home: join(home, "sandboxes"), rung }),
      prepareRuntimes({
        log,
        runtimesDirectory: join(home, "runtimes"),
        toolsDirectory: join(home, "tools"),
        env: process.env,
        nodeBinary: process.execPath,
        nodeVersion: process.version,
      }),
      prepareBuildTool(join(home, "tools")),
      openCodeStore({ clock, random, log }, { directory: join(home, "code") }),
    ]);
    shareLaidDown(home);
    return new Node(home, { sandboxes, runtimes, code, tool }, options);
  }

  instances(options: { readonly blanks?: number } = {}): Instances {
    const listener: InstancesListener = {
      exited: (_gatewayId, instanceId, exit) => this.exits.push({ instanceId, exit }),
      freed: (functionId) => this.freed.push(functionId),
      outdated: (_gatewayId, ids) => this.outdated.push(...ids),
    };
    const agentOptions: AgentOptions = {
      nodeId: "node_test" as NodeId,
      agentId: "agent-test",
      placement: LOCAL_PLACEMENT,
      instancesDirectory: join(this.home, "instances"),
      socketPath: join(this.home, "agent.sock"),
      blanks: options.blanks ?? 0,
    };
    const instances = new Instances(this.#deps(), agentOptions, listener);
    this.#instances.push(instances);
    return instances;
  }

  async put(files: SourceFiles): Promise<string> {
    const digest = sourceDigest(
      Object.entries(files).map(([path, text]) => ({
        path,
        executable: isProgram(path),
        bytes: Buffer.byteLength(text),
        sha256: createHash("sha256").update(text).digest("hex"),
      })),
    );
    await this.code.putArchive(digest, Readable.from([zipOf(files)]));
    return digest;
  }

  /** Puts a source and builds it. */
  async build(
    files: SourceFiles,
    over: Partial<BuildHead> = {},
    report?: BuildReport,
  ): Promise<BuildReply> {
    const head: BuildHead = {
      op: "build",
      sourceDigest: await this.put(files),
      runtime: "node26",
      entry: null,
      command: null,
      port: WEB_PORT,
      handler: "handler",
      env: {},
      memoryMb: 128,
      initTimeoutMs: 10_000,
      ...over,
    };
    return await this.builder.build(head, report);
  }

  /** A revision of a new function, built from `files`. */
  async revision(files: SourceFiles, config: FunctionConfigInput = {}): Promise<RevisionRef> {
    const whole = functionConfig.parse(config);
    const { memoryMb, initTimeoutMs, env, runtime, command = null, port = WEB_PORT } = whole;
    // A build that failed to load keeps nothing; these load once, with what is needed for that.
    const buildEnv = { ...env, BUILDING: "1" };
    const reply = await this.build(files, {
      ...{ memoryMb, initTimeoutMs, runtime, command, port },
      env: buildEnv,
      ...(whole.layers === undefined ? {} : { layers: whole.layers }),
    });
    if (!reply.ok) throw new TypeError(reply.error.message);
    if (reply.initFailure !== null) throw new TypeError(reply.initFailure.message);
    const fn: FunctionEntry = {
      kind: "function",
      id: this.ids.id("fn"),
      accountId: "acct_test" as AccountId,
      appId: "app_test" as AppId,
      app: "app",
      name: "fn",
      latest: {
        id: this.ids.id("rev"),
        sourceDigest: "",
        artefactKey: reply.artefactKey,
        handlerKind: reply.handlerKind ?? "event",
        runtimeBuild: reply.runtimeBuild,
        config: whole,
        createdWallMs: 0,
      },
    };
    return { fn, revision: fn.latest };
  }

  heldOf({ instanceId }: InstanceGrant): Held | undefined {
    return this.held.find(({ grant }) => grant.instanceId === instanceId);
  }

  /** As a gateway does: the instance says what came of its code, and the agent hears it. */
  #askLoaded({ grant, link }: Held): void {
    const onReply = (text: string): void => {
      for (const one of this.#instances) one.loaded(grant.instanceId, JSON.parse(text));
    };
    link.open(`{"op":"loaded"}`, { end: true }, { ...IGNORING_STREAM, onReply });
  }

  /** Sends one event over a held link; resolves with the answer, or rejects when the link ends. */
  call({ link }: Held, event: unknown): Promise<{ readonly head: ReplyHead; body: string }> {
    return new Promise((resolve, reject) => {
      const head: RequestHead = {
        op: "request",
        id: this.ids.requestId(),
        m: "EVENT",
        u: "/",
        h: [],
        a: "test",
      };
      const body = Buffer.from(JSON.stringify(event));
      link.open(
        JSON.stringify(head),
        { body, end: true },
        {
          onReply: (text, answer) =>
            resolve({ head: JSON.parse(text) as ReplyHead, body: Buffer.from(answer).toString() }),
          onBody: () => undefined,
          onWritable: () => undefined,
          onFailed: reject,
        },
      );
    });
  }

  /** What is left of instances and builds on disk. */
  leftovers(): readonly string[] {
    return ["instances", "builds"].flatMap((name) => readdirSync(join(this.home, name)));
  }

  async close(): Promise<void> {
    for (const { socket } of this.held) socket.destroy();
    for (const instances of this.#instances) await instances.close();
    await this.sandboxes.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  #deps(): AgentDeps {
    return {
      clock,
      log: createLog((level, message, fields) =>
        this.told.push(`${level} ${message} ${JSON.stringify(fields)}`),
      ),
      ids: this.ids,
      sandboxes: this.sandboxes,
      code: this.code,
      runtimes: this.runtimes,
      secretKeys: this.secretKeys,
      config: {
        seq: 1,
        functions: () => [],
        functionById: () => undefined,
        revisions: () => [],
        versionOf: () => undefined,
        aliasesOf: () => [],
        quotasOf: () => quotasOf(this.quotas),
        secretOf: (_accountId, _app, name) => this.secrets.find((one) => one.name === name),
        configsOf: () => this.configs,
      },
      logSpool: {
        append: (bytes) => {
          this.lines.push(JSON.parse(Buffer.from(bytes).toString()) as SpooledLogLine);
        },
        droppedBytes: 0,
        isBehind: () => false,
        close: () => Promise.resolve(),
      },
      handOff: (gatewayId, grant, socket) => this.handOff(gatewayId, grant, socket),
    };
  }
}

function linkOn(socket: Socket): Link {
  return new Link(
    { pipe: socketPipe(socket), clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
    { side: "initiator", peer: "instance", hello: { role: "gateway" } },
  );
}

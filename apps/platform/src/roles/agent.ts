/** The agent role: sandboxes, instances and builds of this machine. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isId, type Cancel, type NodeId } from "@skerry/base";
import { openCodeStore, type CodeStore } from "@skerry/code-store";
import { ConfigFollower } from "@skerry/config-follower";
import { LOCAL_PLACEMENT, splitPatterns } from "@skerry/contracts";
import { systemNetwork } from "@skerry/reach";
import { IGNORING_STREAM, type OpenedStream, type StreamHandler } from "@skerry/link";
import {
  BUILD_TREE_LIMITS,
  BuildDisk,
  findNpmTool,
  freeSpaceOf,
  prepareBuildTool,
  prepareRuntimes,
  removeTree,
  startAgent,
  sweepRuntimes,
  type Agent,
  type BuildTool,
  type Runtimes,
} from "@skerry/node-agent";
import { openSandboxDriver, type SandboxDriver } from "@skerry/sandbox";
import { openSpoolWriter, type SpoolWriter } from "@skerry/telemetry";
import { createBuildNetwork } from "../build-network.ts";
import { sweepLeftovers } from "./leftovers.ts";
import { sweepDaily } from "./runtime-sweeps.ts";
import { spoolValues, watchProcess, type ProcessFigures } from "./process-figures.ts";
import {
  configWaitMs,
  ownPortsOf,
  RELEASE,
  secretKeysOf,
  type RoleContext,
  type RunningRole,
} from "./role-context.ts";

export async function startAgentRole(context: RoleContext): Promise<RunningRole> {
  const { clock, config, layout, log } = context;
  // Takes as long as the sandboxes do, and needs nothing of them.
  const tools = prepareTools(context);
  // Who waits for it below learns of its failure.
  tools.catch(() => undefined);
  const sandboxes = await openSandboxDriver(
    { clock, log },
    {
      home: layout.sandboxes,
      ownedDirectories: [layout.instances, layout.builds],
      uidRange: { first: config.uidFirst, count: config.uidCount },
      ...(config.sandbox === "auto" ? {} : { rung: config.sandbox }),
    },
  );
  // While one agent replaces another, what lies around is in use by the old one.
  if (context.alone) await sweepLeftovers(context, sandboxes);
  for (const directory of Object.values(ownDirectories(context))) {
    await mkdir(directory, { mode: 0o755 });
  }
  const nodeId = await readNodeId(context);
  const socketPath = join(layout.run, `agent-${context.id}.sock`);
  const parts = await openParts(context, { sandboxes, nodeId, socketPath, tools: await tools });
  const { agent, cancelSweeps, figures, follower, logSpool } = parts;
  const end = async (): Promise<void> => {
    cancelSweeps();
    await agent.close();
    await sandboxes.close();
    await follower.close();
    await logSpool.close();
    figures.close();
    await rm(socketPath, { force: true });
    for (const directory of Object.values(ownDirectories(context))) {
      if (!(await removeTree(directory))) log.error("a leftover was not removed", { directory });
    }
  };
  const { label, raise } = sandboxes.level;
  return {
    facts: { socketPath, nodeId, sandbox: label, raise: raise.join("\n") },
    onMessage: ({ op }) => {
      if (op === "sweep") void sweepWhileServing(context, sandboxes);
    },
    drain: async (deadlineMs) => {
      await agent.drain(deadlineMs);
      await end();
    },
    abandon: end,
  };
}

interface Parts {
  readonly agent: Agent;
  readonly cancelSweeps: Cancel;
  readonly follower: ConfigFollower;
  readonly logSpool: SpoolWriter;
  readonly figures: ProcessFigures;
}

interface Tools {
  readonly runtimes: Runtimes;
  readonly buildTool: BuildTool;
  readonly code: CodeStore;
}

async function prepareTools({ clock, layout, log, random }: RoleContext): Promise<Tools> {
  const [runtimes, buildTool, code] = await Promise.all([
    prepareRuntimes({
      log,
      runtimesDirectory: layout.runtimes,
      toolsDirectory: layout.tools,
      env: process.env,
      nodeBinary: process.execPath,
      nodeVersion: process.version,
    }),
    prepareBuildTool(layout.tools),
    openCodeStore({ clock, log, random }, { directory: layout.code }),
  ]);
  return { runtimes, buildTool, code };
}

async function openParts(
  context: RoleContext,
  node: {
    readonly sandboxes: SandboxDriver;
    readonly nodeId: NodeId;
    readonly socketPath: string;
    readonly tools: Tools;
  },
): Promise<Parts> {
  const { clock, config, ids, layout, log, random } = context;
  const { sandboxes, nodeId, socketPath } = node;
  const { runtimes, buildTool, code } = node.tools;
  const logSpool = openSpoolWriter(
    { clock, log },
    { directory: join(layout.logSpool, context.id), pid: process.pid },
  );
  const figures = watchProcess(clock);
  const snapshotPath = join(layout.snapshots, "agent.json");
  const waitMs = configWaitMs(snapshotPath);
  const serving: { agent?: Agent } = {};
  const follower = new ConfigFollower(
    { clock, random, log },
    {
      socketPath: layout.controlSocket,
      snapshotPath,
      hello: { role: "agent", id: context.id, nodeId, build: RELEASE },
      onChange: () => serving.agent?.configChanged(),
      figures: () => figures.read([...spoolValues(logSpool), ...(serving.agent?.values() ?? [])]),
      accept: (opened) => acceptWhenServing(serving, opened),
    },
  );
  const isCurrent = await follower.untilCurrent(waitMs);
  const agent = await startAgent(
    {
      ...{ clock, log, ids, sandboxes, code, runtimes, logSpool, buildTool },
      config: follower.fold,
      secretKeys: secretKeysOf(context),
      buildsDirectory: ownDirectories(context).builds,
      dependenciesDirectory: layout.dependencies,
      npm: findNpmTool(layout.tools),
      networkOfBuild: createBuildNetwork({
        ...{ clock, log, network: systemNetwork() },
        hosts: splitPatterns(config.buildHosts),
        egress: config.buildEgress,
        ownPorts: ownPortsOf(config),
      }),
      isOffline: () => config.buildEgress === "none",
      disk: new BuildDisk(
        { clock, freeSpace: () => freeSpaceOf(layout.builds) },
        { ...BUILD_TREE_LIMITS, freeBytesMin: config.buildFreeMbMin * 2 ** 20 },
      ),
      handOff: (to, grant, socket) => context.send({ op: "instance", to, grant }, socket),
    },
    {
      ...{ nodeId, agentId: context.id, socketPath, placement: LOCAL_PLACEMENT },
      instancesDirectory: ownDirectories(context).instances,
      blanks: config.blanks,
      gateways: config.gateways,
    },
  );
  serving.agent = agent;
  const cancelSweeps = sweepDaily(clock, {
    // Who has not heard of all revisions does not know what they name.
    alone: context.alone && isCurrent,
    sweep: () => void sweepOldRuntimes(context, { agent, runtimes, follower }),
  });
  return { agent, cancelSweeps, figures, follower, logSpool };
}

async function sweepOldRuntimes(
  { clock, layout, log }: RoleContext,
  { agent, runtimes, follower }: Pick<Parts, "agent" | "follower"> & Pick<Tools, "runtimes">,
): Promise<void> {
  if (!follower.connected) return;
  const recorded = [...follower.fold.revisions()].map(({ runtimeBuild }) => runtimeBuild);
  const used = [...agent.runtimesUsed(), ...(await runtimes.current())];
  const named = new Set([...recorded, ...used]);
  const deps = { log, wallMs: () => clock.wallMs() };
  await sweepRuntimes(deps, { directory: layout.runtimes, named });
}

/** Control may ask before this agent is up; it asks again when the stream is cancelled. */
function acceptWhenServing(
  serving: { readonly agent?: Agent },
  opened: OpenedStream,
): StreamHandler {
  if (serving.agent !== undefined) return serving.agent.acceptFromControl(opened);
  queueMicrotask(() => opened.stream.cancel("the agent is still starting"));
  return IGNORING_STREAM;
}

/** Each agent has its own, so that what another one left can be told from what is in use. */
function ownDirectories({ id, layout }: RoleContext): { instances: string; builds: string } {
  return { instances: join(layout.instances, id), builds: join(layout.builds, id) };
}

async function sweepWhileServing(context: RoleContext, sandboxes: SandboxDriver): Promise<void> {
  try {
    await sweepLeftovers(context, sandboxes);
  } catch (error) {
    context.log.error("what another agent left was not removed", { error: String(error) });
  }
  await context.send({ op: "swept" }).catch(() => undefined);
}

/** A node keeps its id as long as its home. */
async function readNodeId({ ids, layout }: RoleContext): Promise<NodeId> {
  const kept = parseNodeFile(await readFile(layout.nodeFile, "utf8").catch(() => ""));
  if (kept !== undefined) return kept;
  const fresh = ids.id("node");
  const aside = `${layout.nodeFile}.new`;
  await writeFile(aside, JSON.stringify({ format: 1, nodeId: fresh }), {
    mode: 0o600,
    flush: true,
  });
  await rename(aside, layout.nodeFile);
  return fresh;
}

/** A file that a crash left torn is as good as none. */
function parseNodeFile(text: string): NodeId | undefined {
  try {
    const { nodeId } = JSON.parse(text) as { nodeId?: unknown };
    return isId("node", nodeId) ? nodeId : undefined;
  } catch {
    return undefined;
  }
}

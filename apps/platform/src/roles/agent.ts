/** The agent role: sandboxes, instances and builds of this machine. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isId, type NodeId } from "@skerry/base";
import { openCodeStore } from "@skerry/code-store";
import { ConfigFollower } from "@skerry/config-follower";
import { LOCAL_PLACEMENT, splitPatterns } from "@skerry/contracts";
import { systemNetwork } from "@skerry/gateway";
import { IGNORING_STREAM, type OpenedStream, type StreamHandler } from "@skerry/link";
import {
  findNpmTool,
  prepareBuildTool,
  prepareRuntimes,
  removeTree,
  startAgent,
  type Agent,
} from "@skerry/node-agent";
import { openSandboxDriver, type SandboxDriver } from "@skerry/sandbox";
import { openSpoolWriter, type SpoolWriter } from "@skerry/telemetry";
import { createBuildNetwork } from "../build-network.ts";
import { spoolValues, watchProcess, type ProcessFigures } from "./process-figures.ts";
import { configWaitMs, RELEASE, type RoleContext, type RunningRole } from "./role-context.ts";

export async function startAgentRole(context: RoleContext): Promise<RunningRole> {
  const { clock, config, layout, log } = context;
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
  const parts = await openParts(context, { sandboxes, nodeId, socketPath });
  const { agent, figures, follower, logSpool } = parts;
  const end = async (): Promise<void> => {
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
  readonly follower: ConfigFollower;
  readonly logSpool: SpoolWriter;
  readonly figures: ProcessFigures;
}

async function openParts(
  context: RoleContext,
  node: {
    readonly sandboxes: SandboxDriver;
    readonly nodeId: NodeId;
    readonly socketPath: string;
  },
): Promise<Parts> {
  const { clock, config, ids, layout, log, random } = context;
  const { sandboxes, nodeId, socketPath } = node;
  const [runtimes, buildTool, code] = await Promise.all([
    prepareRuntimes({
      runtimesDirectory: layout.runtimes,
      toolsDirectory: layout.tools,
      env: process.env,
      nodeBinary: process.execPath,
      nodeVersion: process.version,
    }),
    prepareBuildTool(layout.tools),
    openCodeStore({ clock, log, random }, { directory: layout.code }),
  ]);
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
      figures: () => figures.read(spoolValues(logSpool)),
      accept: (opened) => acceptWhenServing(serving, opened),
    },
  );
  await follower.untilCurrent(waitMs);
  const agent = await startAgent(
    {
      ...{ clock, log, ids, sandboxes, code, runtimes, logSpool, buildTool },
      config: follower.fold,
      buildsDirectory: ownDirectories(context).builds,
      dependenciesDirectory: layout.dependencies,
      npm: findNpmTool(layout.tools),
      network: createBuildNetwork({
        ...{ clock, log, network: systemNetwork() },
        hosts: splitPatterns(config.buildHosts),
      }),
      handOff: (to, grant, socket) => context.send({ op: "instance", to, grant }, socket),
    },
    {
      ...{ nodeId, socketPath, placement: LOCAL_PLACEMENT },
      instancesDirectory: ownDirectories(context).instances,
      blanks: config.blanks,
    },
  );
  serving.agent = agent;
  return { agent, figures, follower, logSpool };
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

/** Ends everything that is not this agent's own; no other agent may be there. */
async function sweepLeftovers(context: RoleContext, sandboxes: SandboxDriver): Promise<void> {
  const { id, layout, log } = context;
  const swept = await sandboxes.sweep();
  if (swept.processes > 0) log.warn("ended what an earlier run left", { ...swept });
  const removeAll = async (directory: string, isLeft: (name: string) => boolean): Promise<void> => {
    for (const name of (await readdir(directory)).filter(isLeft)) {
      const path = join(directory, name);
      // It must keep nobody from starting.
      if (!(await removeTree(path))) log.error("a leftover was not removed", { path });
    }
  };
  await removeAll(layout.run, (name) => /^agent-.*\.sock$/.test(name) && !name.includes(id));
  await removeAll(layout.instances, (name) => name !== id);
  await removeAll(layout.builds, (name) => name !== id);
  const isInTheMaking = (name: string): boolean => /\.new-\d+$/.test(name);
  await removeAll(layout.runtimes, isInTheMaking);
  await removeAll(layout.tools, isInTheMaking);
  await removeAll(layout.dependencies, (name) => name.includes(".new-"));
  for (const tool of await readdir(layout.tools)) {
    await removeAll(join(layout.tools, tool), isInTheMaking);
  }
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

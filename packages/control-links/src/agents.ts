/** What control asks of agents: builds, the list of their instances, and the end of one. */
import { PlatformError, type Clock, type InstanceId, type Log, type NodeId } from "@skerry/base";
import type {
  ArtefactsInUseHead,
  BuildHead,
  BuildReply,
  InstanceView,
  ListInstancesHead,
  ProbeHead,
  ProbeResult,
  SandboxView,
  StopInstanceHead,
} from "@skerry/contracts";
import { fail } from "./errors.ts";
import type { LinkLimits } from "./ports.ts";
import {
  readArtefacts,
  readBuildReply,
  readInstancesReply,
  readProbeReply,
  readStopReply,
} from "./agent-replies.ts";
import { BuildLogReader } from "./build-log-reader.ts";
import { askOver, type LinkAnswer } from "./link-call.ts";
import type { Peer, Peers } from "./peers.ts";

export interface AgentsDeps {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
}

interface BuildAsked {
  readonly head: BuildHead;
  readonly signal: AbortSignal;
  readonly hear: (line: string) => void;
}

/** One node as it answers now. */
export interface NodeView {
  readonly id: string;
  readonly instances: readonly InstanceView[];
  /** Undefined when the agent did not answer in time. */
  readonly sandbox: SandboxView | undefined;
}

/** What a node found when it tried its walls. */
export interface NodeProbed {
  readonly sandbox: SandboxView;
  readonly tookMs: number;
  readonly probes: readonly ProbeResult[];
}

/** From which artefacts an agent's instances run or start. */
export interface AgentArtefacts {
  readonly id: string;
  /** The number of the config log it had in force before it was asked. */
  readonly appliedSeq: number | undefined;
  /** Undefined when it did not answer in time. */
  readonly artefacts: readonly string[] | undefined;
}

export class Agents {
  readonly #deps: AgentsDeps;
  readonly #limits: LinkLimits;
  #turn = 0;

  constructor(deps: AgentsDeps, options: { readonly limits: LinkLimits }) {
    this.#deps = deps;
    this.#limits = options.limits;
  }

  /**
   * Builds on some agent, waiting a while for one to be there and trying another when one is lost.
   * `hear` is told each line of the build's log. Rejects with NODE_UNAVAILABLE, or the signal's
   * reason.
   */
  async build(
    head: BuildHead,
    signal: AbortSignal,
    hear: (line: string) => void = () => undefined,
  ): Promise<BuildReply> {
    let why = "none is connected";
    for (let attempt = 0; attempt < this.#limits.buildAttemptsMax; attempt += 1) {
      const agent = await this.#anyAgent(signal);
      signal.throwIfAborted();
      if (agent === undefined) break;
      try {
        return await this.#buildOn(agent, { head, signal, hear });
      } catch (error) {
        signal.throwIfAborted();
        const failure = PlatformError.from(error);
        this.#deps.log.warn("a build was lost", { agent: agent.id, error });
        why = failure.message;
        hear(`the build was lost: ${why}`);
      }
    }
    throw fail("NODE_UNAVAILABLE", { what: "build the source", why });
  }

  async #buildOn(agent: Peer, { head, signal, hear }: BuildAsked): Promise<BuildReply> {
    const { buildDeadlineMs: deadlineMs, linkAnswerBytesMax: bodyBytesMax } = this.#limits;
    const context = { clock: this.#deps.clock, peer: agent.id };
    const lines = new BuildLogReader(hear);
    const question = {
      ...{ head: { ...head, log: true }, deadlineMs, bodyBytesMax, signal },
      hear: (chunk: Uint8Array) => lines.take(chunk),
    };
    const answer = await askOver(agent.link, question, context);
    // An agent of an earlier release answers with the reply itself.
    return readBuildReply(lines.reply ?? answer.head, agent.id);
  }

  /** Agents in turn; waits for the first one. */
  async #anyAgent(signal: AbortSignal): Promise<Peer | undefined> {
    const { peers, clock } = this.#deps;
    const hasAgent = (): boolean => peers.ofRole("agent").length > 0;
    await peers.waitUntil(hasAgent, { clock, deadlineMs: this.#limits.agentWaitMs, signal });
    const agents = peers.ofRole("agent");
    this.#turn += 1;
    return agents[this.#turn % Math.max(1, agents.length)];
  }

  /** All nodes. One that does not answer is listed without instances. */
  nodes(): Promise<readonly NodeView[]> {
    return Promise.all(this.#deps.peers.ofRole("agent").map((agent) => this.#node(agent)));
  }

  async #node(agent: Peer): Promise<NodeView> {
    const head: ListInstancesHead = { op: "instances" };
    try {
      const { instances, sandbox } = readInstancesReply(await this.#ask(agent, head), agent.id);
      return { id: agent.nodeId, instances, sandbox };
    } catch (error) {
      this.#deps.log.warn("an agent did not list its instances", { agent: agent.id, error });
      return { id: agent.nodeId, instances: [], sandbox: undefined };
    }
  }

  /**
   * What runs now, by agent. One that does not answer, or left lately and may be back, is there
   * without its artefacts.
   */
  async artefactsInUse(): Promise<readonly AgentArtefacts[]> {
    const { peers } = this.#deps;
    const agents = peers.ofRole("agent").map((agent) => this.#artefacts(agent));
    const departed = peers.departed(this.#limits.agentAbsenceMs);
    return [
      ...(await Promise.all(agents)),
      ...departed.map((id) => ({ id, appliedSeq: undefined, artefacts: undefined })),
    ];
  }

  async #artefacts(agent: Peer): Promise<AgentArtefacts> {
    const { id, appliedSeq } = agent;
    const head: ArtefactsInUseHead = { op: "artefacts-in-use" };
    try {
      const { body } = await this.#ask(agent, head);
      return { id, appliedSeq, artefacts: readArtefacts(body, id) };
    } catch (error) {
      this.#deps.log.warn("an agent did not say which artefacts it uses", { agent: id, error });
      return { id, appliedSeq, artefacts: undefined };
    }
  }

  /**
   * Lets the node `nodeId` end an instance; false when it is not there. Rejects with
   * NODE_UNAVAILABLE.
   */
  async stopInstance(nodeId: string, instanceId: InstanceId): Promise<boolean> {
    const head: StopInstanceHead = { op: "stop-instance", instanceId };
    const agents = this.#deps.peers.ofRole("agent").filter((agent) => agent.nodeId === nodeId);
    const what = "stop the instance";
    if (agents.length === 0) throw fail("NODE_UNAVAILABLE", { what, why: `${nodeId} is away` });
    try {
      // Two agents of one node are there while one replaces the other; either may hold it.
      for (const agent of agents) {
        const { head: reply } = await this.#ask(agent, head);
        if (readStopReply(reply, agent.id).found) return true;
      }
      return false;
    } catch (error) {
      throw fail("NODE_UNAVAILABLE", { what, why: PlatformError.from(error).message }, error);
    }
  }

  /** Lets the node try its walls. Rejects with NODE_UNAVAILABLE or the node's own error. */
  async probe(nodeId: NodeId, signal: AbortSignal): Promise<NodeProbed> {
    const agent = this.#deps.peers.ofRole("agent").findLast((peer) => peer.nodeId === nodeId);
    const what = "run the probes";
    if (agent === undefined) throw fail("NODE_UNAVAILABLE", { what, why: `${nodeId} is away` });
    const head: ProbeHead = { op: "probe" };
    const { probeDeadlineMs: deadlineMs, linkAnswerBytesMax: bodyBytesMax } = this.#limits;
    const context = { clock: this.#deps.clock, peer: agent.id };
    const answer = await askOver(agent.link, { head, deadlineMs, bodyBytesMax, signal }, context);
    const reply = readProbeReply(answer.body, agent.id);
    if (!reply.ok) throw PlatformError.fromWire(reply.error);
    const { sandbox } = await this.#node(agent);
    if (sandbox === undefined) throw fail("NODE_UNAVAILABLE", { what, why: `${nodeId} is silent` });
    return { sandbox, tookMs: reply.tookMs, probes: reply.probes };
  }

  #ask(agent: Peer, head: { readonly op: string }): Promise<LinkAnswer> {
    const { agentAnswerMs: deadlineMs, linkAnswerBytesMax: bodyBytesMax } = this.#limits;
    const context = { clock: this.#deps.clock, peer: agent.id };
    return askOver(agent.link, { head, deadlineMs, bodyBytesMax }, context);
  }
}

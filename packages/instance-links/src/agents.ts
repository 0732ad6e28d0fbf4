/**
 * Links to the agents: where starts are asked for and where it is said that an instance may rest,
 * run or end. A link that is lost is tried again for as long as its agent is listed.
 */
import { connect } from "node:net";
import {
  backoffMs,
  type Cancel,
  type Clock,
  type GatewayId,
  type InstanceId,
  type Log,
  type NodeId,
  type Random,
} from "@skerry/base";
import type { GatewayNote, InstanceExit, StartHead, StartReply } from "@skerry/contracts";
import { bufferText, IGNORING_STREAM, Link, socketPipe } from "@skerry/link";
import { readAgentNote, readStartReply } from "./agent-words.ts";

/** Where an agent listens for gateways. */
export interface AgentAddress {
  /** Names one agent process; a restarted agent has another. */
  readonly agentId: string;
  readonly nodeId: NodeId;
  readonly socketPath: string;
}

export interface AgentLinksDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly gatewayId: GatewayId;
  readonly build: string;
  /** Up to where the configuration is known here. */
  readonly configSeq: () => number;
  readonly listener: AgentListener;
}

export interface AgentListener {
  connected(): void;
  /** The agent takes no more starts; its instances are to be replaced. */
  draining(agent: AgentAddress): void;
  /** Nobody can wake its resting instances any more. */
  lost(agent: AgentAddress): void;
  exited(instanceId: InstanceId, exit: InstanceExit): void;
  /** These are to be replaced; may be told again, also of instances that are gone. */
  outdated(instanceIds: readonly InstanceId[]): void;
}

/** Which agent an instance lives under; the id is unknown until its start was answered. */
export interface AgentRef {
  readonly agentId: string | undefined;
  readonly nodeId: NodeId;
}

/** The reply and who gave it; nobody when no agent could be asked. */
export type StartAnswer = (reply: StartReply, agent: AgentAddress | undefined) => void;

interface AgentState {
  readonly address: AgentAddress;
  /** Connecting, in use, or the last one that was. */
  link: Link;
  connected: boolean;
  draining: boolean;
  attempt: number;
  starts: number;
  cancelRetry: Cancel | undefined;
}

const RECONNECT = { delayMsMin: 20, delayMsMax: 1_000 };
const SILENCE_MS_MAX = 20_000;

export class AgentLinks {
  readonly #deps: AgentLinksDeps;
  readonly #agents = new Map<string, AgentState>();

  constructor(deps: AgentLinksDeps) {
    this.#deps = deps;
  }

  /** Lists an agent and connects to it. Listing it twice changes nothing. */
  up(address: AgentAddress): void {
    if (this.#agents.has(address.agentId)) return;
    const agent: AgentState = {
      address,
      link: this.#connect(address, () => agent),
      connected: false,
      draining: false,
      attempt: 0,
      starts: 0,
      cancelRetry: undefined,
    };
    this.#agents.set(address.agentId, agent);
  }

  /** Forgets an agent that is gone. */
  down(agentId: string): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    this.#agents.delete(agentId);
    agent.cancelRetry?.();
    agent.link.close("the agent is gone");
    if (agent.connected) this.#lose(agent);
  }

  close(): void {
    for (const agentId of [...this.#agents.keys()]) this.down(agentId);
  }

  /**
   * Asks the agent with the fewest starts under way. Answers once, at the latest after `timeoutMs`.
   */
  start(head: Omit<StartHead, "configSeq">, timeoutMs: number, answer: StartAnswer): void {
    const agent = this.#pick();
    if (agent === undefined) {
      answer(refusal("no agent is connected"), undefined);
      return;
    }
    agent.starts += 1;
    let finished = false;
    const finish = (reply: StartReply): void => {
      if (finished) return;
      finished = true;
      agent.starts -= 1;
      cancelTimeout();
      answer(reply, agent.address);
    };
    const stream = agent.link.open(
      JSON.stringify({ ...head, configSeq: this.#deps.configSeq() }),
      { end: true, remainingMs: timeoutMs },
      {
        ...IGNORING_STREAM,
        onReply: (text) => finish(readStartReply(text)),
        onFailed: (error) => finish(refusal(error.message)),
      },
    );
    const cancelTimeout = this.#deps.clock.schedule(timeoutMs, () => {
      stream.cancel("it took too long");
      finish(refusal(`the agent did not answer within ${timeoutMs} ms`));
    });
  }

  /** Tells the agent of an instance something; dropped when it is away. */
  note(ref: AgentRef, note: GatewayNote): void {
    const text = JSON.stringify(note);
    const own = ref.agentId === undefined ? undefined : this.#agents.get(ref.agentId);
    if (own !== undefined) {
      own.link.note(text);
      return;
    }
    for (const { address, link } of this.#agents.values()) {
      if (address.nodeId === ref.nodeId) link.note(text);
    }
  }

  /** It has said that it leaves; what it still starts is to be replaced too. */
  isDraining(agentId: string | undefined): boolean {
    return agentId !== undefined && this.#agents.get(agentId)?.draining === true;
  }

  /** It can tell how its instances end. */
  isConnected(agentId: string): boolean {
    return this.#agents.get(agentId)?.connected === true;
  }

  get connected(): number {
    let count = 0;
    for (const agent of this.#agents.values()) if (agent.connected) count += 1;
    return count;
  }

  #pick(): AgentState | undefined {
    let best: AgentState | undefined;
    for (const agent of this.#agents.values()) {
      if (!agent.connected || agent.draining) continue;
      if (best === undefined || agent.starts < best.starts) best = agent;
    }
    return best;
  }

  /** `agentOf` is asked when the link has something to tell, never before it is returned. */
  #connect(address: AgentAddress, agentOf: () => AgentState): Link {
    const { clock, gatewayId, build } = this.#deps;
    return new Link(
      {
        pipe: socketPipe(connect(address.socketPath)),
        clock,
        text: bufferText(Buffer),
        scheduleFlush: setImmediate,
      },
      {
        side: "initiator",
        peer: "agent",
        hello: { role: "gateway", id: gatewayId, build },
        silenceMsMax: SILENCE_MS_MAX,
        onHello: () => this.#onHello(agentOf()),
        onNote: (text) => this.#onNote(agentOf(), text),
        onClosed: () => this.#onClosed(agentOf()),
      },
    );
  }

  #onHello(agent: AgentState): void {
    agent.connected = true;
    agent.attempt = 0;
    this.#deps.listener.connected();
  }

  #onNote(agent: AgentState, text: string): void {
    const note = readAgentNote(text);
    if (note === undefined) {
      const { agentId } = agent.address;
      return this.#deps.log.warn("an agent's note cannot be understood", { agentId });
    }
    if (note.op === "exited") {
      this.#deps.listener.exited(note.instanceId, note.exit);
      return;
    }
    if (note.op === "outdated") return this.#deps.listener.outdated(note.instanceIds);
    agent.draining = true;
    this.#deps.listener.draining(agent.address);
  }

  #onClosed(agent: AgentState): void {
    if (this.#agents.get(agent.address.agentId) !== agent) return;
    if (agent.connected) this.#lose(agent);
    const { clock, random } = this.#deps;
    const waitMs = backoffMs(agent.attempt, RECONNECT, random);
    agent.attempt += 1;
    const retry = (): void => {
      agent.link = this.#connect(agent.address, () => agent);
    };
    agent.cancelRetry = clock.schedule(waitMs, retry, { background: true });
  }

  #lose(agent: AgentState): void {
    agent.connected = false;
    this.#deps.log.warn("an agent is away", { agentId: agent.address.agentId });
    this.#deps.listener.lost(agent.address);
  }
}

function refusal(why: string): StartReply {
  return { ok: false, refusal: { kind: "unavailable", why } };
}

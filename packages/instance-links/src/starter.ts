/**
 * Asks agents for instances of one function and matches what comes of it: the agent's reply and the
 * instance's link come on different ways, in either order.
 */
import type { Clock, InstanceId, RevisionId } from "@skerry/base";
import type { ColdReason, FunctionEntry, StartRefusal, StartReply } from "@skerry/contracts";
import type { AgentAddress, AgentLinks } from "./agents.ts";
import type { Instance } from "./instance.ts";
import { StartBook } from "./starts.ts";

/** Beyond `initTimeoutMs`, for placing, a fresh sandbox and a busy machine. */
const START_GRACE_MS = 20_000;

export interface StarterDeps {
  readonly clock: Clock;
  readonly agents: AgentLinks;
  instanceOf(id: InstanceId): Instance | undefined;
  /** The agent of an instance that is here has been told. */
  agentKnown(instance: Instance): void;
  /** A start came to nothing. */
  refused(revisionId: RevisionId, refusal: StartRefusal): void;
}

/** What is to run. */
interface Started {
  readonly entry: FunctionEntry;
  /** Undefined for `$LATEST`. */
  readonly version: number | undefined;
}

export class Starter {
  readonly #deps: StarterDeps;
  readonly #book: StartBook;
  /** Agents whose reply came before the link of what they started. */
  readonly #confirmedBy = new Map<InstanceId, string>();

  constructor(deps: StarterDeps) {
    this.#deps = deps;
    this.#book = new StartBook(deps.clock);
  }

  start(
    { entry, version }: Started,
    { revisionId, reason }: { readonly revisionId: RevisionId; readonly reason: ColdReason },
  ): void {
    this.#book.asked(revisionId);
    const timeoutMs = entry.latest.config.initTimeoutMs + START_GRACE_MS;
    const { overlay } = entry.latest;
    const head = {
      ...({ op: "start", functionId: entry.id, revisionId, reason } as const),
      ...(overlay === undefined ? {} : { overlay }),
    };
    this.#deps.agents.start(
      version === undefined ? head : { ...head, version },
      timeoutMs,
      (reply, agent) => this.#answered(revisionId, reply, agent),
    );
  }

  /**
   * An instance is here. `solicited` is decided by the book of starts unless it comes from another
   * gateway.
   */
  arrived(instance: Instance, origin: "agent" | "gateway"): void {
    const { instanceId, revisionId, reason } = instance.grant;
    const asked = origin === "agent" && reason !== "provisioned";
    instance.solicited = asked && this.#book.linkArrived(instanceId, revisionId);
    instance.agentId = this.#confirmedBy.get(instanceId) ?? instance.agentId;
    this.#confirmedBy.delete(instanceId);
  }

  #answered(revisionId: RevisionId, reply: StartReply, agent: AgentAddress | undefined): void {
    const { agents, agentKnown, instanceOf, refused } = this.#deps;
    if (!reply.ok) {
      if (this.#book.refused(revisionId)) refused(revisionId, reply.refusal);
      return;
    }
    const { instanceId, nodeId } = reply.instance;
    const instance = instanceOf(instanceId);
    if (instance !== undefined) {
      instance.agentId = agent?.agentId;
      agentKnown(instance);
    }
    const isAwaited = this.#book.confirmed(instanceId, revisionId, () => {
      this.#confirmedBy.delete(instanceId);
      const ref = { agentId: agent?.agentId, nodeId };
      agents.note(ref, { op: "stop", instanceId, why: "broken" });
      const why = "the link of the instance did not come";
      refused(revisionId, { kind: "unavailable", why });
    });
    if (isAwaited && agent !== undefined) this.#confirmedBy.set(instanceId, agent.agentId);
  }
}

/** What the agent needs from its composition root. */
import type { Socket } from "node:net";
import type { Clock, FunctionId, GatewayId, IdSource, Log, NodeId, RevisionId } from "@skerry/base";
import type { CodeStore } from "@skerry/code-store";
import type { FunctionEntry, InstanceGrant, Placement, RevisionEntry } from "@skerry/contracts";
import type { SandboxDriver } from "@skerry/sandbox";
import type { SpoolWriter } from "@skerry/telemetry";
import type { Runtimes } from "./runtimes.ts";

/** The folded config log, as far as an agent reads it. */
export interface ConfigView {
  functions(): Iterable<FunctionEntry>;
  functionById(id: FunctionId): FunctionEntry | undefined;
}

/** A function with the one of its revisions that an instance is for. */
export interface RevisionRef {
  readonly fn: FunctionEntry;
  readonly revision: RevisionEntry;
}

/** The revision of a function by id; only `$LATEST` is kept in the log so far. */
export function findRevision(
  config: ConfigView,
  ids: { readonly functionId: FunctionId; readonly revisionId: RevisionId },
): RevisionRef | undefined {
  const fn = config.functionById(ids.functionId);
  return fn !== undefined && fn.latest.id === ids.revisionId
    ? { fn, revision: fn.latest }
    : undefined;
}

/** Passes an instance's link to a gateway process; the socket is given away. */
export type HandOff = (gatewayId: GatewayId, grant: InstanceGrant, socket: Socket) => Promise<void>;

export interface AgentDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  readonly sandboxes: SandboxDriver;
  readonly code: CodeStore;
  readonly runtimes: Runtimes;
  readonly config: ConfigView;
  readonly logSpool: SpoolWriter;
  readonly handOff: HandOff;
}

export interface AgentOptions {
  readonly nodeId: NodeId;
  readonly placement: Placement;
  /** Directory for the instances' own directories; other uids must be able to pass through it. */
  readonly instancesDirectory: string;
  /** Unix socket on which gateways reach this agent. */
  readonly socketPath: string;
  /** Blanks kept for each hot pool. */
  readonly blanks: number;
}

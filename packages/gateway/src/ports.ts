/** What a gateway needs from its composition root. */
import type { Socket } from "node:net";
import type { Clock, GatewayId, Log, NodeId, Random } from "@skerry/base";
import type { InstanceGrant, RoleFigures } from "@skerry/contracts";
import type { HttpLimits, ListenTarget } from "@skerry/http";
import type { Network } from "./network.ts";

/** Where metering records go; the spool writer of telemetry fits. */
export interface MeterSink {
  /** Appends whole records before it returns; never throws. The bytes are reused afterwards. */
  append(bytes: Uint8Array): void;
}

/**
 * Gives a parked instance's link away, to the gateway that comes next. The socket is the receiver's
 * from here on.
 */
export type HandOver = (grant: InstanceGrant, socket: Socket) => void;

/** Where an agent listens for gateways. */
export interface AgentAddress {
  /** Names one agent process; a restarted agent has another. */
  readonly agentId: string;
  readonly nodeId: NodeId;
  readonly socketPath: string;
}

export interface GatewayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: MeterSink;
  readonly handOver: HandOver;
  /** The network as functions reach it. */
  readonly network: Network;
  /** What the process tells of itself; the gateway adds what it counts. Absent tells nothing. */
  readonly figures?: () => RoleFigures;
}

export interface GatewayOptions {
  readonly gatewayId: GatewayId;
  readonly listen: ListenTarget;
  readonly limits?: Partial<HttpLimits>;
  /** Default `LIMITS.waitingBodyBytesMax`. */
  readonly waitingBodyBytesMax?: number;
  /** Control's unix socket, for the config log. */
  readonly controlSocketPath: string;
  /** File for the folded config log. */
  readonly snapshotPath: string;
  /** Agents that are there already. */
  readonly agents: readonly AgentAddress[];
  /**
   * Longest wait for control's current configuration before requests are accepted; default none.
   */
  readonly configWaitMs?: number;
  /** What functions may name in `connect`; default everything. */
  readonly connectTargets?: readonly string[];
  /** Version of this release, told to peers. */
  readonly build: string;
}

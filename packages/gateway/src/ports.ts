/** What a gateway needs from its composition root. */
import type { Socket } from "node:net";
import type { Clock, GatewayId, Log, Random } from "@skerry/base";
import type { InstanceGrant, RoleFigures, SecretEntry } from "@skerry/contracts";
import type { HttpLimits, ListenTarget } from "@skerry/http";
import type { AgentAddress } from "@skerry/instance-links";
import type { InterimSink, MeterSink } from "@skerry/live-invocations";
import type { Network } from "@skerry/reach";
import type { CacheStore } from "@skerry/response-cache";
import type { TlsListening } from "@skerry/stages";

/**
 * Gives a parked instance's link away, to the gateway that comes next. The socket is the receiver's
 * from here on.
 */
export type HandOver = (grant: InstanceGrant, socket: Socket) => void;

export interface GatewayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: InterimSink;
  readonly handOver: HandOver;
  /** The value of a server key. */
  readonly openServerKey: (entry: SecretEntry) => Promise<string>;
  /** The network as functions reach it. */
  readonly network: Network;
  /** Where lines of access logs go; the spool writer of telemetry fits. */
  readonly accessSpool: MeterSink;
  /** What keeps answers of routes; the gateway closes it. */
  readonly cacheStore: CacheStore;
  /** Where the source of a function lies, by its digest. */
  readonly sourceDirectory: (digest: string) => string;
  /** What the process tells of itself; the gateway adds what it counts. Absent tells nothing. */
  readonly figures?: () => RoleFigures;
}

export interface GatewayOptions {
  readonly gatewayId: GatewayId;
  readonly listen: ListenTarget;
  /** Without it, plain HTTP alone. */
  readonly tls?: TlsListening;
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
  /** How many gateways share the limits of functions and accounts; default 1. */
  readonly gateways?: number;
  /** Directory in which gateways tell one another which tickets' nonces they took; default none. */
  readonly usedNonces?: string;
  /** What functions may name in `connect`; default everything. */
  readonly connectTargets?: readonly string[];
  /** Link-local and metadata addresses that it may lead to all the same; default none. */
  readonly connectMetadata?: readonly string[];
  /** Peers whose word on the client's address is taken: addresses and networks; default none. */
  readonly trustedProxies?: readonly string[];
  /** Ports of the platform, which functions never connect to at this machine; default none. */
  readonly ownPorts?: readonly number[];
  /** Longest wait of a caller for an acceptance to be on disk; default 10 s. */
  readonly acceptWaitMs?: number;
  /** What attempts that run keep of results that come in parts; default 256 MiB. */
  readonly gatheredBytesMax?: number;
  /** Version of this release, told to peers. */
  readonly build: string;
}

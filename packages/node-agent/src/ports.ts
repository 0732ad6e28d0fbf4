/** What the agent needs from its composition root. */
import type { Socket } from "node:net";
import type { AccountId, Clock, FunctionId, GatewayId, IdSource, Log, NodeId } from "@skerry/base";
import type { CodeStore } from "@skerry/code-store";
import type {
  AccountQuotas,
  AliasEntry,
  ConfigObjectEntry,
  FunctionEntry,
  InstanceGrant,
  Placement,
  RevisionEntry,
  SecretEntry,
  VersionEntry,
} from "@skerry/contracts";
import type { SandboxDriver } from "@skerry/sandbox";
import type { KeyWrapper } from "@skerry/secrets";
import type { SpoolWriter } from "@skerry/telemetry";
import type { Runtimes } from "./runtimes.ts";

/** The folded config log, as far as an agent reads it. */
export interface ConfigView {
  /** The number up to which it is known. */
  readonly seq: number;
  functions(): Iterable<FunctionEntry>;
  functionById(id: FunctionId): FunctionEntry | undefined;
  /** Latest ones and versions of all functions. */
  revisions(): Iterable<RevisionEntry>;
  versionOf(id: FunctionId, number: number): VersionEntry | undefined;
  aliasesOf(id: FunctionId): Iterable<AliasEntry>;
  quotasOf(id: AccountId): AccountQuotas;
  /** The secret that an app knows by this name. */
  secretOf(id: AccountId, app: string, name: string): SecretEntry | undefined;
  /** Every config object of an app. */
  configsOf(id: AccountId, app: string): readonly ConfigObjectEntry[];
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
  /** Open secrets. */
  readonly secretKeys: KeyWrapper;
  readonly handOff: HandOff;
}

export interface AgentOptions {
  readonly nodeId: NodeId;
  /** One of the node's agents; there are two while one replaces the other. */
  readonly agentId: string;
  readonly placement: Placement;
  /** Directory for the instances' own directories; other uids must be able to pass through it. */
  readonly instancesDirectory: string;
  /** Unix socket on which gateways reach this agent. */
  readonly socketPath: string;
  /** Blanks kept for each hot pool. */
  readonly blanks: number;
  /** Gateway processes among which connections are divided; 1 without it. */
  readonly gateways?: number;
}

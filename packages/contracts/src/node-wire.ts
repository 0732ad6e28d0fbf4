/**
 * What travels between gateway and agent, and between both and control: JSON heads of streams and
 * JSON notes over links. The initiator of gateway–agent is the gateway; of gateway–control and
 * agent–control never control.
 */
import type {
  AccountId,
  FunctionId,
  GatewayApiId,
  GatewayId,
  InstanceId,
  NodeId,
  RevisionId,
  WireError,
} from "@skerry/base";
import type { Variables } from "./schemas/environment.ts";
import type { RuntimeName } from "./function-defaults.ts";
import type { HandlerKind } from "./handler-kind.ts";
import type { SpecialiseReply } from "./invocation-wire.ts";
import type { ProbeResult } from "./schemas/nodes.ts";
import type { ColdReason, StartKind } from "./metering.ts";
import type { Placement } from "./placement.ts";

/** Gateway → agent: start an instance of the revision and hand its link to this gateway. */
export interface StartHead {
  readonly op: "start";
  readonly functionId: FunctionId;
  readonly revisionId: RevisionId;
  readonly reason: ColdReason;
  /** Of which version it is to be; absent for `$LATEST`. */
  readonly version?: number;
  /** What is laid over the version's environment: the revision is the one derived by it. */
  readonly overlay?: Variables;
  /** How far the gateway knows the configuration; an agent that is behind catches up first. */
  readonly configSeq?: number;
}

export type StartReply =
  | { readonly ok: true; readonly instance: InstanceGrant }
  | { readonly ok: false; readonly refusal: StartRefusal };

/** Why an agent did not start an instance. */
export type StartRefusal =
  /** With `quotaMemoryMb` it is the account's quota of memory, else the function's instances. */
  | { readonly kind: "limit"; readonly why: string; readonly quotaMemoryMb?: number }
  | {
      readonly kind: "init_failed";
      readonly name: string;
      readonly message: string;
      readonly initUs: number;
    }
  /** With `stopped` an operator ended the instance while its code loaded. */
  | { readonly kind: "unavailable"; readonly why: string; readonly stopped?: true };

/** An instance whose link goes to the gateway named; travels beside the link's descriptor. */
export interface InstanceGrant {
  readonly instanceId: InstanceId;
  readonly nodeId: NodeId;
  /** Which of the node's agents started it; not told by releases before. */
  readonly agentId?: string;
  readonly functionId: FunctionId;
  readonly revisionId: RevisionId;
  /** Absent for `$LATEST`. */
  readonly version?: number;
  readonly handlerKind: HandlerKind;
  readonly startKind: StartKind;
  readonly reason: ColdReason | "provisioned";
  /** Microseconds of each stage of the start. */
  readonly placeUs: number;
  readonly bootUs: number;
  readonly codeUs: number;
  readonly initUs: number;
  /** Its code has something to do before it is stopped: see PreStopHead. */
  readonly preStop?: true;
  /**
   * True: its code loads while its link travels. The gateway asks the instance what came of it
   * (LoadedHead), tells the agent, and only then sends requests.
   */
  readonly loading?: true;
}

/** Gateway → agent, one way. `stop` lets the agent end the instance; its link is closed by then. */
export type GatewayNote =
  /** The instance's link is here now, handed over by another gateway. */
  | { readonly op: "owned"; readonly instanceId: InstanceId }
  /** What an instance that came `loading` said: a SpecialiseReply. */
  | { readonly op: "loaded"; readonly instanceId: InstanceId; readonly reply: SpecialiseReply }
  | { readonly op: "rest"; readonly instanceId: InstanceId }
  | { readonly op: "resume"; readonly instanceId: InstanceId }
  | { readonly op: "stop"; readonly instanceId: InstanceId; readonly why: StopReason };

export type StopReason = "idle" | "new_revision" | "removed" | "timeout" | "broken" | "draining";

/** Agent → gateway, one way. */
export type AgentNote =
  | { readonly op: "exited"; readonly instanceId: InstanceId; readonly exit: InstanceExit }
  /** What these were started with has changed: replace them, without haste for their requests. */
  | { readonly op: "outdated"; readonly instanceIds: readonly InstanceId[] }
  /** The agent is leaving: start replacements elsewhere, then let its instances go. */
  | { readonly op: "draining" };

export interface InstanceExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly outOfMemory: boolean;
  /** An operator ended it: not a fault of its code. */
  readonly stopped?: true;
}

/**
 * Gateway or agent → control: follow the config log. The reply head is WatchReply; its body never
 * ends: JSON lines of ConfigEntry in batches, each ended by an empty line. A batch comes into force
 * as a whole; the first may be empty.
 */
export interface WatchHead {
  readonly op: "watch";
  /** Highest number the consumer holds; 0 for none. */
  readonly after: number;
}

export interface WatchReply {
  /**
   * The first batch is the whole log, because `after` is too far back or ahead: forget everything
   * before.
   */
  readonly reset: boolean;
  /** The number that the first batch leads to. */
  readonly seq: number;
}

/** Consumer → control, one way. */
export type ConsumerNote =
  /** Everything up to `seq` is in force here. */
  | { readonly op: "applied"; readonly seq: number }
  /** New records lie in the spool of this role. */
  | { readonly op: "spooled" };

/**
 * Control → agent: build a revision's artefact. The reply's head is a BuildReply. With `log` it is
 * `{"log":true}` instead, from agents that know it, and the body is BuildLogLine as JSON, a line
 * each, of which the last carries the BuildReply.
 */
export interface BuildHead {
  readonly op: "build";
  readonly log?: true;
  readonly sourceDigest: string;
  readonly runtime: RuntimeName;
  readonly entry: string | null;
  /** Starts a web server, whatever the runtime. */
  readonly command: string | null;
  readonly port: number;
  readonly handler: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly initTimeoutMs: number;
  /** Sources that the code sees at /opt, merged in this order. */
  readonly layers?: readonly string[];
  /** Names of the function's `connect`, whose environment the code may read while it is loaded. */
  readonly connect?: readonly string[];
  /** Names of environment variables that will hold secrets; a build sees a stand-in for each. */
  readonly secrets?: readonly string[];
  /** Whose config objects the code may read while it is loaded. */
  readonly app?: { readonly accountId: AccountId; readonly name: string };
}
export type BuildReply =
  | {
      readonly ok: true;
      readonly artefactKey: string;
      readonly runtimeBuild: string;
      readonly handlerKind: HandlerKind | null;
      readonly initFailure: { readonly name: string; readonly message: string } | null;
      readonly reused: boolean;
    }
  | { readonly ok: false; readonly error: WireError };
/** One line of what a build tells, or how it ended. */
export type BuildLogLine = { readonly l: string } | { readonly r: BuildReply };

/** What is sent of one build's log, and kept of one deployment's. */
export const BUILD_LOG = {
  lineCharsMax: 2_048,
  /** Sent as it comes; of what is more only the last lines are. */
  bytesMax: 256 << 10,
  lastLinesMax: 100,
  /** Kept of all builds of a deployment; the oldest lines go first. */
  deploymentBytesMax: 1 << 20,
} as const;

/** Control → agent. Body of the reply: a JSON list of InstanceView, for which no head has room. */
export interface ListInstancesHead {
  readonly op: "instances";
}
export interface ListInstancesReply {
  readonly sandbox: SandboxView;
}

/** Control → agent: try the node's walls. The reply's body is a ProbeReply as JSON. */
export interface ProbeHead {
  readonly op: "probe";
}
export type ProbeReply =
  | { readonly ok: true; readonly tookMs: number; readonly probes: readonly ProbeResult[] }
  | { readonly ok: false; readonly error: WireError };

/** Control → agent. The reply's body: a JSON list of the artefacts that instances run from. */
export interface ArtefactsInUseHead {
  readonly op: "artefacts-in-use";
}

/** Control → agent. */
export interface StopInstanceHead {
  readonly op: "stop-instance";
  readonly instanceId: InstanceId;
}
export interface StopInstanceReply {
  /** False when the instance is not, or no longer, there. */
  readonly found: boolean;
}

export const INSTANCE_STATES = ["starting", "ready", "resting", "stopping"] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

export interface InstanceView extends Placement {
  readonly id: InstanceId;
  readonly nodeId: NodeId;
  readonly app: string;
  readonly fn: string;
  readonly functionId: FunctionId;
  readonly revisionId: RevisionId;
  /** Absent for `$LATEST`. */
  readonly version?: number | undefined;
  readonly gatewayId: GatewayId | null;
  readonly state: InstanceState;
  readonly pid: number;
  /** Kernel uid of its own, when it has one. */
  readonly uid: number | null;
  readonly startKind: StartKind;
  readonly reason: ColdReason | "provisioned";
  readonly startedWallMs: number;
  readonly memoryBytes: number;
  readonly memoryMb: number;
  readonly cpuUs: number;
}

export interface SandboxView {
  readonly rung: string;
  readonly label: string;
  /** How each limit is enforced here. */
  readonly enforcement: Readonly<Record<string, string>>;
  /** What would be gained by which command, a line each; null at the top. */
  readonly raise: string | null;
}

/**
 * One line of a function's log in an agent's spool, or of an API's access log in a gateway's; JSON,
 * one a line.
 */
export interface SpooledLogLine {
  readonly t: number;
  readonly l: "debug" | "info" | "warn" | "error";
  /**
   * stdout/stderr for raw output, console for lines the runtime tagged, platform for the agent's
   * own remarks.
   */
  readonly s: "console" | "stdout" | "stderr" | "platform";
  readonly f: FunctionId | GatewayApiId;
  /** Of an API the publication, such as `release#3`. */
  readonly v: RevisionId | `${string}#${number}`;
  readonly i: InstanceId | GatewayId;
  readonly r?: string;
  /** Of an API `AccessFacts`, as JSON. */
  readonly m: string;
}

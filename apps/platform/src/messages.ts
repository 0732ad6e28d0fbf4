/**
 * What supervisor and roles say to each other over process IPC; descriptors travel beside
 * `instance`.
 */
import type { GatewayId } from "@skerry/base";
import type { InstanceGrant } from "@skerry/contracts";

export type RoleName = "control" | "gateway" | "agent";

export function isRoleName(value: unknown): value is RoleName {
  return value === "control" || value === "gateway" || value === "agent";
}

/** An agent process that gateways can reach. */
export interface AgentAddress {
  readonly id: string;
  readonly nodeId: string;
  readonly socketPath: string;
}

export type ToSupervisor =
  /** A role on standby has its program in memory and waits for `begin`. */
  | { readonly op: "loaded" }
  /** A start that takes long goes on; see `roles/working.ts`. */
  | { readonly op: "working" }
  | { readonly op: "ready"; readonly facts: Readonly<Record<string, string>> }
  | { readonly op: "failed"; readonly message: string; readonly hint: string }
  /** Agent → gateway, with the instance's link. */
  | { readonly op: "instance"; readonly to: GatewayId; readonly grant: InstanceGrant }
  /** A leaving gateway → the next one, with the instance's link. */
  | { readonly op: "hand-over"; readonly grant: InstanceGrant }
  /** The agent has done what `sweep` asked. */
  | { readonly op: "swept" }
  /** Answer to `ask`. */
  | { readonly op: "here" };

export type ToRole =
  | { readonly op: "begin" }
  /** Is your event loop there? */
  | { readonly op: "ask" }
  | { readonly op: "agents"; readonly agents: readonly AgentAddress[] }
  | { readonly op: "instance"; readonly grant: InstanceGrant; readonly handedOver: boolean }
  /** To a gateway: from now on this key encrypts its session tickets, in base64. */
  | { readonly op: "tls-tickets"; readonly key: string }
  /** To the only agent: end whatever another agent left behind. */
  | { readonly op: "sweep" }
  /** Finish what is under way, then exit with code 0. */
  | { readonly op: "drain"; readonly deadlineMs: number };

/**
 * The network of webhooks: what builds reach, by the same rules. Public addresses, and the hosts
 * that the operator names; never guarded addresses nor the platform's own ports.
 */
import type { Clock, Log } from "@skerry/base";
import { failReach, isTargetIn } from "@skerry/contracts";
import type { DispatchDeps } from "@skerry/dispatch";
import { isOddAddress } from "@skerry/reach";
import { connectTo, isOddPort, type BuildNetworkDeps } from "./build-network.ts";

export interface WebhookNetworkDeps extends Pick<
  BuildNetworkDeps,
  "hosts" | "network" | "ownPorts"
> {
  readonly clock: Clock;
  readonly log: Log;
}

export function createWebhookNetwork(
  deps: WebhookNetworkDeps,
): DispatchDeps["webhooks"]["network"] {
  return {
    isNamed: (target) => isTargetIn(deps.hosts, target),
    connect: async (target) => {
      const words = { target: `${target.host}:${target.port}` };
      if (isOddAddress(target.host)) throw failReach("EGRESS_TARGET_INVALID", words);
      if (isOddPort(target)) throw failReach("EGRESS_PORT_FORBIDDEN", words);
      return await connectTo({ ...deps, egress: "public" }, target);
    },
  };
}

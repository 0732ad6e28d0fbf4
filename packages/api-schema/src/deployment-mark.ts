import type { DeploymentResource } from "./resources.ts";

/**
 * What `getDeployment` compares while it waits: changes with every step of the deployment. For
 * `waitQuery.state`.
 */
export function deploymentMark(
  deployment: Pick<DeploymentResource, "state" | "functions">,
): string {
  return `${deployment.state}/${deployment.functions.map(({ state }) => state).join(",")}`;
}

/**
 * Following what the builds of a deployment print, to its end: over restarts of the platform, which
 * end an answer as the deployment's own end does.
 */
import type { DeploymentLogLine } from "@skerry/api-schema";
import { follow, type FollowSettings } from "./follow.ts";
import type { Client } from "./types.ts";

export interface FollowDeploymentOptions extends FollowSettings {
  readonly app: string;
  readonly deployment: string;
}

/** Ends when the deployment has and its last line arrived. Throws what the platform answers. */
export async function* followDeploymentLog(
  client: Pick<Client, "listDeploymentLog" | "getDeployment">,
  options: FollowDeploymentOptions,
): AsyncGenerator<DeploymentLogLine, void, void> {
  const { app, deployment, signal } = options;
  const params = { app, deployment };
  yield* follow(
    {
      lines: (cursor) => {
        return client.listDeploymentLog({ params, query: { follow: "true", cursor }, signal });
      },
      // A deployment that had ended before its lines were asked for prints no others.
      isComplete: async () => {
        const { state } = await client.getDeployment({ params, signal });
        return state === "succeeded" || state === "failed";
      },
    },
    options,
  );
}

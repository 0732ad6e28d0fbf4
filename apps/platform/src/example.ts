/** The example of the first start, and how it gets there. */
import { fileURLToPath } from "node:url";
import { PlatformError } from "@skerry/base";
import { deploymentMark } from "@skerry/api-schema/client";
import { createClient } from "@skerry/sdk";
import { packFolder } from "@skerry/sdk/pack";
import type { OwnApi } from "./own-api.ts";

/** What `skerry deploy examples/hello` means; its skerry.yaml says the same. */
export const EXAMPLE = {
  folder: new URL("../../../examples/hello", import.meta.url),
  params: { app: "examples", fn: "hello" },
  config: { auth: "none" },
} as const;
const DEPLOY_TIMEOUT_MS = 60_000;
/** How long one request waits for news of the deployment. */
const WAIT_MS = 10_000;

/** Deploys `examples/hello` as the command line would. */
export async function deployExample(api: OwnApi & { readonly gatewayUrl: string }): Promise<void> {
  const client = createClient(api);
  const { app, fn } = EXAMPLE.params;
  const source = await packFolder(fileURLToPath(EXAMPLE.folder));
  const { digest } = source;
  const body = { functions: [{ name: fn, sourceDigest: digest, config: EXAMPLE.config }] };
  const signal = AbortSignal.timeout(DEPLOY_TIMEOUT_MS);
  await client.putPackage({ params: { app, digest }, archive: () => source.archive(), signal });
  let deployment = await client.createDeployment({ params: { app }, body, signal });
  while (deployment.state !== "succeeded") {
    if (deployment.error !== null) throw PlatformError.fromWire(deployment.error);
    const query = { waitMs: WAIT_MS, state: deploymentMark(deployment) };
    const params = { app, deployment: deployment.id };
    deployment = await client.getDeployment({ params, query, signal });
  }
}

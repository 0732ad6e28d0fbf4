/**
 * Deploys what a folder means: packs it, asks for the plan, uploads what the platform does not have
 * and follows the deployment to its end.
 */
import {
  deploymentMark,
  type DeploymentPlan,
  type DeploymentRequest,
  type DeploymentResource,
} from "@skerry/contracts";
import { PlatformError } from "@skerry/base";
import { packFolder, type PackedSource } from "@skerry/sdk/pack";
import type { CommandCall } from "./command.ts";
import type { Active, Outcome } from "./deployment-view.ts";
import { createProgress, type Progress } from "./progress.ts";
import { patiently } from "./patience.ts";
import type { Project } from "./project.ts";

/** How long one request waits for news of a deployment. */
const WAIT_MS = 10_000;

/** What would change, and how to make it so. */
export interface PlannedDeployment {
  readonly plan: DeploymentPlan;
  /** Throws what a failed deployment says. */
  perform(): Promise<Outcome>;
}

export async function planProject(call: CommandCall, project: Project): Promise<PlannedDeployment> {
  const sources = await packAll(project);
  const body = requestOf(project, sources);
  const plan = await call.client().planDeployment({ params: { app: project.app }, body });
  return {
    plan,
    perform: async () => {
      const outcome = await perform(call, { project, sources, body, plan });
      const { deployment } = outcome;
      if (deployment?.error) throw PlatformError.fromWire(withRequestId(deployment));
      return outcome;
    },
  };
}

/** By folder: two functions of an app may share one. */
type Sources = ReadonlyMap<string, PackedSource>;

async function packAll({ functions }: Project): Promise<Sources> {
  const sources = new Map<string, PackedSource>();
  for (const { folder } of functions) {
    if (!sources.has(folder)) sources.set(folder, await packFolder(folder));
  }
  return sources;
}

interface Work {
  readonly project: Project;
  readonly sources: Sources;
  readonly body: { readonly functions: DeploymentInput[] };
  readonly plan: DeploymentPlan;
}

type DeploymentInput = Pick<DeploymentRequest["functions"][number], "name" | "sourceDigest"> & {
  readonly config: Project["functions"][number]["config"];
};

function requestOf({ functions }: Project, sources: Sources): Work["body"] {
  return {
    functions: functions.map(({ name, folder, config }) => {
      const sourceDigest = sources.get(folder)?.digest ?? "";
      return { name, sourceDigest, config };
    }),
  };
}

async function perform(call: CommandCall, work: Work): Promise<Outcome> {
  const { client, host } = call;
  const { plan, body } = work;
  const startedMs = host.clock.monotonicMs();
  const elapsed = (): number => host.clock.monotonicMs() - startedMs;
  if (plan.functions.every(({ change }) => change === "same")) {
    const active = await activeOf(call, plan);
    return { plan, deployment: undefined, active, elapsedMs: elapsed() };
  }
  await upload(call, work);
  const { signal } = host;
  const created = await client().createDeployment({ params: { app: plan.app }, body, signal });
  const deployment = await follow(call, created);
  const active = new Map(deployment.functions.map((fn) => [fn.name, fn]));
  return { plan, deployment, active, elapsedMs: elapsed() };
}

async function activeOf(call: CommandCall, plan: DeploymentPlan): Promise<Outcome["active"]> {
  const active = new Map<string, Active>();
  for (const { name } of plan.functions) {
    const params = { app: plan.app, fn: name };
    const { urls, latest } = await call.client().getFunction({ params });
    active.set(name, { urls, revisionId: latest.id });
  }
  return active;
}

async function upload(call: CommandCall, { project, sources, plan }: Work): Promise<void> {
  const { client, host, screen } = call;
  const wanted = new Set(plan.functions.filter((fn) => fn.needsUpload).map((fn) => fn.name));
  const folders = project.functions.filter(({ name }) => wanted.has(name)).map((fn) => fn.folder);
  const missing = [...new Set(folders)].flatMap((folder) => sources.get(folder) ?? []);
  const total = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  const nowMs = (): number => host.clock.monotonicMs();
  const progress = createProgress(screen, { label: "Uploading", nowMs });
  let sent = 0;
  try {
    for (const source of missing) {
      await client().putPackage({
        params: { app: plan.app, digest: source.digest },
        archive: () => source.archive((bytes) => progress.show(sent + bytes, total)),
        signal: host.signal,
      });
      sent += source.bytes;
    }
  } finally {
    progress.end();
  }
}

/**
 * Waits until the deployment has ended, over restarts of the platform; it goes on by itself
 * meanwhile.
 */
async function follow(call: CommandCall, created: DeploymentResource): Promise<DeploymentResource> {
  const { client, host, screen } = call;
  const nowMs = (): number => host.clock.monotonicMs();
  const progress = createProgress(screen, { label: "Building ", nowMs });
  let deployment = created;
  try {
    while (deployment.state !== "succeeded" && deployment.state !== "failed") {
      showSteps(progress, deployment);
      const params = { app: deployment.app, deployment: deployment.id };
      const query = { waitMs: WAIT_MS, state: deploymentMark(deployment) };
      deployment = await patiently(host, () =>
        client().getDeployment({ params, query, signal: host.signal }),
      );
    }
    return deployment;
  } finally {
    progress.end();
  }
}

/** Each function has two steps: built, and active. */
function showSteps(progress: Progress, { functions }: DeploymentResource): void {
  const done = { waiting: 0, building: 0.5, built: 1, active: 2, failed: 2 };
  const sum = functions.reduce((steps, { state }) => steps + done[state], 0);
  progress.show(sum, functions.length * 2);
}

function withRequestId({ error }: DeploymentResource): unknown {
  if (error === null) return error;
  const { requestId, details, ...rest } = error;
  return { ...rest, details: requestId === undefined ? details : { ...details, requestId } };
}

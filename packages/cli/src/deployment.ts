/**
 * Deploys what a folder means: packs it, asks for the plan, uploads what the platform does not have
 * and follows the deployment to its end.
 */
import type {
  DeploymentLogLine,
  DeploymentPlan,
  DeploymentRequest,
  DeploymentResource,
} from "@skerry/api-schema";
import { deploymentMark } from "@skerry/api-schema/client";
import { buildLineText } from "@skerry/commands";
import type { FunctionConfigInput } from "@skerry/contracts";
import { PlatformError } from "@skerry/base";
import {
  followDeploymentLog,
  performDeclared,
  planDeclared,
  type DeclaredChange,
} from "@skerry/sdk";
import { packFolder, type PackedSource } from "@skerry/sdk/pack";
import { createProgress, patiently, type Progress } from "@skerry/terminal";
import type { CommandCall } from "./command.ts";
import { servingStages } from "./deployment-apis.ts";
import type { Active, Outcome } from "./deployment-view.ts";
import type { Project } from "./project.ts";

/** How long one request waits for news of a deployment. */
const WAIT_MS = 10_000;
/** Of a build that failed. */
const LAST_LINES = 15;

/** What would change, and how to make it so. */
export interface PlannedDeployment {
  readonly plan: DeploymentPlan;
  /** What becomes of timers, triggers, rules, actions and gateway APIs. */
  readonly declared: readonly DeclaredChange[];
  /** Throws what a failed deployment says. */
  perform(): Promise<Outcome>;
}

export async function planProject(
  call: CommandCall,
  project: Project,
  options: { readonly runtimeLatest?: boolean } = {},
): Promise<PlannedDeployment> {
  const sources = await packAll(project);
  const body = requestOf(project, sources, options);
  const plan = await call.client().planDeployment({ params: { app: project.app }, body });
  const declared = await planDeclared(call.client(), project.app, project.declared);
  return {
    plan,
    declared,
    perform: async () => {
      const outcome = await perform(call, { project, sources, body, plan, declared });
      const { deployment } = outcome;
      if (deployment?.error) throw PlatformError.fromWire(withRequestId(deployment));
      await performDeclared(call.client(), project.app, declared);
      const serving = await servingStages(call.client(), project.app, declared);
      return { ...outcome, serving };
    },
  };
}

/** By folder: two functions of an app may share one, and do share layers. */
type Sources = ReadonlyMap<string, PackedSource>;

async function packAll({ functions }: Project): Promise<Sources> {
  const sources = new Map<string, PackedSource>();
  for (const folder of functions.flatMap((fn) => [fn.folder, ...fn.layers])) {
    if (!sources.has(folder)) sources.set(folder, await packFolder(folder));
  }
  return sources;
}

interface Work {
  readonly project: Project;
  readonly sources: Sources;
  readonly body: { readonly functions: DeploymentInput[] };
  readonly plan: DeploymentPlan;
  readonly declared: readonly DeclaredChange[];
}

type DeploymentInput = Pick<
  DeploymentRequest["functions"][number],
  "name" | "sourceDigest" | "runtimeLatest"
> & {
  readonly config: FunctionConfigInput;
};

function requestOf(
  { functions }: Project,
  sources: Sources,
  { runtimeLatest = false }: { readonly runtimeLatest?: boolean },
): Work["body"] {
  const renewing = runtimeLatest ? { runtimeLatest } : {};
  return {
    functions: functions.map(({ name, folder, config, layers }) => {
      const digestOf = (packed: string): string => sources.get(packed)?.digest ?? "";
      const digests = [...new Set(layers.map(digestOf))];
      const own = digests.length === 0 ? config : { ...config, layers: digests };
      return { name, sourceDigest: digestOf(folder), config: own, ...renewing };
    }),
  };
}

async function perform(call: CommandCall, work: Work): Promise<Omit<Outcome, "serving">> {
  const { client, host } = call;
  const { plan, body, declared } = work;
  const startedMs = host.clock.monotonicMs();
  const elapsed = (): number => host.clock.monotonicMs() - startedMs;
  if (plan.functions.every(({ change }) => change === "same")) {
    const active = await activeOf(call, plan);
    return { plan, declared, deployment: undefined, active, elapsedMs: elapsed() };
  }
  await upload(call, work);
  const { signal } = host;
  const created = await client().createDeployment({ params: { app: plan.app }, body, signal });
  const deployment = await follow(call, created);
  const active = new Map(deployment.functions.map((fn) => [fn.name, fn]));
  return { plan, declared, deployment, active, elapsedMs: elapsed() };
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
  const layers = new Set(plan.layersMissing);
  const missing = [...sources.entries()]
    .filter(([folder, { digest }]) => folders.includes(folder) || layers.has(digest))
    .map(([, source]) => source);
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
 * meanwhile. What its builds print is shown as it comes, to whoever watches or asked for it.
 */
async function follow(call: CommandCall, created: DeploymentResource): Promise<DeploymentResource> {
  const { client, host, screen } = call;
  const nowMs = (): number => host.clock.monotonicMs();
  const progress = createProgress(screen, { label: "Building ", nowMs });
  const isVerbose = call.isOn("verbose");
  let deployment = created;
  const listening = new AbortController();
  const heard = hear(call, { deployment, signal: listening.signal }, ({ text, ...line }) => {
    if (isVerbose) screen.note(buildLineText({ ...line, text }, screen));
    else showSteps(progress, deployment, text);
  });
  try {
    while (deployment.state !== "succeeded" && deployment.state !== "failed") {
      if (!isVerbose) showSteps(progress, deployment);
      const params = { app: deployment.app, deployment: deployment.id };
      const query = { waitMs: WAIT_MS, state: deploymentMark(deployment) };
      deployment = await patiently(host, () =>
        client().getDeployment({ params, query, signal: host.signal }),
      );
    }
    // The lines that led to the end were stored before it.
    if (isVerbose) await heard;
    return deployment;
  } finally {
    listening.abort();
    await heard;
    progress.end();
    if (!isVerbose && deployment.state === "failed") await showEnd(call, deployment);
  }
}

/** Resolves when the log ends or cannot be had: a deployment goes on without. */
async function hear(
  { client, host, isOn, screen }: CommandCall,
  wanted: { readonly deployment: DeploymentResource; readonly signal: AbortSignal },
  show: (line: DeploymentLogLine) => void,
): Promise<void> {
  if (!screen.watched && !isOn("verbose")) return;
  const { app, id: deployment } = wanted.deployment;
  const signal = AbortSignal.any([host.signal, wanted.signal]);
  const options = { app, deployment, signal, clock: host.clock };
  try {
    for await (const line of followDeploymentLog(client(), options)) show(line);
  } catch {
    // What matters of it is in the deployment's error.
  }
}

/** The last lines of the build that failed, and where the others are. */
async function showEnd(
  { client, host, screen }: CommandCall,
  { app, id: deployment, functions, error }: DeploymentResource,
): Promise<void> {
  if (screen.json) return;
  const failed = functions.find(({ state }) => state === "failed")?.name;
  const last: DeploymentLogLine[] = [];
  const options = { app, deployment, clock: host.clock, signal: host.signal, awayMsMax: 0 };
  try {
    for await (const line of followDeploymentLog(client(), options)) {
      if (line.function === failed) last.push(line);
      if (last.length > LAST_LINES) last.shift();
    }
  } catch {
    return;
  }
  if (last.length === 0) return;
  // What an installer complains of stands in the error, and how a program ended.
  const isTold = ({ text }: DeploymentLogLine): boolean => error?.message.includes(text) === true;
  const untold = last.slice(0, last.findLastIndex((line) => !isTold(line)) + 1);
  screen.note(
    ...untold.map((line) => buildLineText(line, screen)),
    `All that its builds printed: skerry deployments logs ${app} ${deployment}`,
  );
}

/** Each function has two steps: built, and active. */
function showSteps(progress: Progress, { functions }: DeploymentResource, remark?: string): void {
  const done = { waiting: 0, building: 0.5, built: 1, active: 2, failed: 2 };
  const sum = functions.reduce((steps, { state }) => steps + done[state], 0);
  progress.show(sum, functions.length * 2, remark);
}

function withRequestId({ error }: DeploymentResource): unknown {
  if (error === null) return error;
  const { requestId, details, ...rest } = error;
  return { ...rest, details: requestId === undefined ? details : { ...details, requestId } };
}

import { resolve } from "node:path";
import {
  deploymentMark,
  type DeploymentPlan,
  type DeploymentRequest,
  type DeploymentResource,
} from "@skerry/contracts";
import { PlatformError } from "@skerry/base";
import { packFolder, type PackedSource } from "@skerry/sdk/pack";
import type { Command, CommandCall } from "../command.ts";
import {
  deploymentJson,
  planJson,
  planLines,
  resultLines,
  type Active,
  type Outcome,
} from "../deployment-view.ts";
import { readProject, type Project } from "../project.ts";
import { createProgress, type Progress } from "../progress.ts";
import { patiently } from "../patience.ts";

/** How long one request waits for news of a deployment. */
const WAIT_MS = 10_000;

export const deploy: Command = {
  name: "deploy",
  summary: "Deploy a folder: a function, or an app with skerry.yaml",
  about: [
    "A folder with index.ts, index.mjs or index.js is one function, named after the folder, in the app " +
      "`default`; --name and --app say otherwise. A folder with skerry.yaml is an app and the functions " +
      "that it lists; --name deploys only one of them, --app puts them into another app.",
    "The plan shows what is new, what changes and what stays. What the platform has already is not uploaded, " +
      "and a deployment of the same code and configuration changes nothing. Functions that are deployed and not " +
      "part of the folder stay as they are.",
  ],
  args: [{ name: "DIR", description: "The folder." }],
  flags: [
    { name: "app", value: "APP", description: "The app to deploy into." },
    { name: "name", value: "FN", description: "Name of the function." },
    { name: "plan", description: "Only show what would change." },
  ],
  examples: [
    { line: "deploy examples/hello", says: "An app with skerry.yaml." },
    { line: "deploy ./resize --app images", says: "One function, images/resize." },
    { line: "deploy . --plan", says: "What would change." },
  ],
  async run(call) {
    const { args, flag, isOn, host, screen } = call;
    const folder = resolve(host.cwd, args[0] ?? ".");
    const project = readProject(folder, { app: flag("app"), name: flag("name") });
    const sources = await packAll(project);
    const body = requestOf(project, sources);
    const plan = await call.client().planDeployment({ params: { app: project.app }, body });
    if (!screen.json) screen.print(...planLines(plan, screen.style));
    if (isOn("plan")) {
      if (screen.json) screen.printJson(planJson(plan));
      return 0;
    }
    const outcome = await perform(call, { project, sources, body, plan });
    if (outcome.deployment?.error) throw PlatformError.fromWire(withRequestId(outcome.deployment));
    if (screen.json) screen.printJson(deploymentJson(outcome));
    else screen.print(...resultLines(outcome, screen.style));
    return 0;
  },
};

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
        archive: source.archive((bytes) => progress.show(sent + bytes, total)),
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

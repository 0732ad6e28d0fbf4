/**
 * A plan and its outcome as text and as JSON. Both JSON shapes are the same, so that one script
 * reads either.
 */
import type { DeploymentPlan, DeploymentResource } from "@skerry/api-schema";
import type { DeclaredChange } from "@skerry/sdk";
import { servingLines, type ServingStage } from "./deployment-apis.ts";
import { countText, durationText, showable, type Style } from "@skerry/terminal";

export interface Active {
  readonly urls: readonly string[];
  readonly revisionId: string | null;
}

export interface Outcome {
  readonly plan: DeploymentPlan;
  readonly declared: readonly DeclaredChange[];
  /** Undefined when there was nothing to do. */
  readonly deployment: DeploymentResource | undefined;
  /** What is deployed now, by name. */
  readonly active: ReadonlyMap<string, Active>;
  /** Of the gateway APIs that were declared. */
  readonly serving: readonly ServingStage[];
  readonly elapsedMs: number;
}

const MARKS = { create: "+", change: "~", same: "=", remove: "-" } as const;

export function planLines(
  plan: DeploymentPlan,
  declared: readonly DeclaredChange[],
  style: Style,
): readonly string[] {
  const others = declared.map(({ kind, name, ...rest }) => ({ name: `${kind} ${name}`, ...rest }));
  const rows = [...plan.functions, ...others];
  const width = Math.max(...rows.map(({ name }) => name.length));
  const paints = {
    ...{ create: style.green, change: style.yellow, same: style.dim, remove: style.red },
  };
  return [
    `${style.bold(plan.app)} ${style.dim(`· ${countText(plan.functions.length, "function")}`)}`,
    ...rows.map(({ name, change, changes }) => {
      const what = change === "change" ? ` ${changes.map(showable).join(", ")}` : "";
      return paints[change](`  ${MARKS[change]} ${name.padEnd(width)}  ${change}${what}`);
    }),
  ];
}

export function resultLines(outcome: Outcome, style: Style): readonly string[] {
  const { plan, declared, deployment, active, serving, elapsedMs } = outcome;
  const head =
    deployment === undefined && isSame(declared)
      ? "Nothing to change."
      : `${style.green("✓")} Deployed in ${durationText(elapsedMs)}.`;
  const width = Math.max(...plan.functions.map(({ name }) => name.length));
  return [
    head,
    ...plan.functions.flatMap(({ name }) =>
      (active.get(name)?.urls ?? []).map((url, i) => {
        return `  ${(i === 0 ? name : "").padEnd(width)}  ${style.cyan(url)}`;
      }),
    ),
    ...servingLines(serving, style),
    ...(deployment?.functions ?? []).flatMap(({ name, warnings }) =>
      warnings.map((warning) => `${style.yellow("!")} ${name}: ${showable(warning)}`),
    ),
  ];
}

/** Of `deploy --plan`: the shape of an outcome in which nothing has happened yet. */
export function planJson(plan: DeploymentPlan, declared: readonly DeclaredChange[]): unknown {
  const functions = plan.functions.map(({ name, change, changes }) => {
    return { name, change, changes, revisionId: null, urls: [], warnings: [] };
  });
  return {
    app: plan.app,
    state: "planned",
    deploymentId: null,
    functions,
    ...declaredJson(declared),
  };
}

function isSame(declared: readonly DeclaredChange[]): boolean {
  return declared.every(({ change }) => change === "same");
}

/** Only where a file declares something. */
function declaredJson(declared: readonly DeclaredChange[]): object {
  if (declared.length === 0) return {};
  const told = declared.map(({ kind, name, change, changes }) => ({ kind, name, change, changes }));
  return { declared: told };
}

export function deploymentJson({ plan, declared, deployment, active, serving }: Outcome): unknown {
  const functions = plan.functions.map(({ name, change, changes }) => {
    const { urls = [], revisionId = null } = active.get(name) ?? {};
    const done = deployment?.functions.find((one) => one.name === name);
    return { name, change, changes, revisionId, urls, warnings: done?.warnings ?? [] };
  });
  const state = deployment?.state ?? (isSame(declared) ? "unchanged" : "succeeded");
  const deploymentId = deployment?.id ?? null;
  const stages = serving.length === 0 ? {} : { stages: serving };
  return { app: plan.app, state, deploymentId, functions, ...declaredJson(declared), ...stages };
}

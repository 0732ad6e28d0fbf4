/**
 * From a changed file to the answer of the new code: pack, plan, upload, build, activate, first
 * call.
 */
import { startPlatform } from "@skerry/testkit";
import { quantile, round } from "./figures.ts";

export interface DeployFigure {
  readonly deploys: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

const DEPLOYS = 12;

export async function benchDeploy(): Promise<DeployFigure> {
  const platform = await startPlatform();
  try {
    const taken: number[] = [];
    for (let version = 0; version <= DEPLOYS; version += 1) {
      const files = { "index.ts": `export const handler = () => ({ version: ${version} });` };
      const startedMs = performance.now();
      await platform.deploy({ app: "bench", fn: "edit", files, config: { auth: "none" } });
      const answer = await fetch(`${platform.gatewayUrl}/-/bench/edit/`);
      const { version: answered } = (await answer.json()) as { version: number };
      if (answered !== version)
        throw new Error(`version ${answered} answered instead of ${version}`);
      if (version > 0) taken.push(performance.now() - startedMs);
    }
    return {
      deploys: DEPLOYS,
      p50Ms: round(quantile(taken, 0.5)),
      p95Ms: round(quantile(taken, 0.95)),
    };
  } finally {
    await platform.stop();
  }
}

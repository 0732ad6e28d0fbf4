/**
 * The same function by its own URL, which is 1.00, and through gateway APIs: one route, one of ten
 * thousand, and one whose alias divides requests between two versions.
 */
import type { RouteInput } from "@skerry/contracts";
import { startPlatform, type Platform } from "@skerry/testkit";
import { contest, SMALL_BODY, warmUp, type ContestFigure, type Contestant } from "./contest.ts";
import type { RunOptions } from "./run-options.ts";
import { ECHO } from "./sources.ts";

const MANY = 10_000;
const APP = "bench";
const FN = { app: APP, fn: "echo" };
const ECHOED = { to: { function: FN.fn }, auth: "none" } as const;

export async function benchRoutes(options: RunOptions): Promise<readonly ContestFigure[]> {
  const platform = await startPlatform();
  try {
    const config = { auth: "none", concurrency: 64, maxInstances: 1 } as const;
    await platform.deploy({ ...FN, files: ECHO, config });
    const contestants = [
      contestant(platform, "function URL", `/-/${APP}/${FN.fn}/`),
      await through(platform, { name: "one", routes: [{ ...ECHOED, path: "/" }] }),
      await through(platform, { name: "many", routes: manyRoutes() }),
      await divided(platform, config),
    ];
    await warmUp(contestants, options.warmUpSeconds);
    const figures: ContestFigure[] = [];
    for (const connections of [64, 1])
      figures.push(...(await contest(contestants, { connections, ...options })));
    return figures;
  } finally {
    await platform.stop();
  }
}

function contestant(platform: Platform, name: string, path: string): Contestant {
  const target = { url: `${platform.gatewayUrl}${path}`, body: SMALL_BODY };
  return { name, target, roots: () => [platform.supervisorPid] };
}

function manyRoutes(): readonly RouteInput[] {
  return Array.from({ length: MANY }, (_, i) => ({
    ...ECHOED,
    path: `/section-${i % 100}/{id}/part-${i}`,
  }));
}

async function through(
  platform: Platform,
  { name, routes }: { readonly name: string; readonly routes: readonly RouteInput[] },
): Promise<Contestant> {
  await platform.client.putGatewayApi({
    params: { app: APP, api: name },
    body: { routes: [...routes] },
  });
  const path = routes.length === 1 ? "/" : `/section-77/42/part-${MANY - 23}`;
  const shown = routes.length === 1 ? "a route" : `one of ${MANY} routes`;
  return contestant(platform, shown, `/~/${APP}/${name}/test${path}`);
}

/** Two versions of the same code, half of the requests each, beside the one that the others ask. */
async function divided(
  platform: Platform,
  config: NonNullable<Parameters<Platform["deploy"]>[0]["config"]>,
): Promise<Contestant> {
  await platform.client.publishVersion({ params: FN, body: {} });
  const files = { ...ECHO, "more.ts": "export const more = true;" };
  await platform.deploy({ ...FN, files, config: { ...config, maxInstances: 3 } });
  await platform.client.publishVersion({ params: FN, body: {} });
  await platform.client.putAlias({
    params: { ...FN, alias: "release" },
    body: { target: { version: 2, shares: [{ version: 1, perMille: 500 }] } },
  });
  const routes: RouteInput[] = [{ ...ECHOED, path: "/" }];
  await platform.client.putGatewayApi({ params: { app: APP, api: "divided" }, body: { routes } });
  await platform.client.createPublication({
    params: { app: APP, api: "divided", stage: "release" },
    body: {},
  });
  return contestant(platform, "an alias of two versions", `/~/${APP}/divided/release/`);
}

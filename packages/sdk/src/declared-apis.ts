/**
 * Gateway APIs as `skerry.yaml` declares them. Of their stages a file speaks of some; what the
 * others serve is none of a deployment's business.
 */
import type { GatewayApiListed, ProjectManifest } from "@skerry/api-schema";
import { PlatformError } from "@skerry/base";
import { stageCalled, stageDefaults, type StageSettings } from "@skerry/contracts";
import { everyItem } from "./pages.ts";
import type { Client } from "./types.ts";

type DeclaredApi = ProjectManifest["apis"][string];
type Stages = Readonly<Record<string, StageSettings>>;

const PAGE = 1_000;

/** With all that a file may leave out, and stages by the names that the platform gives them. */
export function normalApi({ routes, stages = {} }: DeclaredApi): {
  readonly routes: DeclaredApi["routes"];
  readonly stages: Stages;
} {
  const named = Object.entries(stages).map(([said, settings]) => {
    const stage = stageCalled(said);
    const { qualifier, follows } = stageDefaults(stage);
    const { variables } = settings;
    const own = {
      ...{ qualifier: settings.qualifier ?? qualifier, variables },
      follows: settings.follows ?? follows,
    };
    return [stage, own] as const;
  });
  return { routes, stages: Object.fromEntries(named) };
}

/** An app that is deployed for the first time has none. */
export async function* listedApi(client: Client, app: string): AsyncIterable<GatewayApiListed> {
  try {
    yield* everyItem((cursor) =>
      client.listGatewayApis({ params: { app }, query: { limit: PAGE, cursor } }),
    );
  } catch (error) {
    if (!PlatformError.is(error) || error.reason !== "APP_NOT_FOUND") throw error;
  }
}

/** One that is there, with the settings of those stages alone that a file names. */
export async function presentApi(
  client: Client,
  params: { readonly app: string; readonly api: string },
  declared: Readonly<Record<string, unknown>>,
): Promise<object> {
  const { name, madeBy, routes } = await client.getGatewayApi({ params });
  const stages: Record<string, StageSettings> = {};
  const named = Object.keys(declared["stages"] as Stages);
  for await (const { stage, qualifier, variables, follows } of everyItem((cursor) =>
    client.listStages({ params, query: { limit: PAGE, cursor } }),
  )) {
    if (named.includes(stage)) stages[stage] = { qualifier, variables, follows };
  }
  return { name, madeBy, routes, stages };
}

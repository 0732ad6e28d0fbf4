/**
 * The API's part about gateway APIs. What changes is answered once it is in force at every gateway
 * that is there, or with the names of those that did not confirm it in time.
 */
import {
  json,
  pageOfAll,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import { DRAFT, invalid, LIMITS, stageCalled, STAGES, type Route } from "@skerry/contracts";
import { failGatewayApi, routesText, type RoutesText } from "@skerry/gateway-apis";
import { answered, below } from "../answered.ts";
import type { ReleaseApiDeps } from "../ports.ts";
import { diffRoutes } from "./diff-routes.ts";
import type { SideNamed } from "./gateway-api-reads.ts";
import { openApiOfRoutes } from "./openapi-of-routes.ts";
import { routeProblems } from "./route-problems.ts";

type Reads =
  | "listGatewayApis"
  | "getGatewayApi"
  | "listStages"
  | "getStage"
  | "listPublications"
  | "getPublication"
  | "diffGatewayApi"
  | "getGatewayApiDocument";
type Changes =
  | "putGatewayApi"
  | "deleteGatewayApi"
  | "putStage"
  | "deleteStage"
  | "createPublication"
  | "createPurge";

/** Handlers by operation. */
export type GatewayApiHandlers = Pick<OperationHandlers, Reads | Changes>;

/** Creates the handlers. */
export function gatewayApiHandlers(deps: ReleaseApiDeps): GatewayApiHandlers {
  return {
    ...readHandlers(deps),
    ...comparingHandlers(deps),
    ...apiHandlers(deps),
    ...stageHandlers(deps),
  };
}

function readHandlers({ store, module, gatewayUrl }: ReleaseApiDeps) {
  return {
    listGatewayApis: async ({ query: { cursor, limit }, ...call }) => {
      const args = { ...ofApi(call), after: readCursor(cursor, ""), limit };
      const rows = await store.call(module, "gatewayApiPage", args);
      return json(pageOfRows(rows, limit, { item: (row) => row, key: ({ name }) => name }));
    },
    getGatewayApi: async (call) => {
      const found = await store.call(module, "oneGatewayApi", ofApi(call));
      return tagged(found, found.etag);
    },
    listStages: async (call) => {
      const rows = await store.call(module, "allStages", { ...ofApi(call), gatewayUrl });
      const page = { ...call.query, item: <T>(row: T) => row };
      return json(pageOfAll(rows, { ...page, key: ({ stage }) => `${placeOf(stage)}/${stage}` }));
    },
    getStage: async (call) => {
      const found = await store.call(module, "oneStage", { ...ofStage(call), gatewayUrl });
      return tagged(found, found.etag);
    },
    listPublications: async (call) => {
      const { cursor, limit } = call.query;
      const args = { ...ofStage(call), below: below(cursor), limit };
      const rows = await store.call(module, "publicationPage", args);
      const page = { item: <T>(row: T) => row, key: (row: { number: number }) => `${row.number}` };
      return json(pageOfRows(rows, limit, page));
    },
    getPublication: async (call) => {
      const args = { ...ofStage(call), number: Number(call.params.publication) };
      return json(await store.call(module, "onePublication", args));
    },
  } satisfies Partial<GatewayApiHandlers>;
}

function comparingHandlers({ store, module, gatewayUrl }: ReleaseApiDeps) {
  return {
    diffGatewayApi: async (call) => {
      const [from, to] = [sideOf(call.query.from), sideOf(call.query.to)];
      const states = await store.call(module, "twoStates", { ...ofApi(call), from, to });
      const difference = diffRoutes(states.from, states.to);
      return json({ from: sideText(from), to: sideText(to), ...difference });
    },
    getGatewayApiDocument: async (call) => {
      const { stage } = call.query;
      const of = {
        ...ofApi(call),
        gatewayUrl,
        stage: stage === undefined ? null : stageCalled(stage),
      };
      const { routes, about } = await store.call(module, "documentedRoutes", of);
      return json(openApiOfRoutes(routes, about));
    },
  } satisfies Partial<GatewayApiHandlers>;
}

function apiHandlers(deps: ReleaseApiDeps) {
  const { store, module, gatewayApis } = deps;
  return {
    putGatewayApi: async (call) => {
      const { routes: asked, stages = {}, reason, madeBy = null } = call.body;
      const routes = checked(asked, call.params);
      const args = {
        ...{ ...changeOf(call), freshId: gatewayApis.freshId(), routes, reason, madeBy },
        stages: Object.fromEntries(
          Object.entries(stages).map(([stage, settings]) => [stageCalled(stage), settings]),
        ),
        ifVersion: versionOf(call.req.headers["if-match"]),
      };
      return await answered(deps, call, await store.call(module, "putGatewayApi", args));
    },
    deleteGatewayApi: async (call) => {
      const args = { ...changeOf(call), ifVersion: versionOf(call.req.headers["if-match"]) };
      return await answered(deps, call, await store.call(module, "deleteGatewayApi", args));
    },
  } satisfies Partial<GatewayApiHandlers>;
}

function stageHandlers(deps: ReleaseApiDeps) {
  const { store, module } = deps;
  return {
    putStage: async (call) => {
      const { publish, reason, ...asked } = call.body;
      const args = { ...stageChangeOf(deps, call), asked, publish, reason };
      return await answered(deps, call, await store.call(module, "putStage", args));
    },
    deleteStage: async (call) =>
      await answered(
        ...([deps, call] as const),
        await store.call(module, "deleteStage", stageChangeOf(deps, call)),
      ),
    createPublication: async (call) => {
      const { from, restore = null, qualifier = null, variables = null } = call.body;
      const { reason, dryRun } = call.body;
      const asked = { from: from === undefined ? null : stageCalled(from), restore, qualifier };
      const args = { ...stageChangeOf(deps, call), ...asked, variables, reason, dryRun };
      const done = await store.call(module, "createPublication", args);
      return dryRun ? json(done.answer) : await answered(deps, call, done);
    },
    createPurge: async (call) => {
      const stage = stageCalled(call.params.stage);
      const args = { ...changeOf(call), stage, what: call.body };
      return await answered(deps, call, await store.call(module, "createPurge", args));
    },
  } satisfies Partial<GatewayApiHandlers>;
}

type Named = Pick<OperationCall<"getStage">, "params" | "principal">;
type Changing = Pick<OperationCall<"deleteStage">, "params" | "stamp">;

function ofApi({ principal: { accountId }, params: { app, api } }: Named) {
  return { accountId, app, api };
}

function ofStage(call: Named) {
  return { ...ofApi(call), stage: stageCalled(call.params.stage) };
}

function changeOf({ params: { app, api }, stamp }: Changing) {
  return { app, api, stamp: stamp() };
}

function stageChangeOf(
  { gatewayUrl }: ReleaseApiDeps,
  call: Changing & Pick<OperationCall<"deleteStage">, "req">,
) {
  const ifChange = versionOf(call.req.headers["if-match"]);
  return { ...changeOf(call), stage: stageCalled(call.params.stage), gatewayUrl, ifChange };
}

/** Of `draft`, STAGE or STAGE:NUMBER. */
function sideOf(said: string): SideNamed {
  const [stage = "", number] = said.split(":");
  if (said === DRAFT) return { stage: null, number: null };
  return { stage: stageCalled(stage), number: number === undefined ? null : Number(number) };
}

function sideText({ stage, number }: SideNamed): string {
  return stage === null ? DRAFT : number === null ? stage : `${stage}:${number}`;
}

/** Stages are listed in the order of a release, and own ones behind them. */
function placeOf(stage: string): number {
  const standard: readonly string[] = STAGES;
  const place = standard.indexOf(stage);
  return place < 0 ? standard.length : place;
}

/** Throws INPUT_INVALID, ROUTES_TOO_LARGE. */
function checked(
  routes: readonly Route[],
  { app, api }: { readonly app: string; readonly api: string },
): RoutesText {
  const problems = routeProblems(routes);
  if (problems.length > 0) throw invalid("body", problems);
  const kept = routesText(routes);
  const bytesMax = LIMITS.routesBytesMax;
  const bytes = Buffer.byteLength(kept.text);
  if (bytes <= bytesMax) return kept;
  throw failGatewayApi("ROUTES_TOO_LARGE", { api: `${app}/${api}`, bytes, bytesMax });
}

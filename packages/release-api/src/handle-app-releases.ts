/** The API's part about releases of apps. */
import {
  json,
  pageOfRows,
  readCursor,
  versionOf,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import { isId } from "@skerry/base";
import { invalid } from "@skerry/contracts";
import { WHOLE, type ReleaseTurn } from "@skerry/releases";
import type { ReleaseApiDeps } from "./ports.ts";

type Reads = "listReleases" | "getRelease";
type Turns = "approveRelease" | "pauseRelease" | "resumeRelease" | "abortRelease";

/** Handlers by operation. */
export type AppReleaseHandlers = Pick<OperationHandlers, Reads | Turns | "createRelease">;

/** Creates the handlers. */
export function appReleaseHandlers(deps: ReleaseApiDeps): AppReleaseHandlers {
  const { store, module } = deps;
  return {
    listReleases: async ({ principal: { accountId }, params: { app }, query }) => {
      const before = readCursor(query.cursor, "") || null;
      if (before !== null && !isId("rel", before)) {
        throw invalid("query", ["cursor: this is no cursor of this list"]);
      }
      const args = { accountId, app, before, limit: query.limit };
      const rows = await store.call(module, "releasePage", args);
      return json(pageOfRows(rows, query.limit, { item: (row) => row, key: ({ id }) => id }));
    },
    getRelease: async ({ principal: { accountId }, params: { app, release: id } }) =>
      json(await store.call(module, "oneRelease", { accountId, app, id })),
    createRelease: async (call) => await create(deps, call),
    approveRelease: (call) => turn(deps, call, { to: "approve" }),
    pauseRelease: (call) => turn(deps, call, { to: "pause" }),
    resumeRelease: (call) => turn(deps, call, { to: "resume", ...call.body }),
    abortRelease: (call) => turn(deps, call, { to: "abort" }),
  };
}

async function create(deps: ReleaseApiDeps, call: OperationCall<"createRelease">) {
  const { store, module, releases, applied } = deps;
  const { params, body, stamp, signal } = call;
  const { fromStage = null, apis: withApis, approved, description, reason, dryRun } = body;
  const { stages, steps, stepWaitMs, sampleWaitMs, samplesMin, withoutSamples, guards } = body;
  const { maxErrorRate, maxP95Ms } = body;
  const { answer, seq } = await store.call(module, "createRelease", {
    ...{ stamp: stamp(), app: params.app, freshId: releases.freshId(), fromStage },
    plan: {
      ...{ stages, stepWaitMs, sampleWaitMs, samplesMin, withoutSamples, guards, maxP95Ms },
      steps: steps.map((percent) => Math.round((percent * WHOLE) / 100)),
      maxErrorRate: maxErrorRate === null ? null : maxErrorRate / 100,
    },
    ...{ withApis, isApproved: approved, description, reason, dryRun },
  });
  if (!dryRun) {
    await applied(seq, signal);
    releases.wake();
  }
  return json(answer);
}

type Turning = Pick<OperationCall<"abortRelease">, "params" | "stamp" | "req" | "signal">;

async function turn(
  { store, module, releases, applied }: ReleaseApiDeps,
  { params: { app, release: id }, stamp, req, signal }: Turning,
  { to, withoutSamples = false }: { readonly to: ReleaseTurn; readonly withoutSamples?: boolean },
) {
  const ifChange = versionOf(req.headers["if-match"]);
  const args = { stamp: stamp(), app, id, turn: to, withoutSamples, ifChange };
  const { answer, seq } = await store.call(module, "turnRelease", args);
  await applied(seq, signal);
  releases.wake();
  return json(answer);
}

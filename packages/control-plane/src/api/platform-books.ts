import type { ActionBook, PlatformBooks } from "@skerry/event-api";
import type { ReleaseApiDeps } from "@skerry/release-api";
import type { ApiDeps } from "./api-deps.ts";
import { actionResourceOf } from "./action-resource.ts";
import { awaitApplied } from "./await-applied.ts";
import { storeModule } from "../store-module.ts";
import { keepAnswer } from "./keep-answer.ts";

type BookDeps = Pick<ApiDeps, "store" | "ids" | "clock" | "feed" | "peers" | "limits">;

/** What handlers in other rooms need of the platform's own store. */
export function platformBooksOf(deps: BookDeps): PlatformBooks {
  const { store } = deps;
  return {
    functionId: async (of) => (await store.call(storeModule, "getFunction", of)).id,
    checkQualifier: async (of) => void (await store.call(storeModule, "qualifiedRevisions", of)),
    recordAudit: (record) => store.call(storeModule, "recordAudit", record),
    keepAnswer: (stamp, done) => keepAnswer({ store }, stamp, done),
    actions: actionBookOf(deps),
  };
}

/** What handlers of versions and aliases need of it. */
export function releaseDepsOf(
  deps: BookDeps & Pick<ApiDeps, "gatewayUrl" | "keeper" | "releases">,
): ReleaseApiDeps {
  const { store, gatewayUrl, ids, clock, keeper, releases } = deps;
  return {
    ...{ store, module: storeModule, gatewayUrl },
    releases: { freshId: () => ids.id("rel"), wake: () => releases.wake() },
    gatewayApis: { freshId: () => ids.id("api") },
    nowMs: () => clock.wallMs(),
    putSealed: (identity, value, write) => keeper.putSealed(identity, value, write),
    applied: (seq, signal) => awaitApplied(deps, seq, signal),
  };
}

const UNTOLD = { nextAt: null, pausedBecause: null };

function actionBookOf(deps: BookDeps): ActionBook {
  const { store, ids } = deps;
  return {
    list: async (args) => {
      const rows = await store.call(storeModule, "listActions", args);
      return rows.map((row) => actionResourceOf(row, UNTOLD));
    },
    get: async (name) => actionResourceOf(await store.call(storeModule, "getAction", name), UNTOLD),
    check: (args) => store.call(storeModule, "checkAction", args),
    put: async ({ app, name, request, timer, ifVersion, stamp, signal }) => {
      const { function: fn, description, drives, madeBy = null } = request;
      const { timer: ticks = null, event = null, game = null, manual } = drives;
      const kept = { timer: ticks, event, game, manual };
      const spec = { fn, description, drives: kept, madeBy };
      const freshId = ids.id("act");
      const args = { stamp, app, name, freshId, spec, timer, ifVersion };
      const { record, seq } = await store.call(storeModule, "putAction", args);
      await awaitApplied(deps, seq, signal);
      return actionResourceOf(record, timer);
    },
    remove: async ({ app, name, ifVersion, stamp, signal }) => {
      const args = { stamp, app, name, ifVersion };
      await awaitApplied(deps, await store.call(storeModule, "deleteAction", args), signal);
    },
  };
}

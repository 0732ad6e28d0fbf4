/** Sources, plans and deployments. */
import {
  EMPTY,
  json,
  type OperationCall,
  type OperationHandlers,
  pageOfRows,
  RateLimit,
  readCursor,
} from "@skerry/api-serving";
import { delay } from "@skerry/base";
import { failCode } from "@skerry/code-store";
import { deploymentMark, type DeploymentPlan, type DeploymentResource } from "@skerry/api-schema";
import { failReach, invalid, isTargetIn, LIMITS, parseTarget } from "@skerry/contracts";
import { admitBody } from "@skerry/http";
import {
  hasEnded,
  sourcesOf,
  type DeploymentRecord,
  type SourceOwner,
  type WantedFunction,
} from "@skerry/functions/catalogue";
import { storageGuard } from "../account-use.ts";
import { fail } from "../errors.ts";
import { assertSourcesThere } from "../procedures/deploying.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { deploymentLines, logPosition, readDeploymentLog } from "./deployment-lines.ts";
import { deploymentResourceOf } from "./resources.ts";

type Handled =
  | "headPackage"
  | "putPackage"
  | "planDeployment"
  | "createDeployment"
  | "getDeployment"
  | "listDeployments"
  | "listDeploymentLog";

export function deploymentHandlers(deps: ApiDeps): Pick<OperationHandlers, Handled> {
  const { store, urlsOf, limits } = deps;
  const rate = new RateLimit(deps.clock, {
    perSecond: limits.deploymentsPerSecond,
    burst: limits.deploymentsBurst,
    namesMax: limits.ratesRemembered,
  });
  return {
    headPackage: async ({ principal: { accountId }, params: { app, digest } }) => {
      const missing = await missingSources(deps, { accountId, app }, [digest]);
      if (missing.length > 0) throw fail("SOURCE_UNKNOWN", { digest, app });
      return EMPTY;
    },
    putPackage: async (call) => {
      const { app, digest } = call.params;
      const { stamp } = call;
      return deps.holds.holding([digest], async () => {
        const source = await takeArchive(deps, call);
        await store.call(storeModule, "keepSource", { stamp: stamp(source), app, source });
        return json(source);
      });
    },
    planDeployment: async (call) => json(await planOf(deps, call)),
    createDeployment: async (call) => {
      const { params, body, principal } = call;
      const owner = { accountId: principal.accountId, app: params.app };
      const wanted = wantedOf(deps, body.functions);
      const retryAfterMs = rate.take(owner.accountId);
      if (retryAfterMs > 0) {
        throw fail("DEPLOYMENTS_TOO_FAST", {
          perSecond: limits.deploymentsPerSecond,
          retryAfterMs,
        });
      }
      assertSourcesThere(owner.app, wanted, await missingSources(deps, owner, sourcesOf(wanted)));
      const record = await store.call(storeModule, "createDeployment", {
        ...{ stamp: call.stamp(), id: deps.ids.id("dep"), app: owner.app, wanted },
        gatewayUrl: deps.gatewayUrl,
        limits: { unfinishedMax: limits.deploymentsUnfinishedMax, keptMax: limits.deploymentsKept },
      });
      if (!hasEnded(record.state)) deps.worker.submit(record);
      return json(deploymentResourceOf(record, urlsOf));
    },
    getDeployment: async (call) => json(await waitForChange(deps, call)),
    listDeployments: async ({ principal: { accountId }, params: { app }, query }) => {
      const { cursor, limit } = query;
      const before = readCursor(cursor, null);
      const rows = await store.call(storeModule, "listDeployments", {
        ...{ accountId, app, before, limit },
      });
      const item = (row: DeploymentRecord): DeploymentResource => deploymentResourceOf(row, urlsOf);
      return json(pageOfRows(rows, limit, { item, key: ({ id }) => id }));
    },
    listDeploymentLog: async (call) => {
      const first = await readDeploymentLog(deps, call, logPosition(call.query.cursor));
      return { kind: "lines", lines: deploymentLines(deps, call, first) };
    },
  };
}

async function planOf(
  deps: ApiDeps,
  { principal: { accountId }, params: { app }, body }: OperationCall<"planDeployment">,
): Promise<DeploymentPlan> {
  const wanted = wantedOf(deps, body.functions);
  const plan = await deps.store.call(storeModule, "planApp", { accountId, app, wanted });
  const missing = await missingSources(deps, { accountId, app }, sourcesOf(wanted));
  const functions = plan.functions.map(({ name, change, changes }, i) => {
    const needsUpload = missing.includes(wanted[i]?.sourceDigest ?? "");
    return { name, change, changes: [...changes], needsUpload };
  });
  const layers = new Set(wanted.flatMap(({ config }) => config.layers ?? []));
  return { app, functions, layersMissing: missing.filter((digest) => layers.has(digest)) };
}

/**
 * Answers once the deployment is no longer what the client has seen, has ended, or the wait is
 * over.
 */
async function waitForChange(
  deps: ApiDeps,
  call: OperationCall<"getDeployment">,
): Promise<DeploymentResource> {
  const { principal, params, query } = call;
  const { accountId } = principal;
  const { app, deployment: id } = params;
  const over = new AbortController();
  const signal = AbortSignal.any([call.signal, over.signal]);
  if (query.waitMs > 0) {
    delay(deps.clock, query.waitMs, signal).then(
      () => over.abort(),
      () => undefined,
    );
  } else over.abort();
  let seen = query.state;
  for (;;) {
    const watch = deps.changes.watch(id, signal);
    try {
      const record = await deps.store.call(storeModule, "getDeployment", { accountId, app, id });
      const resource = deploymentResourceOf(record, deps.urlsOf);
      const mark = deploymentMark(resource);
      seen ??= mark;
      if (mark !== seen || hasEnded(record.state) || signal.aborted) {
        over.abort();
        return resource;
      }
      await watch.woken;
    } finally {
      watch.stop();
    }
  }
}

/** Sources that the app may not deploy, or that are no longer on disk. */
async function missingSources(
  deps: ApiDeps,
  owner: SourceOwner,
  digests: readonly string[],
): Promise<readonly string[]> {
  const args = { owner, digests };
  const { missing, marked } = await deps.store.call(storeModule, "listMissingSources", args);
  const unknown = new Set(
    marked.length === 0 ? missing : await deps.store.call(storeModule, "renewSources", args),
  );
  const there = await Promise.all(digests.map((digest) => deps.codeStore.has(digest)));
  return digests.filter((digest, i) => unknown.has(digest) || there[i] !== true);
}

/** Refuses a name that stands twice: which of the two would win? */
function wantedOf(
  { connectTargets }: ApiDeps,
  functions: readonly WantedFunction[],
): readonly WantedFunction[] {
  const names = functions.map(({ name }) => name);
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  if (twice.length > 0) throw invalid("body", [`functions: "${twice[0]}" is given twice`]);
  for (const { config } of functions) assertMayConnect(connectTargets, config.connect);
  for (const one of functions) assertOneSource(one);
  return functions;
}

/** The gateway asks the same of each connection; here it is told to whoever deploys. */
function assertMayConnect(
  patterns: readonly string[],
  connect: Readonly<Record<string, string>> = {},
): void {
  for (const text of Object.values(connect)) {
    const target = parseTarget(text);
    if (target !== undefined && isTargetIn(patterns, target)) continue;
    throw failReach("CONNECT_TARGET_FORBIDDEN", { target: text });
  }
}

/** Throws SECRET_ENV_TWICE. */
function assertOneSource({ name, config }: WantedFunction): void {
  const twice = Object.keys(config.secrets ?? {}).filter((key) => Object.hasOwn(config.env, key));
  if (twice.length > 0) throw fail("SECRET_ENV_TWICE", { function: name, variables: twice });
}

/** Throws QUOTA_STORAGE_EXCEEDED, and what is wrong with the archive. */
async function takeArchive(
  deps: ApiDeps,
  { params: { digest }, principal: { accountId }, req }: OperationCall<"putPackage">,
): Promise<{ readonly digest: string; readonly bytes: number; readonly files: number }> {
  const announced = req.headers["content-length"];
  assertArchiveFits(announced);
  const assertMayStore = await storageGuard(deps, accountId);
  assertMayStore(Number(announced ?? 0));
  admitBody(req);
  const { bytes, files } = await deps.codeStore.putArchive(digest, req);
  // It lies there already; without a row that owns it, it goes with what nobody needs.
  assertMayStore(bytes);
  return { digest, bytes, files };
}

/** What announces itself as too large is not read; what says nothing is cut off when it is. */
function assertArchiveFits(contentLength: string | undefined): void {
  const bytesMax = LIMITS.archiveBytesMax;
  if (Number(contentLength ?? 0) > bytesMax) throw failCode("ARCHIVE_TOO_LARGE", { bytesMax });
}

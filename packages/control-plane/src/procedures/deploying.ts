/**
 * Transactions that deploy. Each writes everything that belongs together: what was asked for with
 * its audit record, and later all functions of a deployment with their config entries, so that no
 * reader ever sees half of one.
 */
import { appendAudit } from "@skerry/accounts";
import {
  assert,
  type AccountId,
  type AppId,
  type AuditId,
  type DeploymentId,
  type FunctionId,
  type RevisionId,
} from "@skerry/base";
import {
  activateRevision,
  advanceDeployment,
  configIdentity,
  countUnfinishedDeployments,
  ensureApp,
  functionConfigKey,
  insertDeployment,
  markedCode,
  missingSources,
  newDeployment,
  planFunctions,
  pruneDeployments,
  putConfig,
  recordSource,
  renewCode,
  sourcesOf,
  type AdvancedDeployment,
  type DeploymentEvent,
  type DeploymentFunction,
  type DeploymentRecord,
  type PlannedFunction,
  type SourceOwner,
  type WantedFunction,
} from "@skerry/functions/catalogue";
import type { Tx, TxStep } from "@skerry/store";
import { createUrlsOf, deploymentResourceOf } from "../api/resources.ts";
import { fail } from "../errors.ts";
import type { ChangeStamp } from "@skerry/api-serving";
import { recordChange } from "./change.ts";
import { assertSecretsThere } from "./secrets.ts";
import { tellEvent, tellFailure } from "./told-events.ts";

/** Makes an uploaded source deployable in its app. */
export function* keepSource(
  tx: Tx,
  args: {
    readonly stamp: ChangeStamp;
    readonly app: string;
    readonly source: { readonly digest: string; readonly bytes: number; readonly files: number };
  },
): TxStep<void> {
  const { stamp, app, source } = args;
  const owner = { accountId: stamp.accountId, app };
  yield* recordSource(tx, { owner, ...source, wallMs: stamp.atMs });
  yield* renewCode(tx, { names: [source.digest] });
  yield* recordChange(tx, stamp, {
    action: "functions.deploy",
    resource: `app/${app}`,
    details: { operation: "putPackage", ...source },
  });
}

interface AskedSources {
  readonly owner: SourceOwner;
  readonly digests: readonly string[];
}

/** Those of `digests` that cannot be deployed in the app, and those that are marked for removal. */
export function* listMissingSources(
  tx: Tx,
  args: AskedSources,
): TxStep<{ readonly missing: readonly string[]; readonly marked: readonly string[] }> {
  return { missing: yield* missingSources(tx, args), marked: yield* markedCode(tx, args.digests) };
}

/**
 * Lets sources stay that somebody is about to deploy; those of `digests` that cannot be deployed.
 */
export function* renewSources(tx: Tx, args: AskedSources): TxStep<readonly string[]> {
  const missing = yield* missingSources(tx, args);
  yield* renewCode(tx, { names: args.digests.filter((digest) => !missing.includes(digest)) });
  return missing;
}

export interface WantedApp {
  readonly accountId: AccountId;
  readonly app: string;
  readonly wanted: readonly WantedFunction[];
}

export interface AppPlan {
  readonly functions: readonly PlannedFunction[];
  readonly missing: readonly string[];
}

/** What deploying this would change now. Throws SECRET_MISSING. */
export function* planApp(tx: Tx, args: WantedApp): TxStep<AppPlan> {
  yield* assertSecretsThere(tx, args);
  const functions = yield* planFunctions(tx, args);
  const digests = sourcesOf(args.wanted);
  return { functions, missing: yield* missingSources(tx, { owner: args, digests }) };
}

/**
 * Accepts a deployment. Throws SECRET_MISSING, SOURCE_MISSING, DEPLOYMENT_BACKLOG.
 */
export function* createDeployment(
  tx: Tx,
  args: {
    readonly stamp: ChangeStamp;
    readonly id: DeploymentId;
    readonly app: string;
    readonly wanted: readonly WantedFunction[];
    readonly gatewayUrl: string;
    readonly limits: { readonly unfinishedMax: number; readonly keptMax: number };
  },
): TxStep<DeploymentRecord> {
  const { stamp, app, wanted } = args;
  const { accountId, keyId, requestId, atMs } = stamp;
  const plan = yield* planApp(tx, { accountId, app, wanted });
  assertSourcesThere(app, wanted, plan.missing);
  const deployments = yield* countUnfinishedDeployments(tx, accountId);
  if (deployments >= args.limits.unfinishedMax) throw fail("DEPLOYMENT_BACKLOG", { deployments });
  const state = newDeployment(wanted, plan.functions);
  const ids = { id: args.id, accountId, keyId, requestId };
  const record: DeploymentRecord = { ...ids, app, state, createdAtMs: atMs, endedAtMs: null };
  yield* insertDeployment(tx, record);
  yield* renewCode(tx, { names: sourcesOf(wanted) });
  yield* pruneDeployments(tx, { accountId, app, keepMax: args.limits.keptMax });
  yield* recordChange(tx, stamp, {
    action: "functions.deploy",
    resource: `app/${app}`,
    answer: () => deploymentResourceOf(record, createUrlsOf(args.gatewayUrl)),
    details: {
      operation: "createDeployment",
      deployment: args.id,
      functions: state.functions.map(auditOf),
    },
  });
  return record;
}

/** Throws SOURCE_MISSING that names functions and digests. */
export function assertSourcesThere(
  app: string,
  wanted: readonly WantedFunction[],
  missing: readonly string[],
): void {
  if (missing.length === 0) return;
  const functions = wanted
    .filter((fn) => sourcesOf([fn]).some((digest) => missing.includes(digest)))
    .map((fn) => fn.name);
  throw fail("SOURCE_MISSING", { app, functions, digests: missing });
}

function auditOf(fn: DeploymentFunction): Readonly<Record<string, string>> {
  const configHash = configIdentity(fn.config).hash;
  return { name: fn.name, change: fn.change, sourceDigest: fn.sourceDigest, configHash };
}

/** Takes one event of a deployment, except its activation. */
export function* stepDeployment(
  tx: Tx,
  args: { readonly id: DeploymentId; readonly event: DeploymentEvent; readonly wallMs: number },
): TxStep<AdvancedDeployment | undefined> {
  const taken = yield* advanceDeployment(tx, args);
  if (taken !== undefined) yield* tellFailure(tx, { ...taken, wallMs: args.wallMs });
  return taken;
}

/** Plans a deployment anew, as its first step after every start. */
export function* replanDeployment(
  tx: Tx,
  args: { readonly id: DeploymentId; readonly wallMs: number },
): TxStep<AdvancedDeployment | undefined> {
  const current = yield* advanceDeployment(tx, { ...args, event: { kind: "resumed" } });
  if (current?.effects.some(({ kind }) => kind === "plan") !== true) return current;
  const { accountId, app, state } = current.record;
  const plan = yield* planFunctions(tx, { accountId, app, wanted: state.functions });
  const planned = yield* advanceDeployment(tx, { ...args, event: { kind: "planned", plan } });
  if (planned !== undefined) yield* tellFailure(tx, { ...planned, wallMs: args.wallMs });
  return planned;
}

/** Ids for what an activation may have to make. */
export interface FreshIds {
  readonly appId: AppId;
  readonly auditId: AuditId;
  readonly functions: Readonly<
    Record<string, { readonly functionId: FunctionId; readonly revisionId: RevisionId }>
  >;
}

/**
 * Puts all functions of a built deployment in force at once. Does nothing the second time. Throws
 * SECRET_MISSING when one went since it was accepted.
 */
export function* activateDeployment(
  tx: Tx,
  args: { readonly id: DeploymentId; readonly fresh: FreshIds; readonly wallMs: number },
): TxStep<AdvancedDeployment | undefined> {
  const { id, fresh, wallMs } = args;
  const current = yield* advanceDeployment(tx, { id, event: { kind: "resumed" }, wallMs });
  if (current?.effects.some(({ kind }) => kind === "activate") !== true) return current;
  const { record } = current;
  const changed = record.state.functions.filter((fn) => fn.change !== "same");
  const revisions: Record<string, RevisionId> = {};
  let seq: number | null = null;
  if (changed.length > 0) {
    const { accountId, app: name } = record;
    yield* assertSecretsThere(tx, { accountId, app: name, wanted: changed });
    const appId = yield* ensureApp(tx, { accountId, name, freshId: fresh.appId, wallMs });
    for (const fn of changed) {
      const activated = yield* activateOne(tx, { record, fn, appId, fresh, wallMs });
      revisions[fn.name] = activated.revisionId;
      yield* tellDeployed(tx, { record, name: fn.name, revision: activated.revisionId, wallMs });
      seq = activated.seq ?? seq;
    }
    yield* auditActivation(tx, { record, changed, auditId: fresh.auditId, wallMs });
  }
  return yield* advanceDeployment(tx, { id, event: { kind: "activated", seq, revisions }, wallMs });
}

function* tellDeployed(
  tx: Tx,
  args: {
    readonly record: DeploymentRecord;
    readonly name: string;
    readonly revision: RevisionId;
    readonly wallMs: number;
  },
): TxStep<void> {
  const { record, name, revision, wallMs: timeMs } = args;
  const { id, accountId, app } = record;
  yield* tellEvent(tx, {
    ...{ id: `${id}/${name}`, accountId, app, subject: `${app}/${name}`, timeMs },
    type: "skerry.function.deployed.v1",
    data: { app, function: name, deployment: id, revision },
  });
}

function* activateOne(
  tx: Tx,
  args: {
    readonly record: DeploymentRecord;
    readonly fn: DeploymentFunction;
    readonly appId: AppId;
    readonly fresh: FreshIds;
    readonly wallMs: number;
  },
): TxStep<{ readonly revisionId: RevisionId; readonly seq: number | null }> {
  const { record, fn, appId, wallMs } = args;
  const ids = args.fresh.functions[fn.name];
  assert(
    fn.built !== null && ids !== undefined,
    "an activated function is built and has fresh ids",
  );
  const { revisionId, entry } = yield* activateRevision(tx, {
    accountId: record.accountId,
    appId,
    app: record.app,
    wanted: fn,
    ...fn.built,
    freshFunctionId: ids.functionId,
    freshRevisionId: ids.revisionId,
    wallMs,
  });
  if (entry === undefined) return { revisionId, seq: null };
  return {
    revisionId,
    seq: yield* putConfig(tx, { key: functionConfigKey(entry.id), value: entry }),
  };
}

function* auditActivation(
  tx: Tx,
  args: {
    readonly record: DeploymentRecord;
    readonly changed: readonly DeploymentFunction[];
    readonly auditId: AuditId;
    readonly wallMs: number;
  },
): TxStep<void> {
  const { id, accountId, keyId, requestId, app } = args.record;
  yield* appendAudit(tx, {
    ...{ id: args.auditId, accountId, keyId, requestId, atMs: args.wallMs },
    action: "functions.deploy",
    resource: `app/${app}`,
    details: {
      operation: "activateDeployment",
      deployment: id,
      functions: args.changed.map(auditOf),
    },
  });
}

/**
 * Transactions on versions and aliases. Each is one commit with its entries in the config log and
 * its audit record, so that what is cut off in between leaves the state before it; publishing a
 * whole app, and rolling it back, is one, too. They run in the store's worker: nothing here has
 * side effects, and nothing of HTTP is imported.
 */
import type { PrunedVersions, PublishedApp, RolledBackApp } from "@skerry/api-schema";
import type { ChangeStamp } from "@skerry/api-serving";
import { LIMITS, type AliasTarget } from "@skerry/contracts";
import {
  aliasesOfVersion,
  assertFunctionVersion,
  failCatalogue,
  findAlias,
  findAppId,
  getFunction,
  latestChangeOfApp,
  listFunctions,
  numberRevision,
  olderVersions,
  pathOf,
  readConfigSeq,
  removeAlias,
  removeVersion,
  restoreAlias,
  setAlias,
  type AliasNote,
  type FunctionRecord,
  type SetAlias,
  type VersionRecord,
} from "@skerry/functions/catalogue";
import { findOpenRelease, mayLeadTo } from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";
import { appReleaseChanges, type AppReleaseChanges } from "./app-releases.ts";
import { gatewayApiChanges, type GatewayApiChanges } from "./gateway-apis/procedures.ts";
import { createRelease, releaseOpen } from "./create-release.ts";
import { followingOf } from "./move-aliases.ts";
import { recordedBy, type Done, type RecordChange, type Told } from "./recorded.ts";
import { aliasResourceOf, versionResourceOf } from "./resources.ts";

interface ChangeIn {
  readonly stamp: ChangeStamp;
  readonly app: string;
  /** URLs in the answer begin with it. */
  readonly gatewayUrl: string;
}
interface ChangeOf extends ChangeIn {
  readonly fn: string;
}
interface AliasChangeOf extends ChangeOf {
  readonly alias: string;
  /** Null: whatever its tag is. */
  readonly ifChange: number | null;
}
interface Reasoned {
  readonly reason: string;
}
interface Publishing extends Reasoned {
  readonly description: string;
  /** Leads to the version from then on; null: none does. */
  readonly alias: string | null;
}

type Made = Done & Told;

/** Who is behind is known once the commit was told. */
const UNTOLD: { readonly behind: string[] } = { behind: [] };

/** Throws FUNCTION_NOT_FOUND, FUNCTION_CHANGED, VERSIONS_LIMIT, ALIASES_LIMIT. */
function* publishVersion(
  tx: Tx,
  args: ChangeOf & Publishing & { readonly ifVersion: number | null },
): TxStep<Made> {
  const { alias } = args;
  const fn = yield* functionOf(tx, args);
  assertFunctionVersion(fn, args.ifVersion);
  const { record, isNew } = yield* numberLatest(tx, fn, args);
  return {
    answer: { ...versionResourceOf(fn, record, args.gatewayUrl), alias, isNew, ...UNTOLD },
    seq: yield* readConfigSeq(tx),
    ...{ action: "functions.deploy", resource: `function/${pathOf(fn)}` },
    details: { operation: "publishVersion", alias, version: record.number, isNew },
  };
}

/** Throws APP_NOT_FOUND, VERSIONS_LIMIT, ALIASES_LIMIT. */
function* publishApp(tx: Tx, args: ChangeIn & Publishing): TxStep<Made> {
  const { stamp, app, alias } = args;
  const functions: PublishedApp["functions"] = [];
  const limit = LIMITS.functionsPerAppMax;
  const all = yield* listFunctions(tx, { accountId: stamp.accountId, app, after: "", limit });
  for (const fn of all) {
    const { record, isNew } = yield* numberLatest(tx, fn, args);
    functions.push({ function: fn.name, version: record.number, isNew });
  }
  return {
    answer: { app, alias, functions, ...UNTOLD } satisfies PublishedApp,
    seq: yield* readConfigSeq(tx),
    ...{ action: "functions.deploy", resource: `app/${app}` },
    details: { operation: "publishApp", alias, functions },
  };
}

/** Throws FUNCTION_NOT_FOUND, VERSION_NOT_FOUND, VERSION_IN_USE, RELEASE_OPEN. */
function* deleteVersion(tx: Tx, args: ChangeOf & { readonly version: number }): TxStep<Made> {
  const { version } = args;
  const fn = yield* functionOf(tx, args);
  const aliases = yield* aliasesOfVersion(tx, { functionId: fn.id, number: version });
  if (aliases.length > 0) {
    throw failCatalogue("VERSION_IN_USE", { function: pathOf(fn), version, aliases });
  }
  const open = yield* findOpenRelease(tx, fn.appId);
  if (open !== undefined && mayLeadTo(open, { functionId: fn.id, number: version })) {
    throw releaseOpen(open);
  }
  return {
    answer: null,
    seq: yield* removeVersion(tx, { fn, number: version }),
    ...{ action: "functions.delete", resource: `function/${pathOf(fn)}/version/${version}` },
    details: { operation: "deleteVersion" },
  };
}

/** Throws FUNCTION_NOT_FOUND. */
function* pruneVersions(
  tx: Tx,
  args: ChangeOf & { readonly keep: number; readonly dryRun: boolean },
): TxStep<Made> {
  const { keep, dryRun } = args;
  const fn = yield* functionOf(tx, args);
  const older = yield* olderVersions(tx, fn, keep);
  const open = yield* findOpenRelease(tx, fn.appId);
  const isHeld = (number: number): boolean =>
    open !== undefined && mayLeadTo(open, { functionId: fn.id, number });
  const removed = older.unused.filter((number) => !isHeld(number));
  const inUse = [...older.inUse, ...older.unused.filter(isHeld)].toSorted((a, b) => b - a);
  for (const number of dryRun ? [] : removed) yield* removeVersion(tx, { fn, number });
  const done = { dryRun, removed, inUse };
  return {
    answer: { app: fn.app, function: fn.name, ...done, ...UNTOLD } satisfies PrunedVersions,
    seq: yield* readConfigSeq(tx),
    ...{ action: "functions.delete", resource: `function/${pathOf(fn)}` },
    details: { operation: "pruneVersions", keep, dryRun, removed },
  };
}

/** Throws FUNCTION_NOT_FOUND, ALIAS_CHANGED, VERSION_NOT_FOUND, ALIASES_LIMIT. */
function* putAlias(
  tx: Tx,
  args: AliasChangeOf & Reasoned & { readonly target: AliasTarget },
): TxStep<Made> {
  const fn = yield* functionOf(tx, args);
  const set = yield* setAlias(tx, { ...args, fn, note: noteOf(args) });
  return madeOf(args, { operation: "putAlias", fn, set });
}

/**
 * Throws FUNCTION_NOT_FOUND, ALIAS_NOT_FOUND, ALIAS_CHANGED, ALIAS_STATE_NOT_FOUND,
 * VERSION_NOT_FOUND.
 */
function* rollbackAlias(
  tx: Tx,
  args: AliasChangeOf & Reasoned & { readonly to: number | null },
): TxStep<Made> {
  const fn = yield* functionOf(tx, args);
  const set = yield* restoreAlias(tx, { ...args, fn, note: noteOf(args) });
  return madeOf(args, { operation: "rollbackAlias", fn, set });
}

/** Throws FUNCTION_NOT_FOUND, ALIAS_NOT_FOUND, ALIAS_CHANGED. */
function* deleteAlias(tx: Tx, args: AliasChangeOf): TxStep<Made> {
  const { alias } = args;
  const fn = yield* functionOf(tx, args);
  const { record, seq } = yield* removeAlias(tx, { ...args, fn });
  return {
    ...{ answer: null, seq, action: "functions.delete" },
    resource: `function/${pathOf(fn)}/alias/${alias}`,
    details: { operation: "deleteAlias", target: toldTarget(record.target) },
  };
}

/** Throws APP_NOT_FOUND, ALIAS_STATE_NOT_FOUND, VERSION_NOT_FOUND. */
function* rollbackApp(
  tx: Tx,
  args: ChangeIn & Reasoned & { readonly alias: string },
): TxStep<Made> {
  const { stamp, app, alias } = args;
  const appId = yield* findAppId(tx, { accountId: stamp.accountId, name: app });
  if (appId === undefined) throw failCatalogue("APP_NOT_FOUND", { app });
  const functions: RolledBackApp["functions"] = [];
  for (const one of yield* latestChangeOfApp(tx, { appId, alias })) {
    if (one.isFirst) continue;
    const fn = { id: one.id, app, name: one.name };
    const note = noteOf(args);
    const { record } = yield* restoreAlias(tx, { fn, alias, to: null, ifChange: null, note });
    functions.push({ function: fn.name, target: record.target, change: record.change });
  }
  if (functions.length === 0) {
    const what = "earlier state in any function";
    throw failCatalogue("ALIAS_STATE_NOT_FOUND", { alias: `${app}:${alias}`, what });
  }
  return {
    answer: { app, alias, functions, ...UNTOLD } satisfies RolledBackApp,
    seq: yield* readConfigSeq(tx),
    ...{ action: "functions.deploy", resource: `app/${app}/alias/${alias}` },
    details: {
      operation: "rollbackApp",
      functions: functions.map((one) => ({ ...one, target: toldTarget(one.target) })),
    },
  };
}

const CHANGES = {
  publishVersion,
  publishApp,
  deleteVersion,
  pruneVersions,
  putAlias,
  rollbackAlias,
  deleteAlias,
  rollbackApp,
} as const;

/** The same, each with its record in its transaction. */
export type ReleaseChanges = {
  readonly [N in keyof typeof CHANGES]: (
    tx: Tx,
    args: Parameters<(typeof CHANGES)[N]>[1],
  ) => TxStep<Done>;
} & AppReleaseChanges &
  GatewayApiChanges & { readonly createRelease: ReturnType<typeof createRelease> };

/** Procedures of the module that has the catalogue's tables. */
export function releaseChanges(record: RecordChange): ReleaseChanges {
  const recorded = recordedBy(record);
  return {
    publishVersion: recorded(publishVersion),
    publishApp: recorded(publishApp),
    deleteVersion: recorded(deleteVersion),
    pruneVersions: recorded(pruneVersions),
    putAlias: recorded(putAlias),
    rollbackAlias: recorded(rollbackAlias),
    deleteAlias: recorded(deleteAlias),
    rollbackApp: recorded(rollbackApp),
    createRelease: createRelease(record),
    ...appReleaseChanges(record),
    ...gatewayApiChanges(record),
  };
}

function functionOf(tx: Tx, { stamp, app, fn: name }: ChangeOf): TxStep<FunctionRecord> {
  return getFunction(tx, { accountId: stamp.accountId, app, name });
}

function* numberLatest(
  tx: Tx,
  fn: FunctionRecord,
  args: Publishing & { readonly stamp: ChangeStamp },
): TxStep<{ readonly record: VersionRecord; readonly isNew: boolean }> {
  const { alias, description, stamp } = args;
  const { keyId, atMs: wallMs } = stamp;
  const numbered = { fn, revisionId: fn.latest.id, description, keyId, wallMs };
  const done = yield* numberRevision(tx, numbered);
  if (alias === null) return done;
  const former = (yield* findAlias(tx, { fn, alias }))?.target ?? null;
  const version = done.record.number;
  const target = { version, shares: [], rules: [], ...followingOf(former) };
  yield* setAlias(tx, { fn, alias, target, ifChange: null, note: noteOf(args) });
  return done;
}

function noteOf({ stamp, reason }: Reasoned & { readonly stamp: ChangeStamp }): AliasNote {
  const { id: auditId, keyId, atMs: wallMs } = stamp;
  return { auditId, keyId, reason, wallMs };
}

/** For the audit, which is kept for long and read by others: what variables are called. */
function toldTarget({ env, ...target }: AliasTarget): object {
  return env === undefined ? target : { ...target, env: Object.keys(env) };
}

function madeOf(
  { gatewayUrl }: AliasChangeOf,
  done: { readonly operation: string; readonly fn: FunctionRecord; readonly set: SetAlias },
): Made {
  const { operation, fn, set } = done;
  const { name, target, change } = set.record;
  return {
    answer: { ...aliasResourceOf(fn, set.record, gatewayUrl), ...UNTOLD },
    seq: set.seq,
    ...{ action: "functions.deploy", resource: `function/${pathOf(fn)}/alias/${name}` },
    details: { operation, target: toldTarget(target), change, isChanged: set.isChanged },
  };
}

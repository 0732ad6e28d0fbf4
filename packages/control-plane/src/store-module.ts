/**
 * The control plane's part of the store: the tables of catalogue, accounts and idempotency keys,
 * and every transaction over them. The rooms below state fragments; here they are joined, so that a
 * change, its config entry and its audit record are one commit. Imported again by the store's
 * worker thread: nothing here has side effects.
 */
import {
  ACCOUNT_TABLES,
  appendAudit,
  expireAudit,
  expireSignIns,
  listAudit,
  listKeys,
  SIGN_IN_TABLES,
  type AuditRecord,
  type AuditRetention,
} from "@skerry/accounts";
import { GATEWAY_API_TABLES, HELD_ROUTES_TABLES } from "@skerry/gateway-apis";
import { RELEASE_READS, sealedNotUnder } from "@skerry/release-api/procedures";
import { RELEASE_ROUTES_COLUMN, RELEASE_TABLES } from "@skerry/releases";
import {
  ACTION_TABLES,
  ALIAS_TABLES,
  appendDeploymentLog,
  checkAction,
  getAction,
  listActions,
  CATALOGUE_TABLES,
  CODE_SWEEP_TABLES,
  compactConfig,
  condemnCode,
  CONFIG_OBJECT_TABLES,
  DEPLOYMENT_LOG_TABLES,
  forgetRevisions,
  FORMER_NAME_TABLES,
  forgetSavedEvents,
  getConfigObject,
  getDeployment,
  getFunction,
  LAYER_COLUMNS,
  OVERLAY_TABLES,
  listApps,
  listConfigObjects,
  listDeploymentLog,
  listDeployments,
  listFunctions,
  listUnfinishedDeployments,
  namesOfFunctions,
  ownedFunctions,
  readConfig,
  readConfigSeq,
  renewCode,
  reviewCode,
  SAVED_EVENT_TABLES,
  VERSION_TABLES,
} from "@skerry/functions/catalogue";
import { findSealedSecret, findSecret, listSecrets, SECRET_TABLES } from "@skerry/secrets";
import { defineStoreModule, type Store, type Tx, type TxStep } from "@skerry/store";
import * as actions from "./procedures/actions.ts";
import * as configs from "./procedures/configs.ts";
import * as deploying from "./procedures/deploying.ts";
import * as keys from "./procedures/keys.ts";
import * as page from "./procedures/page.ts";
import * as quotas from "./procedures/quotas.ts";
import { RELEASE_CHANGES } from "./procedures/releases.ts";
import * as removing from "./procedures/removing.ts";
import * as secrets from "./procedures/secrets.ts";
import * as told from "./procedures/told-events.ts";
import {
  expireRepeats,
  findRepeat,
  forgetRepeats,
  keepRepeat,
  REPEAT_ANSWERS,
  REPEAT_BOUNDS,
  REPEAT_TABLES,
  repeatUsage,
} from "@skerry/repeats";

/** Writes one audit record for a change that lies outside the store. */
function* recordAudit(tx: Tx, record: AuditRecord): TxStep<void> {
  yield* appendAudit(tx, record);
}

function* configSeq(tx: Tx, _args: null): TxStep<number> {
  return yield* readConfigSeq(tx);
}

/** Takes away a bounded number of rows that nobody can ask for any more. Returns how many. */
function* sweep(
  tx: Tx,
  args: {
    readonly wallMs: number;
    readonly tombstonesKept: number;
    readonly rowsMax: number;
    readonly audit: Omit<AuditRetention, "rowsMax">;
  },
): TxStep<number> {
  const { wallMs, tombstonesKept: keepMax, rowsMax } = args;
  const removed = yield* compactConfig(tx, { keepMax, removeMax: rowsMax });
  const unowned = (yield* expireSignIns(tx, { wallMs })) + (yield* forgetSavedEvents(tx, null));
  const audited = yield* expireAudit(tx, { ...args.audit, rowsMax });
  return removed + unowned + audited + (yield* expireRepeats(tx, { wallMs, limit: rowsMax }));
}

/** The module; `storeModuleUrl` is what the store's worker imports. */
export const storeModule = defineStoreModule({
  name: "control",
  database: "state",
  migrations: [
    { version: 1, sql: [...CATALOGUE_TABLES, ...ACCOUNT_TABLES, ...REPEAT_TABLES] },
    { version: 2, sql: CODE_SWEEP_TABLES },
    { version: 3, sql: [...SIGN_IN_TABLES, ...SAVED_EVENT_TABLES] },
    { version: 4, sql: REPEAT_ANSWERS },
    { version: 5, sql: [...SECRET_TABLES, ...CONFIG_OBJECT_TABLES] },
    { version: 6, sql: REPEAT_BOUNDS },
    { version: 7, sql: FORMER_NAME_TABLES },
    { version: 8, sql: DEPLOYMENT_LOG_TABLES },
    { version: 9, sql: LAYER_COLUMNS },
    { version: 10, sql: ACTION_TABLES },
    { version: 11, sql: told.TOLD_EVENT_TABLES },
    { version: 12, sql: [...VERSION_TABLES, ...ALIAS_TABLES] },
    { version: 13, sql: RELEASE_TABLES },
    { version: 14, sql: GATEWAY_API_TABLES },
    { version: 15, sql: [RELEASE_ROUTES_COLUMN, ...HELD_ROUTES_TABLES] },
    { version: 16, sql: OVERLAY_TABLES },
  ],
  procedures: {
    listToldEvents: told.listToldEvents,
    dropToldEvents: told.dropToldEvents,
    ensureAccount: keys.ensureAccount,
    ensureLocalKey: keys.ensureLocalKey,
    lookUpKey: keys.lookUpKey,
    listKeys,
    createKey: keys.createKey,
    deleteKey: keys.deleteKey,
    listAudit,
    recordAudit,
    keepSource: deploying.keepSource,
    renewSources: deploying.renewSources,
    listMissingSources: deploying.listMissingSources,
    planApp: deploying.planApp,
    createDeployment: deploying.createDeployment,
    replanDeployment: deploying.replanDeployment,
    stepDeployment: deploying.stepDeployment,
    activateDeployment: deploying.activateDeployment,
    getDeployment,
    listDeployments,
    appendDeploymentLog,
    listDeploymentLog,
    listUnfinishedDeployments,
    listApps,
    listFunctions,
    getFunction,
    ownedFunctions,
    namesOfFunctions,
    deleteFunction: removing.deleteFunction,
    deleteApp: removing.deleteApp,
    createSignInLink: page.createSignInLink,
    signIn: page.signIn,
    lookUpConsoleSession: page.lookUpConsoleSession,
    consoleSessions: page.consoleSessions,
    endConsoleSession: page.endConsoleSession,
    accountFunctions: page.accountFunctions,
    savedEvents: page.savedEvents,
    putSavedEvent: page.putSavedEvent,
    deleteSavedEvent: page.deleteSavedEvent,
    checkAction,
    getAction,
    listActions,
    putAction: actions.putAction,
    deleteAction: actions.deleteAction,
    ...RELEASE_READS,
    ...RELEASE_CHANGES,
    findSealedSecret,
    findSecret,
    listSecrets,
    putSecret: secrets.putSecret,
    deleteSecret: secrets.deleteSecret,
    secretsNotUnder: sealedNotUnder,
    rewrapSecrets: secrets.rewrapSecrets,
    recordRotation: secrets.recordRotation,
    recordResumedRotation: secrets.recordResumedRotation,
    getConfigObject,
    listConfigObjects,
    putConfigObject: configs.putConfigObject,
    deleteConfigObject: configs.deleteConfigObject,
    getQuotas: quotas.getQuotas,
    changeQuotas: quotas.changeAccountQuotas,
    usageNames: quotas.usageNames,
    readConfig,
    configSeq,
    findRepeat,
    forgetRepeats,
    keepRepeat,
    repeatUsage,
    sweep,
    forgetRevisions,
    reviewCode,
    condemnCode,
    renewCode,
  },
  reads: [
    "lookUpKey",
    "listKeys",
    "listAudit",
    "listMissingSources",
    "planApp",
    "getDeployment",
    "listUnfinishedDeployments",
    "listApps",
    "listFunctions",
    "getFunction",
    "getQuotas",
    "usageNames",
    "ownedFunctions",
    "namesOfFunctions",
    "lookUpConsoleSession",
    "consoleSessions",
    "accountFunctions",
    "savedEvents",
    "findSecret",
    "listSecrets",
    "secretsNotUnder",
    "getConfigObject",
    "listConfigObjects",
    "readConfig",
    "configSeq",
    "findRepeat",
    "repeatUsage",
    "versionPage",
    "oneVersion",
    "aliasPage",
    "oneAlias",
    "aliasChangePage",
    "shownVersions",
    "qualifiedRevisions",
    "revisionsOfVersions",
    "oneRelease",
    "releasePage",
    "dueReleases",
    "gatewayApiPage",
    "oneGatewayApi",
    "allStages",
    "oneStage",
    "publicationPage",
    "onePublication",
    "twoStates",
    "documentedRoutes",
    "oneDomain",
    "domainPage",
  ],
});

/** The store as this room calls it. */
export type ControlStore = Pick<Store, "call">;

/** Where the store's worker finds the module. */
export const storeModuleUrl = import.meta.url;

/**
 * The control plane's part of the store: the tables of catalogue, accounts and idempotency keys,
 * and every transaction over them. The rooms below state fragments; here they are joined, so that a
 * change, its config entry and its audit record are one commit. Imported again by the store's
 * worker thread: nothing here has side effects.
 */
import {
  ACCOUNT_TABLES,
  appendAudit,
  expireSignIns,
  listAudit,
  listKeys,
  SIGN_IN_TABLES,
  type AuditRecord,
} from "@skerry/accounts";
import {
  CATALOGUE_TABLES,
  CODE_SWEEP_TABLES,
  compactConfig,
  condemnCode,
  forgetRevisions,
  forgetSavedEvents,
  getDeployment,
  getFunction,
  listApps,
  listFunctions,
  listUnfinishedDeployments,
  namesOfFunctions,
  ownedFunctions,
  readConfig,
  readConfigSeq,
  renewCode,
  reviewCode,
  SAVED_EVENT_TABLES,
} from "@skerry/functions";
import { defineStoreModule, type Store, type Tx, type TxStep } from "@skerry/store";
import * as deploying from "./procedures/deploying.ts";
import * as keys from "./procedures/keys.ts";
import * as page from "./procedures/page.ts";
import * as removing from "./procedures/removing.ts";
import { expireRepeats, findRepeat, keepRepeat, REPEAT_ANSWERS, REPEAT_TABLES } from "./repeats.ts";

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
  args: { readonly wallMs: number; readonly tombstonesKept: number; readonly rowsMax: number },
): TxStep<number> {
  const { wallMs, tombstonesKept: keepMax, rowsMax } = args;
  const removed = yield* compactConfig(tx, { keepMax, removeMax: rowsMax });
  const unowned = (yield* expireSignIns(tx, { wallMs })) + (yield* forgetSavedEvents(tx, null));
  return removed + unowned + (yield* expireRepeats(tx, { wallMs, limit: rowsMax }));
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
  ],
  procedures: {
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
    readConfig,
    configSeq,
    findRepeat,
    keepRepeat,
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
    "ownedFunctions",
    "namesOfFunctions",
    "lookUpConsoleSession",
    "consoleSessions",
    "accountFunctions",
    "savedEvents",
    "readConfig",
    "configSeq",
    "findRepeat",
  ],
});

/** The store as this room calls it. */
export type ControlStore = Pick<Store, "call">;

/** Where the store's worker finds the module. */
export const storeModuleUrl = import.meta.url;

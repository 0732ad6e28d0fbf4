/**
 * The ledger's fragments as a module of the store, for their tests. Imported piece by piece, so
 * that a process that is to be killed soon starts fast.
 */
import { defineStoreModule, type ModuleSource } from "@skerry/store";
import { accept } from "../src/ledger/accept.ts";
import { acceptPacked } from "../src/ledger/packed.ts";
import { call, CALL_COLUMNS, readAnswer } from "../src/ledger/calls.ts";
import { cancel } from "../src/ledger/cancel.ts";
import { claim, listLanes } from "../src/ledger/claim.ts";
import {
  findKnown,
  getInvocation,
  listInvocations,
  readPayload,
  readResult,
} from "../src/ledger/read.ts";
import { forgetEnded, forgetKeys, forgetNoneOpen, measureEnded } from "../src/ledger/retention.ts";
import { DELIVERY_LANES, DELIVERY_TABLES } from "../src/ledger/destinations.ts";
import { PROGRESS_TABLES } from "../src/ledger/progress.ts";
import { beat } from "../src/ledger/holders.ts";
import { release, settle } from "../src/ledger/settle.ts";
import { readBalance, readOpen } from "../src/ledger/sums.ts";
import {
  claimWebhooks,
  giveUpOld,
  listWebhooks,
  nameLanes,
  settleWebhook,
} from "../src/ledger/webhooks.ts";
import { REDRIVE_PROCEDURES, REDRIVE_READS } from "../src/redrives/procedures.ts";
import { REDRIVE_DUE_COLUMNS, REDRIVE_TABLES } from "../src/redrives/tables.ts";
import {
  ATTEMPT_INDEXES,
  KEY_ANSWERS,
  LEDGER_TABLES,
  OPEN_TABLES,
  QUEUE_REBUILT,
} from "../src/ledger/tables.ts";

export const storeModule = defineStoreModule({
  name: "ledger",
  database: "ledger",
  migrations: [
    {
      version: 1,
      sql: [
        ...[...LEDGER_TABLES, ...OPEN_TABLES, ...DELIVERY_TABLES, ...DELIVERY_LANES],
        ...[...PROGRESS_TABLES, ...CALL_COLUMNS, ...REDRIVE_TABLES],
        ...REDRIVE_DUE_COLUMNS,
      ],
      sqlite: QUEUE_REBUILT,
    },
    { version: 2, sql: [...ATTEMPT_INDEXES, ...KEY_ANSWERS] },
  ],
  reads: [
    "findKnown",
    "getInvocation",
    "listInvocations",
    "listLanes",
    "listWebhooks",
    "measureEnded",
    "readAnswer",
    "readBalance",
    "readOpen",
    "readPayload",
    "readResult",
    ...REDRIVE_READS,
  ],
  procedures: {
    accept,
    acceptPacked,
    beat,
    call,
    cancel,
    claim,
    claimWebhooks,
    findKnown,
    forgetEnded,
    forgetKeys,
    forgetNoneOpen,
    getInvocation,
    giveUpOld,
    listInvocations,
    listLanes,
    listWebhooks,
    measureEnded,
    nameLanes,
    readAnswer,
    readBalance,
    readOpen,
    readPayload,
    readResult,
    release,
    settle,
    settleWebhook,
    ...REDRIVE_PROCEDURES,
  },
});

export const ledgerSource: ModuleSource = { module: storeModule, url: import.meta.url };

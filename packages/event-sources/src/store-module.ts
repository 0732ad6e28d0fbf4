/**
 * Transactions of the sources, on the ledger's database, so that a source moves on in the commit
 * that enters what comes of it. Tables of timers and topics are made by the module `ledger`, which
 * must be opened before this one; tables of further sources are this module's own. Imported again
 * by the store's worker thread: nothing here has side effects.
 */
import { findKnown, readEnds } from "@skerry/invocations";
import { defineStoreModule, type ModuleSource } from "@skerry/store";
import {
  BUS_FORMATS,
  BUS_HELD,
  BUS_LISTENERS,
  BUS_SHARES,
  BUS_TABLES,
  TIMER_CHANGES,
  TIMER_READS,
  TOPIC_CHANGES,
  TOPIC_READS,
} from "@skerry/triggers";
import { savePosition } from "./bus/letters.ts";
import { tickTimers } from "./bus/missed.ts";
import { BUS_PROCEDURES, BUS_READS } from "./bus/store.ts";
import { stepLetters } from "./topics/letter-steps.ts";
import { publishEnds } from "./topics/publish-ends.ts";
import { publishOnce } from "./topics/publish-once.ts";

/** For transactions of the ledger, whose module is loaded without the rest of this room. */
export { tellEnds } from "./bus/ends.ts";

const READS = { ...TIMER_READS, ...TOPIC_READS, findKnown, readEnds };

export const storeModule = defineStoreModule({
  name: "event-sources",
  database: "ledger",
  migrations: [
    { version: 1, sql: BUS_TABLES },
    { version: 2, sql: BUS_LISTENERS },
    { version: 3, sql: BUS_HELD },
    { version: 4, sql: BUS_SHARES },
    { version: 5, sql: BUS_FORMATS },
  ],
  reads: [...BUS_READS, ...(Object.keys(READS) as (keyof typeof READS)[])],
  procedures: {
    ...{ ...READS, ...BUS_PROCEDURES, ...TIMER_CHANGES, ...TOPIC_CHANGES },
    ...{ publishEnds, publishOnce, savePosition, stepLetters, tickTimers },
  },
});

/** What a store is opened with, after the ledger. */
export const eventSourcesModule: ModuleSource = { module: storeModule, url: import.meta.url };

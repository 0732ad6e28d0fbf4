/**
 * The control module as the release had it whose releases moved no routes: its tables, and what
 * leaves an app in them with a release that has ended. The store's worker imports it.
 */
import type { AccountId } from "@skerry/base";
import { defineStoreModule, type Tx, type TxStep } from "@skerry/store";
import { storeModule as newest } from "../src/store-module.ts";

const PLAN = {
  ...{ stages: ["release"], first: 0, steps: [1_000], stepWaitMs: 1, sampleWaitMs: 1 },
  ...{ samplesMin: 0, withoutSamples: true, guards: [], maxErrorRate: null, maxP95Ms: null },
};
const STAND = {
  ...{ state: "done", place: 0, enteredMs: 1, priorMs: 1, countedMs: 1, isApproved: true },
  ...{ change: 1, nextMs: 1, sides: null, why: null, unsampled: [] },
};

function* leaveRelease(tx: Tx, accountId: AccountId): TxStep<void> {
  yield* tx.run(
    `INSERT INTO apps (id, account_id, name, created_at_ms, updated_at_ms)
     VALUES ('app_old', ?, 'old', 1, 1)`,
    [accountId],
  );
  yield* tx.run(
    `INSERT INTO app_releases (id, account_id, app_id, app, key_id, reason, plan, functions, stand,
       version, due_ms, made_ms, settled_ms)
     VALUES ('rel_old', ?, 'app_old', 'old', 'key_old', 'of before', ?, '[]', ?, 1, NULL, 1, 2)`,
    [accountId, JSON.stringify(PLAN), JSON.stringify(STAND)],
  );
}

const { ensureAccount } = newest.procedures;

/** @public The store's worker imports it by URL. */
export const storeModule = defineStoreModule({
  ...{ name: newest.name, database: newest.database, migrations: newest.migrations.slice(0, 14) },
  procedures: { ensureAccount, leaveRelease },
});
export const storeModule14 = { module: storeModule, url: import.meta.url };
